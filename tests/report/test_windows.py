"""Samples over time as lines of few points."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.report.page import windows
from bench.stats.histogram import Histogram


@pytest.mark.parametrize(
    ("seconds", "least", "width"),
    [
        (30, 0, 1),
        (240, 0, 1),
        (241, 0, 2),
        (3600, 0, 15),
        (30, 4.1, 5),
        (86_400, 0, 600),
        (2_000_000, 0, 10_800),
    ],
)
def test_windows_are_of_lengths_that_people_count_in(seconds: float, least: float, width: int) -> None:
    assert windows.width_for(seconds, least) == width


@given(st.floats(0, 1e4), st.floats(0.1, 1e6))
def test_no_line_has_more_points_than_are_seen(start: float, seconds: float) -> None:
    width = windows.width_for(seconds)
    bounds = windows.edges(start, start + seconds, width)
    assert 2 <= len(bounds) <= windows.MOST_POINTS + 2
    assert bounds[0] <= start
    assert set(np.diff(bounds)) == {float(width)}


def test_events_are_counted_per_second() -> None:
    events = windows.EventCounts(0.5, 50.0)
    events.add(np.array([0.1, 0.2, math.nan, 1.9, -1.0]))
    events.add(np.array([2.0, 3.9, 99.0]))
    line = windows.counted("due", events, windows.edges(0, 4, 2))
    assert (line.times, line.values, line.width) == ([1.0, 3.0], [1.5, 1.0], 2.0)


def test_gauges_are_averaged_and_unknown_where_nothing_was_read() -> None:
    bounds = windows.edges(0, 6, 2)
    line = windows.averaged("rss", np.array([0.0, 1.0, 4.5, -1.0]), np.array([1.0, 3.0, 7.0, 9.0]), bounds)
    assert line.values == [2.0, None, 7.0]
    assert line.known == [2.0, 7.0]


def test_counters_grow_and_restart() -> None:
    times = np.arange(0, 7, dtype=float)
    values = np.array([10.0, 11.0, 12.0, 1.0, 2.0, 3.0, 4.0])
    line = windows.growth("cpu", times, values, windows.edges(0, 8, 2))
    assert line.values[:3] == [1.0, 1.0, 1.0]
    assert line.values[3] is None


def test_a_counter_that_was_read_once_is_unknown() -> None:
    line = windows.growth("cpu", np.array([1.0]), np.array([5.0]), windows.edges(0, 2, 1))
    assert line.values == [None, None]


def test_percentiles_only_where_the_window_carries_them() -> None:
    histograms = [
        (second, Histogram.from_values([0.01] * count)) for second, count in ((0, 40), (1, 40), (2, 50))
    ]
    line = windows.percentiles("p95", histograms, 0.95, windows.edges(0, 4, 2))
    assert line.values[0] == pytest.approx(0.01, rel=0.005)
    assert line.values[1] is None


def test_who_got_no_answer_took_for_ever() -> None:
    histogram = Histogram.from_values([0.01] * 90 + [math.inf] * 10)
    line = windows.percentiles("p95", [(0, histogram)], 0.95, windows.edges(0, 1, 1))
    assert line.values == [math.inf]
