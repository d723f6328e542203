"""Shares of requests, with an interval that also holds for none out of many."""

from __future__ import annotations

import math
from statistics import NormalDist

from bench.stats.quantiles import Estimate

#: 0.975 quantile of the standard normal distribution.
Z = 1.959963984540054


def wilson(hits: int, n: int, z: float = Z) -> Estimate:
    """Share hits / n with its Wilson score interval (Wilson, JASA 22, 1927), 95 % unless `z` says otherwise;
    no value if n is 0.

    Failures come in clusters, and the interval treats requests as independent: read it as the least
    uncertainty there is. Raises ValueError unless 0 <= hits <= n."""
    if not 0 <= hits <= n:
        raise ValueError(f"{hits} of {n} is no share")
    if n == 0:
        return Estimate(None, None, None, 0)
    share = hits / n
    scale = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / scale
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / scale
    low = 0.0 if hits == 0 else max(0.0, centre - half)
    high = 1.0 if hits == n else min(1.0, centre + half)
    return Estimate(share, low, high, n)


def difference(a: tuple[int, int], b: tuple[int, int], risks: tuple[float, float]) -> tuple[float, float]:
    """Bounds of share(b) - share(a), each side (hits, n): the true difference lies below the first with
    probability risks[0] and above the second with risks[1].

    Newcombe's hybrid of two Wilson intervals (Statistics in Medicine 17, 1998, method 10), which says
    something even where nothing failed on both sides. Raises ValueError if a side has n = 0."""
    bounds = []
    for risk, sign in zip(risks, (-1, 1), strict=True):
        z = NormalDist().inv_cdf(1 - risk)
        (p_a, low_a, high_a), (p_b, low_b, high_b) = (_wilson_bounds(*side, z) for side in (a, b))
        ends = (p_b - low_b, high_a - p_a) if sign < 0 else (high_b - p_b, p_a - low_a)
        bounds.append(p_b - p_a + sign * math.hypot(*ends))
    return bounds[0], bounds[1]


def _wilson_bounds(hits: int, n: int, z: float) -> tuple[float, float, float]:
    found = wilson(hits, n, z)
    if found.value is None or found.low is None or found.high is None:
        raise ValueError("a share of nothing")
    return found.value, found.low, found.high


def required_without_hits(bound: float) -> int:
    """Observations without a single hit after which the interval of `wilson` lies below `bound` (0 to 1)."""
    if not 0 < bound < 1:
        raise ValueError(f"a share lies between 0 and 1, not at {bound}")
    return math.floor(Z * Z * (1 / bound - 1)) + 1
