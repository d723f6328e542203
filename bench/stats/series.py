"""Numbers out of what was sampled now and then: (times in seconds, values), of counters and of gauges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Series = tuple[NDArray[np.float64], NDArray[np.float64]]

#: A window of which the samples cover less than this share is not known.
LEAST_COVERAGE = 0.8


def per_second(series: Series | None, start: float, end: float) -> float | None:
    """How fast a counter grew between `start` and `end`; None where too little of that was sampled.

    Between samples it is taken to grow evenly, and where they cover only most of the window, the rest is
    taken to be like it. A fall is a restart from zero."""
    if series is None or len(series[0]) < 2:
        return None
    times, values = series
    order = np.argsort(times, kind="stable")
    grown = cumulative(values[order])
    first, last = max(start, float(times[order[0]])), min(end, float(times[order[-1]]))
    if last <= first or last - first < LEAST_COVERAGE * (end - start):
        return None
    at = np.interp([first, last], times[order], grown)
    return float(at[1] - at[0]) / (last - first)


def increase(series: Series | None, start: float, end: float) -> float | None:
    """How much a counter grew in the window; None where too few samples tell."""
    rate = per_second(series, start, end) if end > start else None
    return None if rate is None else rate * (end - start)


def total_increase(series: Series | None) -> float | None:
    """How much a counter grew from its first sample to its last; None if there is none."""
    if series is None or not len(series[0]):
        return None
    times, _ = series
    return increase(series, float(times[0]), float(times[-1])) if times[-1] > times[0] else 0.0


def within(series: Series | None, start: float, end: float) -> NDArray[np.float64]:
    """The values sampled in the window; empty if there are none."""
    if series is None:
        return np.empty(0)
    times, values = series
    return values[(times >= start) & (times <= end)]


def mean(series: Series | None, start: float, end: float) -> float | None:
    values = within(series, start, end)
    return float(values.mean()) if values.size else None


def highest(series: Series | None, start: float, end: float) -> float | None:
    values = within(series, start, end)
    return float(values.max()) if values.size else None


def growth(series: Series | None, start: float, end: float) -> float | None:
    """Last value less first value of a gauge in the window."""
    values = within(series, start, end)
    return float(values[-1] - values[0]) if values.size else None


def last(series: Series | None, start: float, end: float) -> float | None:
    values = within(series, start, end)
    return float(values[-1]) if values.size else None


def total_of(series: Series | None) -> float:
    """The last value of a counter that began at zero with the run; 0 if there is none."""
    return float(series[1][-1]) if series is not None and len(series[1]) else 0.0


def rise(values: NDArray[np.float64]) -> float:
    """How much a counter grew from its first sample to its last; nothing where there is none."""
    return float(cumulative(values)[-1]) if len(values) else 0.0


def cumulative(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much a counter had grown at each sample since the first. A fall is a restart from zero."""
    steps = np.diff(values)
    return np.concatenate([[0.0], np.cumsum(np.where(steps < 0, values[1:], steps))])
