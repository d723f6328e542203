"""From rounds to Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from bench.words import count, seconds, size


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are aligned to the right."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def with_spread(values: Sequence[float], digits: int = 0) -> str:
    """The median, and the lowest and highest value where there are several: `52 400 (50 100 to 53 000)`."""
    middle = _number(statistics.median(values), digits)
    if len(values) == 1:
        return middle
    return f"{middle} ({_number(min(values), digits)} to {_number(max(values), digits)})"


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Round by round, so that what slows the machine down for a while slows both sides."""
    return [mine / other for mine, other in zip(ours, theirs, strict=True)]


def memory(peaks: Sequence[dict[str, int]]) -> str:
    """The most memory of each process over all rounds."""
    names = dict.fromkeys(name for peak in peaks for name in peak)
    highest = {name: max(peak.get(name) or 0 for peak in peaks) for name in names}
    words = [size(value) for value in highest.values() if value]
    return " + ".join(words) if words else "unknown"


def off_by(value: float | None, truth: float) -> str:
    """What was reported, and how far it is from the truth."""
    if value is None:
        return "not reported"
    return f"{seconds(value)} ({'+' if value >= truth else '−'}{seconds(abs(value - truth))})"


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if digits else count(round(value))
