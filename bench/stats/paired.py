"""How much two sides differ, from one value a run: paired runs, or two sets of runs.

Ratios are handled as differences of logarithms, which makes "twice" and "half" equally far from "the same"
and the spread of positive measurements near to normal. Intervals are Student's, which with some ten runs
hold what they promise (`tests/stats/test_paired.py` measures their risk and their power).

Sources: Welch, Biometrika 34, 1947 (two sets); Yuen, Biometrika 61, 1974 (trimmed means); Hollander, Wolfe &
Chicken, *Nonparametric Statistical Methods*, 2014, 3.1 and 3.2 (signed ranks, Hodges-Lehmann); Lakens,
*Social Psychological and Personality Science* 8, 2017 (tests against a margin).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.stats.quantiles import t_quantile

POWER = 0.8
#: A machine that is slower by a share makes nothing slower by much more than that share.
MOST_SLOPE = 1.5
#: Up to here the distribution of the signed-rank statistic is counted out.
_EXACT = 200


@dataclass(frozen=True, slots=True)
class Shift:
    """An estimated difference with its standard error and degrees of freedom, in the values' own unit (of
    logarithms: none)."""

    value: float
    error: float
    freedom: float

    def low(self, risk: float) -> float:
        """The true difference lies below this with probability `risk`."""
        return self.value - self._times(1 - risk)

    def high(self, risk: float) -> float:
        """The true difference lies above this with probability `risk`."""
        return self.value + self._times(1 - risk)

    def detectable(self, risk: float) -> float:
        """The smallest difference that a test with this one-sided risk finds in `POWER` of all repetitions,
        if the spread is as it was seen: (t(1 - risk) + t(power)) standard errors."""
        return self._times(1 - risk) + self._times(POWER)

    def _times(self, probability: float) -> float:
        return t_quantile(probability, self.freedom) * self.error if self.error else 0.0


def log_ratios(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """ln(b / a), pair by pair. Raises ValueError unless all values are positive and finite, and as many."""
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.shape != second.shape:
        raise ValueError(f"{first.size} values cannot be paired with {second.size}")
    return logarithms(second) - logarithms(first)


def logarithms(values: ArrayLike) -> NDArray[np.float64]:
    """Raises ValueError unless all values are positive and finite."""
    array = np.asarray(values, np.float64)
    if not (np.isfinite(array).all() and (array > 0).all()):
        raise ValueError("a ratio needs values above 0")
    logs: NDArray[np.float64] = np.log(array)
    return logs


def paired(differences: ArrayLike, trim: int = 0) -> Shift:
    """The mean of paired differences without the `trim` lowest and the `trim` highest: one run that the
    machine disturbed then neither moves the mean nor widens the interval (Yuen's).

    Raises ValueError unless two differences or more remain."""
    values = np.sort(np.asarray(differences, np.float64))
    kept = values.size - 2 * trim
    if kept < 2 or trim < 0:
        raise ValueError("an interval needs two pairs or more")
    inner = values[trim : trim + kept]
    deviations = float(np.clip(values, inner[0], inner[-1]).var(ddof=1)) * (values.size - 1)
    return Shift(float(inner.mean()), math.sqrt(deviations / (kept * (kept - 1))), kept - 1)


def adjusted(
    values: tuple[ArrayLike, ArrayLike], covariate: tuple[ArrayLike, ArrayLike], trim: int = 0
) -> Shift:
    """`paired`, of the differences values[1] - values[0], once what the covariate explains is taken out.

    The covariate (how slow the machine was) is measured in the same runs and must not depend on the side. Its
    slope is that of both sides' runs around their own means, between 0 and `MOST_SLOPE`; what its uncertainty
    adds is part of the standard error, and one degree of freedom is given for it (analysis of covariance:
    Fisher, *Statistical Methods for Research Workers*, 1932; in experiments on the web: Deng, Xu, Kohavi &
    Walker, WSDM 2013).

    Raises ValueError unless both sides have as many values of both, and four differences or more remain."""
    outcome, cause = (np.asarray(sides, np.float64) for sides in (values, covariate))
    if outcome.shape != cause.shape or outcome.ndim != 2:
        raise ValueError("every value needs its covariate")
    pairs = outcome.shape[1]
    if pairs - 2 * trim < 4:
        raise ValueError("an adjusted interval needs four pairs or more")
    outcome_about, cause_about = (sides - sides.mean(axis=1, keepdims=True) for sides in (outcome, cause))
    spread = float((cause_about**2).sum())
    slope = float((outcome_about * cause_about).sum()) / spread if spread else 0.0
    slope = min(max(slope, 0.0), MOST_SLOPE)
    left = outcome_about - slope * cause_about
    uncertain = float((left**2).sum()) / (2 * pairs - 3) / spread if spread else 0.0
    unequal = cause[1] - cause[0]
    shift = paired(outcome[1] - outcome[0] - slope * unequal, trim)
    error = math.sqrt(shift.error**2 + uncertain * float(unequal.mean()) ** 2)
    return Shift(shift.value, error, shift.freedom - 1)


def welch(a: ArrayLike, b: ArrayLike) -> Shift:
    """mean(b) - mean(a) of two independent sets that may spread differently, with Welch's degrees of freedom.

    Raises ValueError if a set has fewer than two values."""
    sets = [np.asarray(values, np.float64) for values in (a, b)]
    if min(values.size for values in sets) < 2:
        raise ValueError("an interval needs two values or more on each side")
    parts = [float(values.var(ddof=1)) / values.size for values in sets]
    total = sum(parts)
    freedom = (
        total**2 / sum(part**2 / (values.size - 1) for part, values in zip(parts, sets, strict=True))
        if total
        else min(values.size for values in sets) - 1
    )
    return Shift(float(sets[1].mean() - sets[0].mean()), math.sqrt(total), freedom)


def hodges_lehmann(differences: ArrayLike) -> float:
    """Median of the averages of all pairs of differences: an estimate of the shift that outliers hardly move.
    Raises ValueError for none."""
    values = np.asarray(differences, np.float64)
    if not values.size:
        raise ValueError("no differences")
    first, second = np.triu_indices(values.size)
    return float(np.median((values[first] + values[second]) / 2))


def signed_rank_p(differences: Sequence[float]) -> float:
    """Two-sided p of Wilcoxon's signed-rank test that the differences lie around 0, counted out exactly.

    Zeros are left out and ties share their ranks. The smallest p that n pairs can reach is 2 / 2^n: 0.0625
    with 5, 0.0078 with 8. Raises ValueError for more than 200 differences."""
    values = np.asarray([value for value in differences if value], np.float64)
    if values.size > _EXACT:
        raise ValueError(f"{values.size} differences are more than the {_EXACT} that are counted out")
    if not values.size:
        return 1.0
    # Doubled, because tied ranks end in one half.
    ranks = np.rint(2 * _ranks(np.abs(values))).astype(int)
    ways = np.zeros(int(ranks.sum()) + 1)
    ways[0] = 1.0
    for rank in ranks.tolist():
        ways[rank:] = ways[rank:] + ways[:-rank]
    reached = int(ranks[values > 0].sum())
    share = ways / ways.sum()
    return float(min(1.0, 2 * min(share[: reached + 1].sum(), share[reached:].sum())))


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """From 1; equal values get the mean of their ranks."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: NDArray[np.float64] = (last - (counts - 1) / 2)[places]
    return ranks
