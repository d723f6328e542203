"""Shares of hits that come in clusters, such as the neighbours that each of many searches found."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from bench.stats.quantiles import Estimate
from bench.stats.ratios import Z


def share(hits: ArrayLike, size: int) -> Estimate:
    """The share of hits over clusters of `size` trials each, `hits` of which hit; `n` counts the clusters.

    The interval is Wilson's score interval (Wilson, JASA 22, 1927) with the effective number of trials,
    that is the number divided by the design effect (Kish, *Survey Sampling*, 1965, 8.2): trials of one
    cluster resemble each other and tell less than as many independent ones. The design effect is estimated
    with one cluster more, all of it missed: from few misses, or from none, it would be told too small, and a
    perfect sample then counts as one trial a cluster. Raises ValueError for hits outside 0 to `size`."""
    found = np.asarray(hits, dtype=np.float64)
    if size < 1 or (found.size and not 0 <= found.min() <= found.max() <= size):
        raise ValueError(f"hits of clusters of {size} lie between 0 and {size}")
    n = int(found.size)
    if not n:
        return Estimate(None, None, None, 0)
    shares = found / size
    value = float(shares.mean())
    with_a_miss = np.append(shares, 0.0)
    mean, variance = float(with_a_miss.mean()), float(with_a_miss.var())
    independent = mean * (1 - mean) / variance if variance else 1.0
    trials = n * min(max(independent, 1.0), float(size))
    scale = 1 + Z * Z / trials
    centre = (value + Z * Z / (2 * trials)) / scale
    half = Z * math.sqrt(value * (1 - value) / trials + Z * Z / (4 * trials * trials)) / scale
    low = 0.0 if value == 0 else max(0.0, centre - half)
    high = 1.0 if value == 1 else min(1.0, centre + half)
    return Estimate(value, low, high, n)
