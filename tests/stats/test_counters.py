from __future__ import annotations

import numpy as np
import pytest

from bench.stats.counters import per_second


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
def test_growth_of_a_counter(times: list[float], values: list[float], expected: float | None) -> None:
    found = per_second(np.array(times, float), np.array(values, float), 5.0, 15.0)
    assert found == (None if expected is None else pytest.approx(expected))
