from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.loadgen.recorder import InFlight

REQUESTS = st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), max_size=40)


@given(REQUESTS)
def test_the_integral_is_the_sum_of_open_times(requests: list[tuple[float, float]]) -> None:
    changes = sorted(
        [(start, +1) for start, _ in requests] + [(start + length, -1) for start, length in requests]
    )
    now = 0.0
    counter = InFlight(lambda: now)
    for now, by in changes:  # noqa: B007 - the counter's clock reads it
        counter.change(by)
    assert counter.now == 0
    assert counter.seconds == pytest.approx(sum(length for _, length in requests), abs=1e-6)
