from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.collectors.sampling import next_slot

times = st.floats(0, 1e6)
intervals = st.floats(0.05, 60)


@given(now=times, first=times, interval=intervals)
def test_next_slot_is_the_nearest_one_ahead_on_the_grid(now: float, first: float, interval: float) -> None:
    slot = next_slot(now, first, interval)

    steps = (slot - first) / interval
    assert steps == pytest.approx(round(steps), abs=1e-4)
    assert slot > now or slot == first
    assert slot <= max(first, now + interval * 1.0001)


@pytest.mark.parametrize(
    ("now", "slot"),
    [(0.0, 10.0), (9.99, 10.0), (10.0, 11.0), (10.01, 11.0), (10.99, 11.0), (13.5, 14.0)],
)
def test_slots_that_passed_are_skipped(now: float, slot: float) -> None:
    assert next_slot(now, 10.0, 1.0) == slot
