"""Numbers out of sampled series: (times in seconds since the run's origin, values)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.stats.counters import per_second

Series = tuple[NDArray[np.float64], NDArray[np.float64]]


def increase(series: Series | None, start: float, end: float) -> float | None:
    """How much a counter grew in the window (`bench.stats.counters`); None where too few samples tell."""
    if series is None or end <= start:
        return None
    rate = per_second(*series, start, end)
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
