"""Is a run steady: where did its warm-up end, and does what is left drift.

Both work on one number per second, the median response time of that second, which a few slow requests do
not move.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.stats.quantiles import PerSecond, t_quantile

_BATCH = 5
#: Change over the window, as a share of its level, that a run may show and still count as steady.
DRIFT_LIMIT = 0.10
#: Below this many seconds there are not two batches for MSER-5 to choose between.
FEWEST_SECONDS = 10
#: Below this many there are not two batches left to hold a cut of half of them against.
FEWEST_TO_CUT = 20


@dataclass(frozen=True, slots=True)
class Drift:
    """Change of the level over the window as a share of its median, with a 95 % interval.

    `low` and `high` are None where the seconds resemble each other so much that less than one degree of
    freedom is left."""

    change: float
    low: float | None
    high: float | None
    effective_seconds: float

    @property
    def certain(self) -> bool:
        """The interval lies on one side of zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


@dataclass(frozen=True, slots=True)
class Settled:
    """`start`: the second from which on the series is settled, None = from its first. `reached`: False where
    it never settled; None where it is too short to say."""

    start: float | None = None
    reached: bool | None = None


@dataclass(frozen=True, slots=True)
class Steadiness:
    """`cut`: seconds at the start that MSER-5 takes for warm-up. `seconds`: how many are left and judged.
    `drift` is None where the series is too short to judge."""

    cut: float
    seconds: int
    drift: Drift | None

    @property
    def steady(self) -> bool | None:
        """False: a drift above the limit is certain. None: the series is too short, or shows a change above
        the limit that may be chance (a lone step late in the run, or strongly autocorrelated seconds)."""
        if self.drift is None:
            return None
        if abs(self.drift.change) <= DRIFT_LIMIT:
            return True
        return False if self.drift.certain else None


def medians(seconds: PerSecond) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(seconds, their medians) of per-second histograms; seconds without an answer are left out."""
    pairs = [(time, median) for time, part in seconds if (median := part.quantile(0.5)) is not None]
    pairs.sort()
    table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def mser5(series: ArrayLike) -> int:
    """How many values at the start to cut off as warm-up, never more than half of them.

    MSER-5 (White, Cobb & Spratt, WSC 2000): average batches of 5, then cut the d batches that minimise
    sum((y - mean)^2) / (n - d)^2 over the n - d that are left."""
    values = np.asarray(series, dtype=np.float64)
    batches = _batches(values)
    n = batches.size
    if n < 2:
        return 0
    errors = [float(np.var(batches[d:])) / (n - d) for d in range(n // 2 + 1)]
    return int(np.argmin(errors)) * _BATCH


def settle(times: ArrayLike, series: ArrayLike) -> Settled:
    """Where the warm-up of a per-second series (ascending times in seconds) ends.

    MSER-5 says what is settled for sure: it always names a place, in pure noise too, and rather late than
    early. Warm-up are those batches from the first one on that differ from the level after that place, by
    more than `DRIFT_LIMIT` and by more than its batches leave to chance (95 %); a hiccup later on is none.
    What still drifts after it, or differs up to the middle, has not settled, and nothing is cut."""
    t = np.asarray(times, dtype=np.float64)
    y = np.asarray(series, dtype=np.float64)
    if t.size < FEWEST_TO_CUT:
        return Settled()
    batches = _batches(y)
    unsure = mser5(y) // _BATCH
    differing = _leading(batches[:unsure], batches[unsure:])
    cut = differing * _BATCH
    if differing == batches.size // 2 or _drifts(drift(t[cut:], y[cut:])):
        return Settled(reached=False)
    return Settled(float(t[cut]) if cut else None, True)


def drift(times: ArrayLike, series: ArrayLike) -> Drift:
    """Linear drift of a series from its first to its last time, as a share of its median.

    Least squares, with the standard error corrected for autocorrelation as by Santer et al. (J. Geophys.
    Res. 105, 2000, eq. 3-6): n_eff = n (1 - r) / (1 + r), r the lag-1 autocorrelation of the residuals
    (negative r is taken as 0), in place of n for both the variance and the degrees of freedom.
    Raises ValueError for fewer than three points or a median that is not positive."""
    t = np.asarray(times, dtype=np.float64)
    y = np.asarray(series, dtype=np.float64)
    level = float(np.median(y)) if y.size else 0.0
    if t.size < 3 or level <= 0:
        raise ValueError("a drift takes three points or more at a positive level")
    centred = t - t.mean()
    squares = float(np.dot(centred, centred))
    slope = float(np.dot(centred, y)) / squares
    residuals = y - y.mean() - slope * centred
    scale = float(t[-1] - t[0]) / level
    energy = float(np.dot(residuals, residuals))
    if energy <= 1e-24 * float(np.dot(y, y)):
        energy = 0.0  # a straight line; what is left is rounding, whose autocorrelation means nothing
    r = float(np.dot(residuals[:-1], residuals[1:])) / energy if energy > 0 else 0.0
    r = min(max(r, 0.0), 1 - 1e-9)
    effective = t.size * (1 - r) / (1 + r)
    if effective < 3:
        return Drift(slope * scale, None, None, effective)
    error = math.sqrt(energy / (effective - 2) / squares)
    half = t_quantile(0.975, effective - 2) * error
    return Drift(slope * scale, (slope - half) * scale, (slope + half) * scale, effective)


def _batches(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of successive batches; values that fill none are left out."""
    n = values.size // _BATCH
    means: NDArray[np.float64] = values[: n * _BATCH].reshape(n, _BATCH).mean(axis=1)
    return means


def _leading(batches: NDArray[np.float64], settled: NDArray[np.float64]) -> int:
    """How many batches differ from the settled ones without a break, from the first one on."""
    level = float(settled.mean())
    spread = float(settled.std(ddof=1)) * math.sqrt(1 + 1 / settled.size)
    allowed = max(DRIFT_LIMIT * level, t_quantile(0.975, settled.size - 1) * spread)
    alike = np.flatnonzero(np.abs(batches - level) <= allowed)
    return int(alike[0]) if alike.size else int(batches.size)


def _drifts(found: Drift) -> bool:
    return found.certain and abs(found.change) > DRIFT_LIMIT


def assess(times: ArrayLike, series: ArrayLike) -> Steadiness:
    """Cut the warm-up of a per-second series (ascending times in seconds), then judge the drift of the rest.

    Ask it only of stationary arrivals: a ramp is meant to drift."""
    t = np.asarray(times, dtype=np.float64)
    y = np.asarray(series, dtype=np.float64)
    if t.size < FEWEST_SECONDS:
        return Steadiness(0.0, int(t.size), None)
    start = mser5(y)
    return Steadiness(float(t[start] - t[0]), int(t.size - start), drift(t[start:], y[start:]))
