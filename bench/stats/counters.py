"""Counters that were sampled now and then."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def increase(
    times: NDArray[np.float64], values: NDArray[np.float64], start: float, end: float
) -> tuple[float | None, float]:
    """(how much a counter grew between `start` and `end`, the seconds of these that its samples cover).

    Between samples it is taken to grow evenly. A step back is a restart of what was counted and adds
    nothing. None if fewer than two samples cover at least a second."""
    if len(times) < 2:
        return None, 0.0
    order = np.argsort(times, kind="stable")
    grown = np.concatenate([[0.0], np.cumsum(np.maximum(np.diff(values[order]), 0.0))])
    first, last = max(start, float(times[order[0]])), min(end, float(times[order[-1]]))
    if last - first < 1.0:
        return None, 0.0
    at = np.interp([first, last], times[order], grown)
    return float(at[1] - at[0]), last - first
