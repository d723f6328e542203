"""Where kato-bench keeps what it would otherwise work out again."""

from __future__ import annotations

import os
from pathlib import Path


def folder() -> Path | None:
    """`$KATO_BENCH_CACHE`, else `kato-bench` below `$XDG_CACHE_HOME` or `~/.cache`; None without a home. It
    need not exist."""
    if chosen := os.environ.get("KATO_BENCH_CACHE"):
        return Path(chosen)
    try:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:
        return None
    return base / "kato-bench"
