from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stats import series


def made(times: list[float], values: list[float]) -> series.Series:
    return np.array(times, dtype=float), np.array(values, dtype=float)


@pytest.mark.parametrize(
    ("times", "values", "window", "expected"),
    [
        ([0, 10], [0, 100], (0, 10), 100),
        ([0, 10], [0, 100], (2, 7), 50),
        ([0, 1, 2, 3], [5, 6, 9, 9], (0.5, 2.5), 3.5),
        ([0, 1, 2, 3], [50, 60, 4, 10], (0, 3), 20),  # a restart between 1 and 2
        ([1, 9], [0, 80], (0, 10), 100),  # covers 80 % of the window
        ([1, 8.9], [0, 80], (0, 10), None),  # and less than that
        ([0], [5], (0, 1), None),
        ([], [], (0, 1), None),
        ([0, 10], [0, 100], (5, 5), None),
        ([20, 30], [0, 100], (0, 10), None),
    ],
)
def test_increase(
    times: list[float], values: list[float], window: tuple[float, float], expected: float | None
) -> None:
    grown = series.increase(made(times, values), *window)
    assert grown == (None if expected is None else pytest.approx(expected))


def test_what_was_never_sampled() -> None:
    assert series.increase(None, 0, 1) is None
    assert series.total_increase(None) is None
    assert series.mean(None, 0, 1) is None
    assert series.highest(None, 0, 1) is None
    assert series.growth(None, 0, 1) is None


@given(st.lists(st.floats(0, 1e6), min_size=3, max_size=30), st.floats(0.1, 0.9))
def test_increases_of_two_parts_add_up(steps: list[float], cut: float) -> None:
    counter = made([float(second) for second in range(len(steps))], list(np.cumsum(steps)))
    end = float(len(steps) - 1)
    parts = [series.increase(counter, 0, end * cut), series.increase(counter, end * cut, end)]

    assert None not in parts
    assert sum(part for part in parts if part is not None) == pytest.approx(
        series.total_increase(counter), rel=1e-6, abs=1e-3
    )


@given(st.lists(st.floats(0, 1e9), min_size=2, max_size=30))
def test_an_increase_is_never_negative(values: list[float]) -> None:
    grown = series.total_increase(made([float(second) for second in range(len(values))], values))
    assert grown is not None
    assert grown >= 0


def test_gauges() -> None:
    gauge = made([0, 1, 2, 3], [10, 40, 20, 99])

    assert series.mean(gauge, 0.5, 2.5) == 30
    assert series.highest(gauge, 0.5, 2.5) == 40
    assert series.growth(gauge, 0.5, 2.5) == -20
    assert series.mean(gauge, 10, 20) is None
    assert series.total_increase(made([3], [7])) == 0


@pytest.mark.parametrize(
    ("times", "values", "expected"),
    [
        ([], [], None),
        ([5.0], [1.0], None),
        ([0, 10, 20], [0, 10, 20], 1.0),
        ([0, 10, 20], [100, 110, 120], 1.0),
        ([20, 0, 10], [120, 100, 110], 1.0),  # samples come in any order
        ([0, 10, 11, 20], [50, 60, 1, 10], 1.0),  # restarted at second 11
        ([6, 15], [0, 4.5], 0.5),  # most of the window
        ([8, 12], [0, 2], None),  # a part of it
        ([30, 40], [0, 5], None),
        ([10, 10], [0, 5], None),
    ],
)
def test_how_fast_a_counter_grew(times: list[float], values: list[float], expected: float | None) -> None:
    found = series.per_second(made(times, values), 5.0, 15.0)
    assert found == (None if expected is None else pytest.approx(expected))
