"""When a batch of asynchronous inserts is due."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.targets.embedded.patterns.busy import AsyncSettings, BusyTimeout
from bench.targets.embedded.patterns.errors import QueryError

VALUES = {
    "wait_for_async_insert": "1",
    "wait_for_async_insert_timeout": "120",
    "async_insert_max_data_size": "10485760",
    "async_insert_busy_timeout_min_ms": "50",
    "async_insert_busy_timeout_max_ms": "200",
    "async_insert_use_adaptive_busy_timeout": "1",
    "async_insert_busy_timeout_increase_rate": "0.2",
    "async_insert_busy_timeout_decrease_rate": "0.2",
}
USUAL = AsyncSettings.read(VALUES)
FIXED = AsyncSettings.read({**VALUES, "async_insert_use_adaptive_busy_timeout": "false"})


def test_settings_are_read() -> None:
    assert AsyncSettings(True, 120.0, 10_485_760, 50, 200, True, 0.2, 0.2) == USUAL


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("async_insert_busy_timeout_max_ms", "0", 697),
        ("async_insert_busy_timeout_increase_rate", "0", 697),
        ("async_insert_busy_timeout_decrease_rate", "-1", 697),
        ("async_insert_max_data_size", "much", 27),
        ("wait_for_async_insert", "maybe", 27),
    ],
)
def test_settings_that_are_none(name: str, value: str, code: int) -> None:
    with pytest.raises(QueryError) as caught:
        AsyncSettings.read({**VALUES, name: value})
    assert caught.value.code == code


def test_without_adaption_it_is_always_the_longest() -> None:
    timeout = BusyTimeout(50)
    assert [timeout.insert(FIXED, moment) for moment in (0.0, 0.001, 9.0)] == [200, 200, 200]


def run(timeout: BusyTimeout, every: float, inserts: int, begin: float = 0.0) -> list[int]:
    """The timeouts of inserts at an even pace, each flushed when it is due."""
    found = []
    for number in range(inserts):
        now = begin + number * every
        found.append(timeout.insert(USUAL, now))
        timeout.flushed(now + found[-1] / 1000)
    return found


def test_frequent_inserts_make_it_longer_and_rare_ones_shorter() -> None:
    timeout = BusyTimeout(50)
    frequent = run(timeout, 0.01, 20)
    assert frequent == sorted(frequent)
    assert (frequent[0], frequent[-1]) == (50, 200)
    rarer = run(timeout, 0.19, 20, begin=1.0)
    assert rarer[1:] == sorted(rarer[1:], reverse=True)
    assert rarer[-1] < 200


def test_very_rare_inserts_do_not_wait_at_all() -> None:
    assert run(BusyTimeout(50), 1.0, 4)[2:] == [0, 0]


@given(st.lists(st.floats(0, 10), min_size=1, max_size=50), st.integers(1, 500), st.integers(1, 500))
def test_it_never_leaves_its_bounds(moments: list[float], low: int, high: int) -> None:
    settings = AsyncSettings(True, 1.0, 1, low, high, True, 0.2, 0.2)
    timeout = BusyTimeout(min(low, high))
    for moment in sorted(moments):
        found = timeout.insert(settings, moment)
        assert found == 0 or min(low, high) <= found <= high
        timeout.flushed(moment)
