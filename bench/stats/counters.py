"""Counters that were sampled now and then."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST_SECONDS = 1.0


def increase(
    times: NDArray[np.float64],
    values: NDArray[np.float64],
    start: float,
    end: float,
    *,
    least: float = LEAST_SECONDS,
) -> tuple[float | None, float]:
    """(how much a counter grew between `start` and `end`, the seconds of these that its samples cover).

    Between samples it is taken to grow evenly. A fall is a restart from zero. None if fewer than two samples
    cover `least` seconds."""
    if len(times) < 2:
        return None, 0.0
    order = np.argsort(times, kind="stable")
    steps = np.diff(values[order])
    grown = np.concatenate([[0.0], np.cumsum(np.where(steps < 0, values[order][1:], steps))])
    first, last = max(start, float(times[order[0]])), min(end, float(times[order[-1]]))
    if last - first < least or last <= first:
        return None, 0.0
    at = np.interp([first, last], times[order], grown)
    return float(at[1] - at[0]), last - first
