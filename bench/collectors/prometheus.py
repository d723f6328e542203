"""Read Prometheus' text format (exposition format 0.0.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator

_LINE = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})?\s+(?P<value>\S+)(?:\s+-?\d+)?")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


def samples(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """(name, labels, value) of every sample; lines that are none are skipped."""
    for line in text.splitlines():
        if line.startswith("#") or (match := _LINE.fullmatch(line.strip())) is None:
            continue
        try:
            value = float(match["value"])
        except ValueError:
            continue
        labels = {name: _unescape(raw) for name, raw in _LABEL.findall(match["labels"] or "")}
        yield match["name"], labels, value


def _unescape(raw: str) -> str:
    return re.sub(r'\\[\\"n]', lambda match: _ESCAPES[match[0]], raw)
