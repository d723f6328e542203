"""Measuring: from a plan to a run record, and what can be computed from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from bench.frames import Run

__version__ = "0.1.0"


def load(run: str | Path = "latest", base: Path | None = None) -> Run:
    """A recorded run as pandas frames: by its path, its id, its last four letters, a prefix, or `latest`.

    `base`: the folder of the runs (default: results/runs here). Raises UsageError if there is no such run."""
    from bench.frames import load

    return load(run, base)
