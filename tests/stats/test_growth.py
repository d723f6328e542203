"""Planted cost laws are found again, and their breaks, with intervals that hold them."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.stats.growth import Law, fit, straight_line

SIZES = (100, 200, 500, 1000, 2000, 5000)
PLANTED = [
    Law("constant", 0.01, 0, 1),
    Law("linear", 0.005, 5e-5, 1),
    Law("power", 0, 1e-3, 0.6),
    Law("power", 0, 1e-5, 1.4),
    Law("affine power", 0.02, 2e-6, 1.5),
]


def measured(law: Law, seed: int, noise: float = 0.04) -> list[float]:
    rng = np.random.default_rng(seed)
    return [law(size) * math.exp(rng.normal(0, noise)) for size in SIZES]


@pytest.mark.parametrize("law", PLANTED, ids=lambda law: f"{law.name} {law.c}")
def test_a_planted_law_is_chosen(law: Law) -> None:
    chosen = [fit(SIZES, measured(law, seed), [0.04] * 6).law.name for seed in range(20)]
    assert chosen.count(law.name) >= 15


@pytest.mark.parametrize("law", PLANTED, ids=lambda law: f"{law.name} {law.c}")
def test_twice_the_largest_size_is_predicted_within_its_interval(law: Law) -> None:
    size = 2 * SIZES[-1]
    predicted = [fit(SIZES, measured(law, seed), [0.04] * 6).at(size) for seed in range(20)]
    assert all(abs(one.value / law(size) - 1) < 0.25 for one in predicted)
    assert sum(one.low <= law(size) <= one.high for one in predicted) >= 17


@settings(max_examples=40, deadline=None)
@given(
    a=st.floats(0.001, 0.1),
    b=st.floats(1e-6, 1e-4),
    level=st.floats(1.2, 6),
)
def test_the_break_of_an_exact_line_is_exact(a: float, b: float, level: float) -> None:
    law = Law("linear", a, b, 1)
    bound = law(SIZES[0]) * level
    found = fit(SIZES, [law(size) for size in SIZES], draws=20).reaches(bound)
    assert found.value == pytest.approx(law.reaches(bound), rel=0.02)


@given(exponent=st.floats(0.2, 2.8), scale=st.floats(1e-6, 1))
@settings(max_examples=40, deadline=None)
def test_an_exact_power_is_found(exponent: float, scale: float) -> None:
    law = Law("power", 0, scale, exponent)
    found = fit(SIZES, [law(size) for size in SIZES], draws=20)
    assert found.at(10_000).value == pytest.approx(law(10_000), rel=0.1)


def test_a_law_reaches_what_it_starts_above_at_once_and_what_it_never_gets_to_never() -> None:
    assert Law("linear", 2, 1, 1).reaches(1) == 0
    assert Law("constant", 2, 0, 1).reaches(3) == math.inf


def test_the_same_data_give_the_same_intervals() -> None:
    values = measured(PLANTED[1], 3)
    assert fit(SIZES, values) == fit(SIZES, values)


@pytest.mark.parametrize(
    ("sizes", "values"),
    [
        ([1, 2], [1, 2]),
        ([1, 1, 2], [1, 1, 2]),
        ([0, 1, 2], [1, 1, 1]),
        ([1, 2, 3], [1, 0, 1]),
        ([1, 2, 3], [1, 2]),
    ],
)
def test_what_carries_no_law_is_refused(sizes: list[float], values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"different sizes|pairs"):
        fit(sizes, values)


def test_a_line_comes_with_its_interval() -> None:
    rng = np.random.default_rng(2)
    x = np.arange(1, 9, dtype=float)
    covered = 0
    for _ in range(100):
        _, slope = straight_line(x, 5 + 3 * x + rng.normal(0, 1, len(x)))
        covered += slope.low <= 3 <= slope.high
    assert covered >= 88


def test_two_points_have_a_slope_without_an_interval() -> None:
    intercept, slope = straight_line([1, 3], [10, 14])
    assert (intercept, slope.value, slope.low, slope.high) == (8, 2, None, None)
