"""A planted warm-up is cut, a planted drift is found, and noise is left alone."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.stats.histogram import Histogram
from bench.stats.steady import Settled, assess, drift, medians, mser5, settle


def noise(rng: np.random.Generator, n: int, phi: float) -> NDArray[np.float64]:
    series = np.empty(n)
    last = 0.0
    for i in range(n):
        last = phi * last + rng.standard_normal() * np.sqrt(1 - phi * phi)
        series[i] = last
    return 0.020 * (1 + 0.05 * series)


@pytest.mark.parametrize("transient", [10, 20, 30])
def test_mser5_cuts_a_planted_transient(transient: int) -> None:
    series = noise(np.random.default_rng(1), 120, 0.3)
    series[:transient] *= np.linspace(4, 1.5, transient)
    assert transient - 5 <= mser5(series) <= transient + 15


def test_mser5_never_cuts_more_than_half() -> None:
    assert mser5(np.r_[np.full(70, 5.0), np.full(30, 1.0)]) <= 50
    assert mser5([1.0, 2.0, 3.0]) == 0


def test_a_transient_does_not_make_a_run_unsteady() -> None:
    series = noise(np.random.default_rng(2), 120, 0.3)
    series[:15] *= np.linspace(5, 1.5, 15)
    result = assess(np.arange(120), series)
    assert result.steady is True
    assert 10 <= result.cut <= 30
    assert result.seconds == 120 - result.cut


@pytest.mark.parametrize("phi", [0.0, 0.7])
@pytest.mark.parametrize("change", [0.4, -0.3])
def test_a_planted_drift_is_found(phi: float, change: float) -> None:
    found = 0
    for seed in range(20):
        series = noise(np.random.default_rng(seed), 60, phi) * np.linspace(1, 1 + change, 60)
        found += assess(np.arange(60), series).steady is False
    assert found >= (18 if phi == 0 else 12)


@pytest.mark.parametrize("phi", [0.0, 0.6, 0.9])
def test_stationary_noise_raises_no_alarm(phi: float) -> None:
    rng = np.random.default_rng(11)
    false_alarms = sum(assess(np.arange(60), noise(rng, 60, phi)).steady is False for _ in range(60))
    assert false_alarms <= 6


def test_drift_reads_the_change_over_the_window() -> None:
    result = drift(np.arange(101), np.linspace(0.9, 1.1, 101))
    assert result.change == pytest.approx(0.2)
    assert result.certain


def test_a_constant_series_does_not_drift() -> None:
    result = drift(np.arange(20), np.full(20, 0.5))
    assert result.change == 0
    assert not result.certain


def test_a_late_step_is_not_called_steady() -> None:
    series = noise(np.random.default_rng(4), 60, 0.0)
    series[45:] *= 1.6
    result = assess(np.arange(60), series)
    assert result.steady is not True
    assert result.drift is not None
    assert result.drift.change > 0.1
    assert result.drift.effective_seconds < 30


def test_seconds_that_all_resemble_each_other_carry_no_interval() -> None:
    result = drift(np.arange(12), [1, 1, 1, 1, 1, 2, 2, 1, 1, 1, 1, 1])
    assert result.low is not None
    smooth = drift(np.arange(400), 1 + 0.5 * np.sin(np.arange(400) / 400 * 2 * np.pi))
    assert (smooth.low, smooth.high, smooth.certain) == (None, None, False)


def test_a_short_series_is_not_judged() -> None:
    result = assess(np.arange(9), np.ones(9))
    assert result.steady is None
    assert result.drift is None


def test_impossible_series_are_refused() -> None:
    with pytest.raises(ValueError, match="three points"):
        drift([0, 1], [1, 1])


def test_medians_skip_seconds_without_an_answer() -> None:
    series = [(2.0, Histogram.from_values([0.3])), (1.0, Histogram.from_values([])),
              (0.0, Histogram.from_values([0.1, 0.2, 0.2]))]  # fmt: skip
    times, values = medians(series)
    assert times.tolist() == [0.0, 2.0]
    assert values == pytest.approx([0.2, 0.3], rel=0.005)
    assert medians([])[0].size == 0


@pytest.mark.parametrize("transient", [5, 10, 15])
@pytest.mark.parametrize("factor", [1.5, 0.6])
def test_a_planted_warm_up_is_cut_where_it_ends(transient: int, factor: float) -> None:
    """MSER-5 alone cuts too much of many of these."""
    late = 0
    for seed in range(20):
        series = noise(np.random.default_rng(seed), 60, 0.3)
        series[:transient] *= factor
        assert settle(100 + np.arange(60), series) == Settled(100.0 + transient, True)
        late += mser5(series) > transient
    assert late >= 4


@pytest.mark.parametrize(("decay", "places"), [(3, (10, 15)), (8, (20, 25, None))])
def test_a_warm_up_that_fades_is_cut_where_it_is_small(decay: int, places: tuple[int | None, ...]) -> None:
    for seed in range(20):
        series = noise(np.random.default_rng(seed), 60, 0.3) * (1 + 2 * np.exp(-np.arange(60) / decay))
        assert settle(np.arange(60), series).start in places


@pytest.mark.parametrize("phi", [0.0, 0.6])
@pytest.mark.parametrize("seconds", [20, 30, 60])
def test_noise_is_not_cut(phi: float, seconds: int) -> None:
    """MSER-5 alone takes something away of most series of noise."""
    series = [noise(np.random.default_rng(seed), seconds, phi) for seed in range(200)]
    assert sum(mser5(one) > 0 for one in series) > 60
    found = [settle(np.arange(seconds), one) for one in series]
    assert sum(one.start is not None for one in found) <= 3
    # A drift by chance, as often as its interval says.
    assert sum(one.reached is not True for one in found) <= 14


def test_a_run_that_never_settles_says_so() -> None:
    for seed in range(10):
        steps = noise(np.random.default_rng(seed), 60, 0.0) * np.linspace(2, 1, 60)
        assert settle(np.arange(60), steps) == Settled(None, False)


def test_a_short_run_is_not_cut() -> None:
    series = np.r_[np.full(5, 9.0), np.full(14, 1.0)]
    assert settle(np.arange(19), series) == Settled(None, None)
    assert settle(np.arange(20), np.r_[series, 1.0]) == Settled(5.0, True)


def test_seconds_without_an_answer_do_not_move_the_place() -> None:
    series = noise(np.random.default_rng(3), 60, 0.0)
    series[:10] *= 3
    times = np.r_[np.arange(4), np.arange(8, 64)]
    found = settle(times, series)
    assert found.start == times[10] == 14


def test_a_rare_hiccup_at_the_start_is_no_warm_up() -> None:
    """One slow second in the first batch, as a garbage collection makes it, is what chance explains."""
    series = noise(np.random.default_rng(5), 60, 0.0)
    series[20::20] *= 2
    series[2] *= 2
    assert settle(np.arange(60), series).start is None


def test_a_hiccup_later_on_is_not_cut_away() -> None:
    """Five slow seconds after ten good ones are what users had, and no warm-up."""
    for seed in range(20):
        series = noise(np.random.default_rng(seed), 60, 0.0)
        series[10:15] *= 3
        assert settle(np.arange(60), series).start is None
