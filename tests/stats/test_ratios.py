"""Differences of shares, against the published examples of the method."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stats.ratios import difference

BOTH = (0.025, 0.025)


@pytest.mark.parametrize(
    ("b", "a", "bounds"),
    [
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((0, 10), (0, 20), (-0.1611, 0.2775)),
        ((0, 10), (0, 10), (-0.2775, 0.2775)),
    ],
)
def test_newcombes_examples(b: tuple[int, int], a: tuple[int, int], bounds: tuple[float, float]) -> None:
    """Statistics in Medicine 17, 1998, table II, method 10."""
    assert difference(a, b, BOTH) == pytest.approx(bounds, abs=5e-5)


SIDE = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(SIDE, SIDE, st.floats(0.001, 0.3))
def test_the_sides_may_be_swapped(a: tuple[int, int], b: tuple[int, int], risk: float) -> None:
    low, high = difference(a, b, (risk, risk))
    swapped = difference(b, a, (risk, risk))
    assert (low, high) == pytest.approx((-swapped[1], -swapped[0]))
    assert -1 <= low <= b[0] / b[1] - a[0] / a[1] <= high <= 1


def test_a_share_of_nothing_has_no_difference() -> None:
    with pytest.raises(ValueError, match="nothing"):
        difference((0, 0), (1, 2), BOTH)
