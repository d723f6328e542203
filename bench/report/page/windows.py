"""Samples over time as lines of few points: a report shows hours as well as seconds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.stats.histogram import MAX_VALUE, Histogram
from bench.stats.quantiles import required
from bench.stats.series import cumulative

#: Lengths of a window in seconds: those that people count in.
WIDTHS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600)
#: Most points of a line; more are not seen on a page.
MOST_POINTS = 240

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """`values[i]` at second `times[i]` of the run; None where nothing is known, infinite where no answer
    came. `width`: the seconds that a point stands for."""

    name: str
    times: list[float]
    values: list[float | None]
    width: float

    @property
    def known(self) -> list[float]:
        return [value for value in self.values if value is not None]


def width_for(seconds: float, least: float = 0.0) -> int:
    """The shortest window that has `least` seconds at least and cuts `seconds` into few enough points."""
    wanted = max(least, seconds / MOST_POINTS)
    return next((width for width in WIDTHS if width >= wanted), math.ceil(wanted / 3600) * 3600)


def edges(start: float, end: float, width: int) -> Floats:
    """Whole seconds, `width` apart, from `start` as far as a whole window fits before `end`; one at least."""
    first = math.floor(start)
    count = max(1, int((end - first) // width))
    return first + width * np.arange(count + 1, dtype=np.float64)


class EventCounts:
    """How many events fell into each whole second of [start, end): of millions of events, what is drawn."""

    def __init__(self, start: float, end: float) -> None:
        self._first = math.floor(start)
        self._counts = np.zeros(max(1, math.ceil(end) - self._first), np.int64)

    def add(self, times: Floats) -> None:
        """Count events; those that did not happen (NaN) or fell elsewhere are left out."""
        offsets = times - self._first
        inside = offsets[(offsets >= 0) & (offsets < len(self._counts))].astype(np.int64)
        self._counts += np.bincount(inside, minlength=len(self._counts))

    def between(self, bounds: Floats) -> NDArray[np.int64]:
        """How many fell between one bound and the next, which are whole seconds."""
        reached = np.concatenate([[0], np.cumsum(self._counts)])
        places = np.clip(bounds.astype(np.int64) - self._first, 0, len(self._counts))
        counts: NDArray[np.int64] = np.diff(reached[places])
        return counts


def counted(name: str, events: EventCounts, bounds: Floats) -> Line:
    """Events per second; `bounds` are whole seconds."""
    width = float(bounds[1] - bounds[0])
    return Line(name, _centres(bounds), [float(count) / width for count in events.between(bounds)], width)


def averaged(name: str, times: Floats, values: Floats, bounds: Floats) -> Line:
    """The mean of a gauge's samples in each window."""
    places = np.searchsorted(bounds, times, side="right") - 1
    inside = (places >= 0) & (places < len(bounds) - 1)
    size = len(bounds) - 1
    sums = np.bincount(places[inside], values[inside], minlength=size)
    counts = np.bincount(places[inside], minlength=size)
    means = [float(total / count) if count else None for total, count in zip(sums, counts, strict=True)]
    return Line(name, _centres(bounds), means, float(bounds[1] - bounds[0]))


def growth(name: str, times: Floats, values: Floats, bounds: Floats) -> Line:
    """How fast a counter grew in each window, per second; a fall is a restart from zero.

    Known where its samples reach over the whole window."""
    width = float(bounds[1] - bounds[0])
    order = np.argsort(times, kind="stable")
    at, read = times[order], values[order]
    if len(at) < 2:
        return Line(name, _centres(bounds), [None] * (len(bounds) - 1), width)
    rates = np.diff(np.interp(bounds, at, cumulative(read))) / width
    known = (bounds[:-1] >= at[0] - 0.5 * width) & (bounds[1:] <= at[-1] + 0.5 * width)
    return Line(
        name,
        _centres(bounds),
        [float(rate) if here else None for rate, here in zip(rates, known, strict=True)],
        width,
    )


def percentiles(name: str, seconds: Sequence[tuple[int, Histogram]], q: float, bounds: Floats) -> Line:
    """Quantile `q` of per-second histograms in each window; None where its sample does not carry it."""
    width = float(bounds[1] - bounds[0])
    groups: list[list[Histogram]] = [[] for _ in bounds[1:]]
    for second, histogram in seconds:
        place = int((second - bounds[0]) // width)
        if 0 <= place < len(groups):
            groups[place].append(histogram)
    values: list[float | None] = []
    for group in groups:
        merged = Histogram.merged(group)
        value = merged.quantile(q) if merged.count >= required(q) else None
        values.append(math.inf if value is not None and value >= MAX_VALUE else value)
    return Line(name, _centres(bounds), values, width)


def _centres(bounds: Floats) -> list[float]:
    return [float(one) for one in (bounds[:-1] + bounds[1:]) / 2]
