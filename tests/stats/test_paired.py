"""The statistics of comparisons, against scipy's and against their own promises."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bench.stats import paired

POSITIVE = st.floats(1e-4, 1e4)
SAMPLES = st.lists(POSITIVE, min_size=2, max_size=20)


def test_paired_is_students() -> None:
    a = np.array([10.1, 9.8, 10.4, 10.0, 9.9])
    b = np.array([10.9, 10.4, 11.1, 10.2, 10.8])
    shift = paired.paired(paired.log_ratios(a, b))
    reference = stats.ttest_rel(np.log(b), np.log(a)).confidence_interval(0.95)
    assert shift.low(0.025) == pytest.approx(reference.low)
    assert shift.high(0.025) == pytest.approx(reference.high)
    assert shift.freedom == 4


@pytest.mark.parametrize(("pairs", "trim"), [(8, 1), (12, 1), (16, 2)])
def test_trimmed_is_yuens(pairs: int, trim: int) -> None:
    random = np.random.default_rng(pairs)
    differences = random.normal(0.1, 0.05, pairs)
    shift = paired.paired(differences, trim)
    assert shift.value == pytest.approx(stats.trim_mean(differences, trim / pairs))
    # Against zeros without spread, Yuen's test of two samples has the standard error of the one.
    with np.errstate(all="ignore"):
        yuen = stats.ttest_ind(differences, np.zeros(pairs), equal_var=False, trim=trim / pairs)
    assert shift.value / shift.error == pytest.approx(yuen.statistic)


def test_one_spoiled_pair_does_not_hide_a_change() -> None:
    differences = [0.10, 0.11, 0.09, 0.10, 0.12, 0.08, 0.10, -0.60]
    assert paired.paired(differences).low(0.01) < 0 < paired.paired(differences, trim=1).low(0.01)


def test_adjusted_is_least_squares_with_an_intercept() -> None:
    """Where both sides' runs have the same slope, the estimate is that of the regression on both at once."""
    random = np.random.default_rng(4)
    machine = random.normal(0, 0.12, (2, 10))
    values = np.array([[0.0], [0.05]]) + 0.8 * machine + random.normal(0, 0.01, (2, 10))
    shift = paired.adjusted((values[0], values[1]), (machine[0], machine[1]))
    side = np.repeat([0.0, 1.0], 10)
    design = np.column_stack([np.ones(20), side, machine.ravel()])
    estimate = np.linalg.lstsq(design, values.ravel(), rcond=None)[0][1]
    assert shift.value == pytest.approx(estimate)
    assert shift.freedom == 8
    plain = paired.paired(values[1] - values[0])
    assert shift.high(0.02) - shift.low(0.02) < 0.3 * (plain.high(0.02) - plain.low(0.02))


def _wandering(
    slope: float, trim: int, seen: float = 0.03, pairs: int = 8, repeats: int = 1500
) -> list[paired.Shift]:
    """No effect; a machine whose speed wanders by 12 %, seen with an error; 2 % of own noise."""
    random = np.random.default_rng(20261124)
    found = []
    for _ in range(repeats):
        machine = random.normal(0, 0.12, (2, pairs))
        values = slope * machine + random.normal(0, 0.02, (2, pairs))
        cause = machine + random.normal(0, seen, (2, pairs))
        found.append(paired.adjusted((values[0], values[1]), (cause[0], cause[1]), trim))
    return found


@pytest.mark.parametrize("trim", [0, 1])
@pytest.mark.parametrize("slope", [0.0, 0.8, 1.3])
def test_adjusted_intervals_keep_their_promise(slope: float, trim: int) -> None:
    shifts = _wandering(slope, trim)
    alarms = np.mean([shift.low(0.025) > 0 or shift.high(0.025) < 0 for shift in shifts])
    assert alarms < 0.06


def test_a_covariate_that_says_nothing_costs_little() -> None:
    random = np.random.default_rng(9)
    widths = []
    for _ in range(300):
        values, noise = random.normal(0, 0.03, (2, 10)), random.normal(0, 0.03, (2, 10))
        shift = paired.adjusted((values[0], values[1]), (noise[0], noise[1]))
        plain = paired.paired(values[1] - values[0])
        widths.append((shift.high(0.02) - shift.low(0.02)) / (plain.high(0.02) - plain.low(0.02)))
    assert np.median(widths) < 1.1


def test_a_machine_that_never_changed_explains_nothing() -> None:
    values = [0.0, 0.1, 0.2, 0.1], [0.1, 0.3, 0.2, 0.2]
    shift = paired.adjusted(values, ([1.0] * 4, [1.0] * 4))
    assert shift.value == pytest.approx(0.1)


def test_welch_is_welchs() -> None:
    a, b = [10.1, 9.8, 10.4, 10.0, 9.9], [11.9, 10.4, 12.1]
    shift = paired.welch(a, b)
    reference = stats.ttest_ind(b, a, equal_var=False)
    interval = reference.confidence_interval(0.9)
    assert shift.freedom == pytest.approx(reference.df)
    assert (shift.low(0.05), shift.high(0.05)) == pytest.approx((interval.low, interval.high))


@pytest.mark.parametrize("n", [3, 5, 8, 12])
def test_signed_rank_p_is_exact(n: int) -> None:
    differences = np.random.default_rng(n).normal(0.4, 1, n)
    reference = stats.wilcoxon(differences, method="exact").pvalue
    assert paired.signed_rank_p(differences.tolist()) == pytest.approx(reference)


