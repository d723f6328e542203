"""The histogram's promise: half a percent at every quantile, and merging loses nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.stats.histogram import (
    MAX_VALUE,
    MIN_VALUE,
    OVERFLOW,
    RELATIVE_ERROR,
    UNDERFLOW,
    Histogram,
    bucket_of,
    by_group,
    value_of,
)

seconds = st.floats(min_value=MIN_VALUE, max_value=MAX_VALUE)
samples = st.lists(seconds, min_size=1, max_size=200)
quantiles = st.floats(min_value=0, max_value=1)


def same_counts(one: Histogram, other: Histogram) -> bool:
    return np.array_equal(one.buckets, other.buckets) and np.array_equal(one.counts, other.counts)


@settings(deadline=None)
@given(samples, quantiles)
def test_every_quantile_is_within_the_relative_error(values: list[float], q: float) -> None:
    exact = float(np.quantile(values, q, method="inverted_cdf"))
    assert Histogram.from_values(values).quantile(q) == pytest.approx(exact, rel=RELATIVE_ERROR * (1 + 1e-9))


@settings(deadline=None)
@given(samples, quantiles)
def test_counts_alone_carry_every_quantile(values: list[float], q: float) -> None:
    full = Histogram.from_values(values)
    stored = Histogram.from_counts(full.buckets, full.counts)
    exact = float(np.quantile(values, q, method="inverted_cdf"))
    assert stored.quantile(q) == pytest.approx(exact, rel=RELATIVE_ERROR * (1 + 1e-9))
    assert stored.mean == pytest.approx(np.mean(values), rel=RELATIVE_ERROR * (1 + 1e-9))


@settings(deadline=None)
@given(st.lists(samples, min_size=1, max_size=5))
def test_merging_equals_counting_everything_at_once(groups: list[list[float]]) -> None:
    whole = Histogram.from_values([value for group in groups for value in group])
    merged = Histogram.merged(Histogram.from_values(group) for group in groups)
    assert same_counts(merged, whole)
    assert (merged.minimum, merged.maximum) == (whole.minimum, whole.maximum)
    assert merged.mean == pytest.approx(whole.mean)
    backwards = Histogram.from_values([])
    for group in reversed(groups):
        backwards = backwards.merge(Histogram.from_values(group))
    assert same_counts(backwards, whole)


@settings(deadline=None)
@given(seconds)
def test_a_bucket_stands_for_its_values(value: float) -> None:
    assert value_of(bucket_of(value))[0] == pytest.approx(value, rel=RELATIVE_ERROR * (1 + 1e-9))


def test_every_bucket_maps_to_itself() -> None:
    inner = np.arange(UNDERFLOW, OVERFLOW)
    assert np.array_equal(bucket_of(value_of(inner)), inner)


def test_values_outside_the_range_are_counted_at_its_ends() -> None:
    histogram = Histogram.from_values([-0.5, 0.0, 1e-9, 0.2, 7200.0])
    assert histogram.buckets[0] == UNDERFLOW
    assert histogram.buckets[-1] == OVERFLOW
    assert histogram.counts.tolist() == [3, 1, 1]
    assert histogram.quantile(1) == 7200.0
    assert histogram.minimum == -0.5
    assert Histogram.from_counts(histogram.buckets, histogram.counts).quantile(1) == MAX_VALUE


def test_infinity_overflows() -> None:
    assert bucket_of(math.inf)[0] == OVERFLOW


def test_an_empty_histogram_has_no_quantile() -> None:
    empty = Histogram.from_values([])
    assert (empty.count, empty.quantile(0.5), empty.mean) == (0, None, None)
    assert Histogram.merged([]).count == 0


def test_extremes_unknown_in_one_part_are_unknown_in_the_whole() -> None:
    known = Histogram.from_values([0.1, 0.2])
    merged = known.merge(Histogram.from_counts([900], [4]))
    assert merged.count == 6
    assert (merged.minimum, merged.maximum, merged.total) == (None, None, None)


def test_stored_rows_may_repeat_a_bucket_and_come_in_any_order() -> None:
    histogram = Histogram.from_counts([9, 3, 9], [1, 2, 3])
    assert histogram.buckets.tolist() == [3, 9]
    assert histogram.counts.tolist() == [2, 4]


@pytest.mark.parametrize(
    ("buckets", "counts"), [([1, 2], [1]), ([OVERFLOW + 1], [1]), ([-1], [1]), ([5], [-2])]
)
def test_impossible_rows_are_refused(buckets: list[int], counts: list[int]) -> None:
    with pytest.raises(ValueError, match=r"bucket|count"):
        Histogram.from_counts(buckets, counts)


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        Histogram.from_values([0.1, math.nan])
    with pytest.raises(ValueError, match="between 0 and 1"):
        Histogram.from_values([0.1]).quantile(1.5)


stored_rows = st.lists(st.tuples(st.integers(-3, 9), st.integers(UNDERFLOW, OVERFLOW), st.integers(0, 5)))


@given(stored_rows)
def test_histograms_by_group_are_those_of_each_group(rows: list[tuple[int, int, int]]) -> None:
    found = by_group(*(zip(*rows, strict=True) if rows else ([], [], [])))
    groups = sorted({group for group, _, count in rows if count})
    assert [group for group, _ in found] == groups
    for group, histogram in found:
        mine = [(bucket, count) for of, bucket, count in rows if of == group]
        assert same_counts(histogram, Histogram.from_counts(*zip(*mine, strict=True)))


@pytest.mark.parametrize(
    "rows", [([1], [1, 2], [1, 1]), ([1], [OVERFLOW + 1], [1]), ([1], [-1], [1]), ([1], [1], [-1])]
)
def test_rows_that_make_no_histogram_are_refused(rows: tuple[list[int], ...]) -> None:
    with pytest.raises(ValueError, match=r"."):
        by_group(*rows)
