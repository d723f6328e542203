"""Percentiles only as far as the sample carries them, with intervals that survive autocorrelation."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.stats.histogram import Histogram
from bench.stats.quantiles import (
    Estimate,
    maximum,
    mean,
    mean_of_values,
    percentile,
    percentile_of_values,
    rate,
    required,
    t_quantile,
)
from bench.stats.ratios import required_without_hits, wilson


def lognormal(rng: np.random.Generator, n: int, phi: float) -> NDArray[np.float64]:
    """Autocorrelated lognormal values of sigma 0.5 and median 1: exp of a stationary AR(1) series."""
    shocks = rng.standard_normal(n) * math.sqrt(1 - phi * phi)
    series = np.empty(n)
    last = rng.standard_normal()
    for i in range(n):
        last = phi * last + shocks[i]
        series[i] = last
    return np.exp(0.5 * series)


def per_second(times: NDArray[np.float64], values: NDArray[np.float64]) -> list[tuple[float, Histogram]]:
    second = np.floor(times)
    return [(float(at), Histogram.from_values(values[second == at])) for at in np.unique(second)]


@pytest.mark.parametrize(("q", "n"), [(0.5, 6), (0.9, 36), (0.1, 36), (0.95, 72), (0.99, 368), (0.999, 3688)])
def test_the_sample_size_rule(q: float, n: int) -> None:
    assert required(q) == n
    times, values = np.linspace(0, 30, n), np.linspace(1, 2, n)
    assert percentile_of_values(times, values, q).value is not None
    short = percentile_of_values(times[1:], values[1:], q)
    assert short == Estimate(None, None, None, n - 1)
    assert percentile(per_second(times[1:], values[1:]), q) == short


@pytest.mark.parametrize("q", [0.0, 1.0, -1.0, 1.5])
def test_no_percentile_outside_its_range(q: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 100"):
        required(q)


@pytest.mark.parametrize(
    ("n", "phi", "q", "least"),
    [
        (6000, 0.0, 0.5, 0.89),
        (6000, 0.0, 0.99, 0.87),
        (6000, 0.8, 0.95, 0.86),
        (6000, 0.95, 0.5, 0.86),
        (400, 0.0, 0.99, 0.85),
    ],
)
def test_the_interval_covers_the_truth(n: int, phi: float, q: float, least: float) -> None:
    rng = np.random.default_rng(7)
    truth = math.exp(0.5 * NormalDist().inv_cdf(q))
    times = np.arange(n) * (60 / n)
    hits = 0
    for _ in range(120):
        estimate = percentile_of_values(times, lognormal(rng, n, phi), q)
        assert estimate.low is not None
        assert estimate.high is not None
        hits += estimate.low <= truth <= estimate.high
    assert least <= hits / 120 <= 1


def test_histograms_and_raw_values_agree() -> None:
    rng = np.random.default_rng(3)
    times = np.sort(rng.uniform(0, 40, 5000))
    values = lognormal(rng, 5000, 0.5) / 100
    for q in (0.5, 0.95, 0.99):
        raw, binned = percentile_of_values(times, values, q), percentile(per_second(times, values), q)
        assert binned.n == raw.n == 5000
        assert binned.value == pytest.approx(raw.value, rel=0.0051)
        assert binned.low == pytest.approx(raw.low, rel=0.02)
        assert binned.high == pytest.approx(raw.high, rel=0.02)
    assert mean(per_second(times, values)).value == pytest.approx(mean_of_values(times, values).value)


def test_the_maximum_is_what_it_is() -> None:
    seconds = [(0.0, Histogram.from_values([0.1, 0.2])), (1.0, Histogram.from_values([0.7]))]
    assert maximum(seconds) == Estimate(0.7, 0.7, 0.7, 3)


def test_a_run_of_one_second_has_a_value_and_no_interval() -> None:
    estimate = percentile_of_values(np.full(100, 3.2), np.linspace(1, 2, 100), 0.5)
    assert estimate.value == pytest.approx(1.5, abs=0.02)
    assert (estimate.low, estimate.high) == (None, None)


def test_a_short_run_gets_fewer_sections_and_a_wider_interval() -> None:
    values = lognormal(np.random.default_rng(5), 4000, 0.0)
    widths = []
    for length in (3, 40):
        estimate = percentile_of_values(np.arange(4000) * (length / 4000), values, 0.5)
        assert estimate.low is not None
        assert estimate.high is not None
        widths.append(estimate.high - estimate.low)
    assert widths[0] > widths[1]


def test_nothing_measured() -> None:
    nothing = Estimate(None, None, None, 0)
    assert percentile([], 0.5) == nothing
    assert percentile([(0.0, Histogram.from_values([]))], 0.5) == nothing
    assert mean([]) == nothing
    assert maximum([]) == nothing
    assert percentile_of_values([], [], 0.5) == nothing
    assert rate([]) == nothing
    assert wilson(0, 0) == nothing


def test_an_interval_never_reaches_below_zero() -> None:
    values = np.r_[np.full(199, 0.001), 500.0]
    assert mean_of_values(np.arange(200) / 10, values).low == 0.0


def test_times_and_values_must_match() -> None:
    with pytest.raises(ValueError, match="do not match"):
        percentile_of_values([1, 2], [1], 0.5)


def test_rate_counts_empty_seconds() -> None:
    estimate = rate([10, 0, 20, 10, 0, 0, 30, 10, 10, 10] * 6)
    assert estimate.value == pytest.approx(10)
    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.low < 10 < estimate.high
    assert rate([5]) == Estimate(5.0, None, None, 5)
    assert rate(np.array([5, 5]), width=0.5) == Estimate(10.0, 10.0, 10.0, 10)


@pytest.mark.parametrize(("freedom", "expected"), [(1, 12.7062), (9, 2.2622), (19, 2.0930)])
def test_t_quantile_matches_the_published_table(freedom: int, expected: float) -> None:
    assert t_quantile(0.975, freedom) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(0, 20, 0.0, 0.1611), (1, 20, 0.0089, 0.2361), (10, 20, 0.2993, 0.7007), (20, 20, 0.8389, 1.0)],
)
def test_wilson_matches_published_values(hits: int, n: int, low: float, high: float) -> None:
    estimate = wilson(hits, n)
    assert estimate.value == hits / n
    assert estimate.low == pytest.approx(low, abs=1e-4)
    assert estimate.high == pytest.approx(high, abs=1e-4)


def test_wilson_refuses_the_impossible() -> None:
    with pytest.raises(ValueError, match="no share"):
        wilson(3, 2)


@pytest.mark.parametrize("bound", [0.001, 0.01, 0.3])
def test_requests_needed_to_prove_the_absence_of_failures(bound: float) -> None:
    n = required_without_hits(bound)
    assert (wilson(0, n).high or 1) < bound <= (wilson(0, n - 1).high or 1)


def test_the_interval_of_a_tail_does_not_reach_below_the_median() -> None:
    """One slow second among fast ones: the sections' spread alone would reach down to nothing."""
    fast, slow = (Histogram.from_values([value] * 200) for value in (0.010, 0.500))
    seconds = [(float(at), slow if at == 3 else fast) for at in range(10)]
    found = percentile(seconds, 0.95)
    assert found.value is not None
    assert found.low is not None
    assert 0.0099 < found.low <= found.value