@pytest.mark.parametrize(
    ("differences", "p"),
    [([], 1.0), ([0.0, 0.0], 1.0), ([1.0] * 5, 0.0625), ([1.0] * 8, 2 / 2**8), ([1, 1, -1, -1], 1.0)],
)
def test_signed_rank_p_at_its_ends(differences: list[float], p: float) -> None:
    assert paired.signed_rank_p(differences) == pytest.approx(p)


def test_hodges_lehmann_hardly_moves_with_one_outlier() -> None:
    assert paired.hodges_lehmann([1.0, 2.0, 3.0]) == 2.0
    assert paired.hodges_lehmann([0.0, 0.1, -0.1, 0.05, -0.05, 50.0]) < 0.2


@pytest.mark.parametrize(
    "call",
    [
        lambda: paired.paired([1.0]),
        lambda: paired.paired([1.0, 2.0, 3.0], trim=1),
        lambda: paired.adjusted(([1.0] * 4, [2.0] * 4), ([1.0] * 3, [1.0] * 3)),
        lambda: paired.adjusted(([1.0] * 3, [2.0] * 3), ([1.0] * 3, [1.0] * 3)),
        lambda: paired.welch([1.0], [1.0, 2.0]),
        lambda: paired.log_ratios([1.0], [1.0, 2.0]),
        lambda: paired.log_ratios([0.0], [1.0]),
        lambda: paired.logarithms([math.inf]),
        lambda: paired.hodges_lehmann([]),
        lambda: paired.signed_rank_p([1.0] * 201),
    ],
)
def test_what_has_no_answer_is_refused(call: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        call()  # type: ignore[operator]


def test_without_spread_the_interval_is_the_value() -> None:
    for shift in (paired.paired([0.5, 0.5, 0.5]), paired.welch([1.0, 1.0], [1.5, 1.5])):
        assert shift.low(0.01) == shift.value == shift.high(0.01) == 0.5
        assert shift.detectable(0.05) == 0


@given(SAMPLES, st.integers(0, 2**32 - 1), POSITIVE)
def test_ratios_know_no_unit_and_no_side(a: list[float], seed: int, factor: float) -> None:
    b = (np.array(a) * np.random.default_rng(seed).lognormal(0, 0.3, len(a))).tolist()
    there, back = paired.paired(paired.log_ratios(a, b)), paired.paired(paired.log_ratios(b, a))
    assert there.low(0.05) == pytest.approx(-back.high(0.05), abs=1e-9)
    scaled = paired.paired(paired.log_ratios(np.array(a) * factor, np.array(b) * factor))
    assert scaled.low(0.05) == pytest.approx(there.low(0.05), abs=1e-6)
    independent = paired.welch(paired.logarithms(a), paired.logarithms(b))
    assert independent.value == pytest.approx(there.value, abs=1e-9)


@given(SAMPLES, st.floats(0.001, 0.2), st.floats(0.001, 0.2))
def test_less_risk_is_a_wider_interval(values: list[float], one: float, other: float) -> None:
    shift = paired.paired(values)
    small, large = sorted((one, other))
    assert shift.low(small) <= shift.low(large) <= shift.value + 1e-9
    assert shift.high(small) >= shift.high(large) >= shift.value - 1e-9
    assert shift.detectable(small) >= shift.detectable(large)


def _simulated(effect: float, drift: float, repeats: int = 1500, pairs: int = 8) -> np.ndarray:
    """Log ratios of `pairs` pairs: 3 % noise a run, and a machine that wanders from slot to slot."""
    random = np.random.default_rng(20261124)
    machine = np.cumsum(random.normal(0, drift, (repeats, 2 * pairs)), axis=1)
    runs = machine + random.normal(0, 0.03, (repeats, 2 * pairs))
    swapped = random.random((repeats, pairs)) < 0.5
    first, second = runs[:, 0::2], runs[:, 1::2]
    a, b = np.where(swapped, second, first), np.where(swapped, first, second)
    ratios: np.ndarray = b - a + effect
    return ratios


@pytest.mark.parametrize("trim", [0, 1])
@pytest.mark.parametrize("drift", [0.0, 0.02])
def test_false_alarms_are_as_rare_as_promised(drift: float, trim: int) -> None:
    shifts = [paired.paired(row, trim) for row in _simulated(0.0, drift)]
    alarms = np.mean([shift.low(0.025) > 0 or shift.high(0.025) < 0 for shift in shifts])
    assert 0.035 < alarms < 0.065


def test_measured_in_blocks_drift_becomes_a_difference() -> None:
    """Why pairs: the same noise and no effect, one side measured after the other."""
    random = np.random.default_rng(7)
    runs = np.cumsum(random.normal(0, 0.02, (500, 16)), axis=1) + random.normal(0, 0.01, (500, 16))
    shifts = [paired.welch(row[:8], row[8:]) for row in runs]
    assert np.mean([shift.low(0.025) > 0 or shift.high(0.025) < 0 for shift in shifts]) > 0.4


def test_the_detectable_change_is_found_in_four_of_five_cases() -> None:
    spread = math.sqrt(2) * 0.03
    error = spread / math.sqrt(8)
    effect = paired.Shift(0.0, error, 7).detectable(0.025)
    found = np.mean([paired.paired(row).low(0.025) > 0 for row in _simulated(effect, 0.0)])
    assert 0.74 < found < 0.86
