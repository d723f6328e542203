"""Log-bucket histogram of seconds: half a percent of relative error at every quantile, exact to merge.

The bucket mapping is that of DDSketch (Masson, Rim & Lee, VLDB 2019): with relative error a and
g = (1 + a) / (1 - a), a value v falls into bucket k = ceil(ln(v / MIN_VALUE) / ln g) and is reported as
2 g^k / (g + 1) * MIN_VALUE, which differs from v by at most a * v. Merging adds counts, so the order of
merging never matters.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

RELATIVE_ERROR = 0.005
MIN_VALUE = 1e-6
MAX_VALUE = 3600.0

_GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_GAMMA = math.log(_GAMMA)

#: Everything up to MIN_VALUE, zero and negative values included.
UNDERFLOW = 0
#: Everything above MAX_VALUE.
OVERFLOW = math.ceil(math.log(MAX_VALUE / MIN_VALUE) / _LOG_GAMMA) + 1

#: Bucket numbers are below it.
_WIDTH = OVERFLOW + 1


def _representatives() -> NDArray[np.float64]:
    exponents = np.arange(OVERFLOW + 1, dtype=np.float64) * _LOG_GAMMA
    values: NDArray[np.float64] = MIN_VALUE * 2 * np.exp(exponents) / (_GAMMA + 1)
    values[UNDERFLOW] = MIN_VALUE
    return np.minimum(values, MAX_VALUE)


_VALUES = _representatives()


def bucket_of(values: ArrayLike) -> NDArray[np.int16]:
    """The bucket of each value in seconds, from UNDERFLOW to OVERFLOW.

    Raises ValueError for NaN: what never happened has no duration, and its count belongs elsewhere."""
    seconds = np.atleast_1d(np.asarray(values, dtype=np.float64))
    if np.isnan(seconds).any():
        raise ValueError("a histogram takes durations, not NaN: leave out what was never answered")
    clamped = np.clip(seconds, MIN_VALUE, MAX_VALUE)
    buckets = np.ceil(np.log(clamped / MIN_VALUE) / _LOG_GAMMA)
    buckets[seconds > MAX_VALUE] = OVERFLOW
    return buckets.astype(np.int16)


def value_of(buckets: ArrayLike) -> NDArray[np.float64]:
    """The seconds that stand for each bucket; MIN_VALUE for UNDERFLOW and MAX_VALUE for OVERFLOW."""
    index = np.atleast_1d(np.asarray(buckets, dtype=np.int64))
    if index.size and (index.min() < UNDERFLOW or index.max() > OVERFLOW):
        raise ValueError(f"bucket numbers go from {UNDERFLOW} to {OVERFLOW}")
    return _VALUES[index]


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """Sparse counts by bucket, in ascending order of bucket and without zeros.

    `minimum`, `maximum` and `total` (their sum) are exact seconds where they were kept, None where only the
    counts were; an empty histogram has none of the first two."""

    buckets: NDArray[np.int16]
    counts: NDArray[np.int64]
    minimum: float | None = None
    maximum: float | None = None
    total: float | None = None

    @classmethod
    def from_values(cls, values: ArrayLike) -> Histogram:
        """Count durations in seconds. Raises ValueError for NaN."""
        seconds = np.atleast_1d(np.asarray(values, dtype=np.float64))
        buckets, counts = np.unique(bucket_of(seconds), return_counts=True)
        if not seconds.size:
            return cls(buckets, counts.astype(np.int64), total=0.0)
        return cls(
            buckets,
            counts.astype(np.int64),
            minimum=float(seconds.min()),
            maximum=float(seconds.max()),
            total=float(seconds.sum()),
        )

    @classmethod
    def from_counts(
        cls,
        buckets: ArrayLike,
        counts: ArrayLike,
        *,
        minimum: float | None = None,
        maximum: float | None = None,
        total: float | None = None,
    ) -> Histogram:
        """Rebuild from stored (bucket, count) rows, in any order; a bucket may occur more than once."""
        index = np.atleast_1d(np.asarray(buckets, dtype=np.int64))
        weights = np.atleast_1d(np.asarray(counts, dtype=np.int64))
        _require_rows(index, weights)
        dense = np.zeros(OVERFLOW + 1, dtype=np.int64)
        np.add.at(dense, index, weights)
        present = np.flatnonzero(dense)
        return cls(present.astype(np.int16), dense[present], minimum, maximum, total)

    @classmethod
    def merged(cls, histograms: Iterable[Histogram]) -> Histogram:
        """The histogram of everything that the given ones counted."""
        parts = [part for part in histograms if part.counts.size]
        if not parts:
            return cls.from_values([])
        minima = [part.minimum for part in parts if part.minimum is not None]
        maxima = [part.maximum for part in parts if part.maximum is not None]
        totals = [part.total for part in parts if part.total is not None]
        return cls.from_counts(
            np.concatenate([part.buckets for part in parts]),
            np.concatenate([part.counts for part in parts]),
            minimum=min(minima) if len(minima) == len(parts) else None,
            maximum=max(maxima) if len(maxima) == len(parts) else None,
            total=sum(totals) if len(totals) == len(parts) else None,
        )

    def merge(self, other: Histogram) -> Histogram:
        """The histogram of what both counted."""
        return Histogram.merged((self, other))

    @property
    def count(self) -> int:
        return int(self.counts.sum())

    @property
    def mean(self) -> float | None:
        """Mean in seconds: exact where the sum was kept, else within RELATIVE_ERROR; None if empty."""
        count = self.count
        if not count:
            return None
        if self.total is not None:
            return self.total / count
        return float(np.dot(_VALUES[self.buckets], self.counts)) / count

    def quantile(self, q: float) -> float | None:
        """The smallest recorded value that at least a share `q` of all values does not exceed (nearest
        rank), in seconds, within RELATIVE_ERROR and exact for the extremes where they were kept; None if
        empty.

        A value in the overflow bucket reads as `maximum` where that is known, else as MAX_VALUE, which is
        then a lower bound. Raises ValueError unless 0 <= q <= 1."""
        if not 0 <= q <= 1:
            raise ValueError(f"a quantile lies between 0 and 1, not at {q}")
        count = self.count
        if not count:
            return None
        # q * count may land a rounding error above the whole number that is meant.
        rank = max(1, math.ceil(q * count - 1e-9))
        if rank == count and self.maximum is not None:
            return self.maximum
        if rank == 1 and self.minimum is not None:
            return self.minimum
        position = int(np.searchsorted(np.cumsum(self.counts), rank))
        bucket = int(self.buckets[position])
        if bucket == OVERFLOW and self.maximum is not None:
            return self.maximum
        return float(_VALUES[bucket])


def by_group(groups: ArrayLike, buckets: ArrayLike, counts: ArrayLike) -> list[tuple[int, Histogram]]:
    """One histogram for each whole number in `groups`, ascending, from stored (group, bucket, count) rows in
    any order; a pair of group and bucket may occur more than once.

    Raises ValueError for lengths that differ, unknown buckets, and negative counts."""
    index = np.asarray(groups, dtype=np.int64)
    places = np.asarray(buckets, dtype=np.int64)
    weights = np.asarray(counts, dtype=np.int64)
    _require_rows(places, weights)
    if index.shape != places.shape:
        raise ValueError(f"{index.size} groups do not match {places.size} buckets")
    keys = (index * _WIDTH + places)[weights > 0]
    weights = weights[weights > 0]
    steps = np.diff(keys)
    if (steps < 0).any():
        # Of rows that come in a few sorted runs, the stable sort makes one pass.
        order = np.argsort(keys, kind="stable")
        keys, weights = keys[order], weights[order]
        steps = np.diff(keys)
    if (steps == 0).any():
        first = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1))
        keys, weights = keys[first], np.add.reduceat(weights, first)
    of = keys // _WIDTH
    found = (keys - of * _WIDTH).astype(np.int16)
    cuts = [0, *(np.flatnonzero(np.diff(of)) + 1).tolist(), len(keys)]
    return [
        (int(of[start]), Histogram(found[start:end], weights[start:end]))
        for start, end in itertools.pairwise(cuts)
        if end > start
    ]


def _require_rows(buckets: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
    if buckets.shape != counts.shape:
        raise ValueError(f"{buckets.size} buckets do not match {counts.size} counts")
    if buckets.size and (buckets.min() < UNDERFLOW or buckets.max() > OVERFLOW):
        raise ValueError(f"bucket numbers go from {UNDERFLOW} to {OVERFLOW}")
    if (counts < 0).any():
        raise ValueError("a count is negative")
