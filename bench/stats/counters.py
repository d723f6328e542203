"""Counters that were sampled now and then."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: A window of which the samples cover less than this share is not known.
LEAST_COVERAGE = 0.8


def per_second(
    times: NDArray[np.float64], values: NDArray[np.float64], start: float, end: float
) -> float | None:
    """How fast a counter grew between `start` and `end`; None where too little of that was sampled.

    Between samples it is taken to grow evenly, and where they cover only most of the window, the rest is
    taken to be like it. A fall is a restart from zero."""
    if len(times) < 2:
        return None
    order = np.argsort(times, kind="stable")
    steps = np.diff(values[order])
    grown = np.concatenate([[0.0], np.cumsum(np.where(steps < 0, values[order][1:], steps))])
    first, last = max(start, float(times[order[0]])), min(end, float(times[order[-1]]))
    if last <= first or last - first < LEAST_COVERAGE * (end - start):
        return None
    at = np.interp([first, last], times[order], grown)
    return float(at[1] - at[0]) / (last - first)
