"""How a cost grows with size: choose a law, fit it, and say where it reaches a level.

Every law is `a + b * size ** c` with a and b not negative:

    constant       b = 0
    linear         c = 1
    power          a = 0
    affine power   all three

Costs are read on a relative scale, so residuals count as shares of the value: the squared sum of
(fitted - y) / (s y) is minimised, s being the standard error of a point as a share. The exponent is searched
on a grid, the other two have a closed solution for each exponent.

The law is chosen by leave-one-out: every size in turn is predicted from the others, and among the laws whose
mean squared error (of logarithms) is within one standard error of the best the one with the fewest parameters
wins (Breiman et al., *Classification and Regression Trees*, 1984, 3.4.3). Left out at the ends, a size must
be extrapolated, which is what the law is wanted for; an information criterion with six points and three
parameters has no such check.

Intervals come from a parametric bootstrap that chooses the law anew in each draw, so that they also carry the
doubt about the law, which dominates beyond the measured sizes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.stats.quantiles import Estimate, t_quantile

LawName = Literal["constant", "linear", "power", "affine power"]

#: Fewer sizes leave nothing to leave out.
FEWEST_SIZES = 3
DRAWS = 400
#: A single run scatters by at least this much, whatever its own interval says.
LEAST_ERROR = 0.02

_EXPONENTS = np.arange(0.1, 3.01, 0.05)
_TAIL = 2.5

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Law:
    """`a + b * size ** c`, in the unit of the values."""

    name: LawName
    a: float
    b: float
    c: float

    def __call__(self, size: float) -> float:
        return float(self.a + self.b * size**self.c)

    def reaches(self, level: float) -> float:
        """The size at which it reaches the level: 0 if it starts there, infinite if it never does."""
        if self.a >= level:
            return 0.0
        if self.b <= 0:
            return math.inf
        with np.errstate(over="ignore"):
            return float(np.float64((level - self.a) / self.b) ** (1 / self.c))


@dataclass(frozen=True, slots=True)
class Growth:
    """The chosen law. `error`: the typical relative error at a size that was left out. `draws`: laws of the
    bootstrap."""

    law: Law
    error: float
    draws: tuple[Law, ...]
    n: int

    def at(self, size: float) -> Estimate:
        """The cost at a size, with its interval."""
        low, high = _interval([law(size) for law in self.draws])
        return Estimate(self.law(size), low, high, self.n)

    def reaches(self, level: float) -> Estimate:
        """The size at which the cost reaches the level, with its interval; infinite where it does not."""
        low, high = _interval([law.reaches(level) for law in self.draws])
        return Estimate(self.law.reaches(level), low, high, self.n)


def fit(
    sizes: Sequence[float],
    values: Sequence[float],
    errors: Sequence[float] | None = None,
    *,
    seed: int = 0,
    draws: int = DRAWS,
) -> Growth:
    """Choose and fit a law. `errors`: standard error of each value as a share of it; None = alike.

    Raises ValueError for fewer than three different sizes, or a size or value that is not positive."""
    x = np.asarray(sizes, dtype=np.float64)
    y = np.asarray(values, dtype=np.float64)
    if len(np.unique(x)) < FEWEST_SIZES:
        raise ValueError(f"a law takes {FEWEST_SIZES} different sizes or more, not {len(np.unique(x))}")
    if x.shape != y.shape or (x <= 0).any() or not (np.isfinite(y).all() and (y > 0).all()):
        raise ValueError("sizes and values come in pairs of positive numbers")
    share = np.full(len(x), LEAST_ERROR) if errors is None else np.asarray(errors, dtype=np.float64)
    share = np.maximum(share, LEAST_ERROR)
    names, fitted, scores = _choose(x, y[None, :], share)
    law = _law(names[0], fitted[0])
    # What the law misses at the measured sizes is scatter too, or a law that none of the four is.
    misses = np.log(np.array([law(size) for size in x]) / y)
    freedom = max(1, len(x) - _PARAMETERS[law.name])
    scatter = np.maximum(share, math.sqrt(float(np.dot(misses, misses)) / freedom))
    noise = np.random.default_rng(seed).normal(size=(draws, len(x)))
    again, refitted, _ = _choose(x, y * np.exp(scatter * noise), share)
    resampled = tuple(_law(name, row) for name, row in zip(again, refitted, strict=True))
    return Growth(law, math.sqrt(scores[0]), resampled, len(x))


def straight_line(x: Sequence[float], y: Sequence[float]) -> tuple[float, Estimate]:
    """(intercept, slope with its 95 % t interval) by least squares; no interval for two points.

    Raises ValueError for fewer than two different x."""
    at, values = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if at.shape != values.shape or len(np.unique(at)) < 2:
        raise ValueError("a line takes two different points or more")
    centred = at - at.mean()
    squares = float(np.dot(centred, centred))
    slope = float(np.dot(centred, values)) / squares
    intercept = float(values.mean() - slope * at.mean())
    freedom = len(at) - 2
    if not freedom:
        return intercept, Estimate(slope, None, None, len(at))
    residuals = values - intercept - slope * at
    half = t_quantile(0.975, freedom) * math.sqrt(float(np.dot(residuals, residuals)) / freedom / squares)
    return intercept, Estimate(slope, slope - half, slope + half, len(at))


_PARAMETERS: dict[LawName, int] = {"constant": 1, "linear": 2, "power": 2, "affine power": 3}


def _choose(x: Array, y: Array, share: Array) -> tuple[list[LawName], Array, Array]:
    """For each row of `y`: the law, its (a, b, c), and its leave-one-out mean squared error of logarithms."""
    candidates = [name for name, size in _PARAMETERS.items() if size < len(x)]
    losses = np.stack([_left_out(name, x, y, share) for name in candidates])
    means = losses.mean(axis=2)
    best = means.argmin(axis=0)
    rows = np.arange(len(y))
    spread = losses[best, rows].std(axis=1, ddof=1) / math.sqrt(len(x))
    allowed = means[best, rows] + spread
    # Of those allowed the fewest parameters, and of these the smallest error.
    sizes = np.array([_PARAMETERS[name] for name in candidates], dtype=np.float64)[:, None]
    order = np.where(means <= allowed, sizes + means / (1 + means), np.inf)
    chosen = order.argmin(axis=0)
    fits = np.stack([_fitted(name, x, y, 1 / (share * y) ** 2) for name in candidates])
    return [candidates[place] for place in chosen], fits[chosen, rows], means[chosen, rows]


def _left_out(name: LawName, x: Array, y: Array, share: Array) -> Array:
    """(rows, sizes): squared logarithm of predicted over measured at each size, fitted without it."""
    losses = np.empty(y.shape)
    for place in range(len(x)):
        weights = 1 / (share * y) ** 2
        weights[:, place] = 0.0
        a, b, c = _fitted(name, x, y, weights).T
        predicted = np.maximum(a + b * x[place] ** c, 1e-12 * y[:, place])
        losses[:, place] = np.log(predicted / y[:, place]) ** 2
    return losses


def _fitted(name: LawName, x: Array, y: Array, weights: Array) -> Array:
    """(rows, 3): a, b and c of the law by weighted least squares, a and b not negative."""
    exponents = np.ones(1) if name in ("constant", "linear") else _EXPONENTS
    scale = x.max()
    basis = (x / scale)[None, :] ** exponents[:, None]
    total, level = weights.sum(axis=1)[:, None], (weights * y).sum(axis=1)[:, None]
    s1, s2, sy = weights @ basis.T, weights @ (basis**2).T, (weights * y) @ basis.T
    if name == "constant":
        a, b = level / total, np.zeros_like(level)
    elif name == "power":
        a, b = np.zeros_like(sy), sy / s2
    else:
        determinant = np.maximum(total * s2 - s1**2, 1e-300)
        a, b = (s2 * level - s1 * sy) / determinant, (total * sy - s1 * level) / determinant
        b = np.where(a < 0, sy / s2, b)
        a = np.maximum(a, 0.0)
        a = np.where(b < 0, level / total, a)
        b = np.maximum(b, 0.0)
    squares = a * a * total + 2 * a * b * s1 + b * b * s2 - 2 * a * level - 2 * b * sy
    best, rows = squares.argmin(axis=1), np.arange(len(y))
    c = exponents[best]
    return np.stack([a[rows, best], b[rows, best] / scale**c, c], axis=1)


def _law(name: LawName, row: Array) -> Law:
    a, b, c = (float(number) for number in row)
    return Law(name, a, b, c)


def _interval(values: Sequence[float]) -> tuple[float, float]:
    """Percentiles 2.5 and 97.5 by nearest rank, which infinite values may be."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    last = len(ordered) - 1
    return (
        float(ordered[math.floor(last * _TAIL / 100)]),
        float(ordered[math.ceil(last * (1 - _TAIL / 100))]),
    )
