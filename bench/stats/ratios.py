"""Shares of requests, with an interval that also holds for none out of many."""

from __future__ import annotations

import math

from bench.stats.quantiles import Estimate

#: 0.975 quantile of the standard normal distribution.
Z = 1.959963984540054


def wilson(hits: int, n: int) -> Estimate:
    """Share hits / n with its 95 % Wilson score interval (Wilson, JASA 22, 1927); no value if n is 0.

    Failures come in clusters, and the interval treats requests as independent: read it as the least
    uncertainty there is. Raises ValueError unless 0 <= hits <= n."""
    if not 0 <= hits <= n:
        raise ValueError(f"{hits} of {n} is no share")
    if n == 0:
        return Estimate(None, None, None, 0)
    share = hits / n
    scale = 1 + Z * Z / n
    centre = (share + Z * Z / (2 * n)) / scale
    half = Z * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n)) / scale
    low = 0.0 if hits == 0 else max(0.0, centre - half)
    high = 1.0 if hits == n else min(1.0, centre + half)
    return Estimate(share, low, high, n)


def required_without_hits(bound: float) -> int:
    """Observations without a single hit after which the interval of `wilson` lies below `bound` (0 to 1)."""
    if not 0 < bound < 1:
        raise ValueError(f"a share lies between 0 and 1, not at {bound}")
    return math.floor(Z * Z * (1 / bound - 1)) + 1
