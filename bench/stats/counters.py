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
    grown = np.concatenate([[0.0], np.cumsum(_steps(values[order]))])
    first, last = max(start, float(times[order[0]])), min(end, float(times[order[-1]]))
    if last <= first or last - first < LEAST_COVERAGE * (end - start):
        return None
    at = np.interp([first, last], times[order], grown)
    return float(at[1] - at[0]) / (last - first)


def rise(values: NDArray[np.float64]) -> float:
    """How much a counter grew from its first sample to its last. A fall is a restart from zero."""
    return float(_steps(values).sum())


def _steps(values: NDArray[np.float64]) -> NDArray[np.float64]:
    steps = np.diff(values)
    return np.where(steps < 0, values[1:], steps)
