from __future__ import annotations

import numpy as np
import pytest

from bench.stats.counters import increase


@pytest.mark.parametrize(
    ("times", "values", "expected"),
    [
        ([], [], (None, 0.0)),
        ([5.0], [1.0], (None, 0.0)),
        ([0, 10, 20], [0, 10, 20], (10.0, 10.0)),
        ([0, 10, 20], [100, 110, 120], (10.0, 10.0)),
        ([0, 10, 11, 20], [50, 60, 1, 10], (10.0, 10.0)),  # restarted at second 11
        ([8, 12], [0, 2], (2.0, 4.0)),  # seen for a part of the phase only
        ([30, 40], [0, 5], (None, 0.0)),
    ],
)
def test_growth_of_a_counter(
    times: list[float], values: list[float], expected: tuple[float | None, float]
) -> None:
    assert increase(np.array(times, float), np.array(values, float), 5.0, 15.0) == expected
