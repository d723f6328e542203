"""Times as people write them."""

from __future__ import annotations

import re

_FORM = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h)?")
_SECONDS = {"ms": 0.001, "s": 1.0, None: 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def parse_seconds(text: str) -> float | None:
    """`900`, `900s`, `500ms`, `15m` or `1h` in seconds; None for another text."""
    match = _FORM.fullmatch(text.strip())
    return float(match[1]) * _SECONDS[match[2]] if match else None
