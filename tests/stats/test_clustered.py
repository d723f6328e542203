"""Shares of clustered hits: the value, and an interval that knows of the clusters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stats.clustered import share
from bench.stats.ratios import wilson


def test_no_cluster_tells_nothing() -> None:
    assert share([], 10).value is None


def test_a_perfect_sample_counts_as_one_trial_a_cluster() -> None:
    perfect = share([10] * 300, 10)
    assert (perfect.value, perfect.high, perfect.n) == (1.0, 1.0, 300)
    assert perfect.low == pytest.approx(wilson(300, 300).low)


def test_a_few_misses_never_raise_the_lower_end_much() -> None:
    """With the plain design effect three scattered misses would count as 3 000 independent trials."""
    perfect, nearly = share([10] * 300, 10), share([10] * 297 + [9] * 3, 10)
    assert perfect.low is not None
    assert nearly.low is not None
    assert nearly.low < perfect.low + 0.001


@pytest.mark.parametrize("alike", [0.5, 2.0, 50.0])
@pytest.mark.parametrize("truth", [0.95, 0.98])
def test_the_interval_covers_the_truth_however_alike_the_trials_of_a_cluster_are(
    truth: float, alike: float
) -> None:
    random = np.random.default_rng(7)
    covered = 0
    for _ in range(300):
        chances = random.beta(alike * truth, alike * (1 - truth), 300)
        estimate = share(random.binomial(10, chances), 10)
        assert estimate.low is not None
        assert estimate.high is not None
        covered += estimate.low <= truth <= estimate.high
    assert covered / 300 > 0.92


@given(st.integers(1, 20).flatmap(lambda k: st.tuples(st.just(k), st.lists(st.integers(0, k), min_size=1))))
def test_the_interval_holds_the_value_and_stays_a_share(case: tuple[int, list[int]]) -> None:
    size, hits = case
    estimate = share(hits, size)
    assert estimate.value is not None
    assert estimate.low is not None
    assert estimate.high is not None
    assert 0 <= estimate.low <= estimate.value + 1e-12
    assert estimate.value - 1e-12 <= estimate.high <= 1


@pytest.mark.parametrize(("hits", "size"), [([11], 10), ([-1], 10), ([0], 0)])
def test_impossible_counts_are_refused(hits: list[int], size: int) -> None:
    with pytest.raises(ValueError, match="lie between"):
        share(hits, size)
