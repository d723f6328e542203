"""Requests that are due together keep the rate of the schedule, and its kind."""

from __future__ import annotations

from collections import Counter
from itertools import groupby, pairwise

import pytest
from scipy import stats

from bench.loadgen.arrivals import Arrival, open_schedule
from bench.loadgen.grouping import groups, in_groups
from bench.plan import Arrivals, Phases

SESSIONS, SIZE = 24, 8


def grouped(rate: float, seconds: float, seed: int = 1) -> list[Arrival]:
    arrivals = Arrivals(kind="poisson", rate=rate)
    phases = Phases(warmup=0, measure=seconds)
    return list(in_groups(open_schedule(arrivals, phases, SESSIONS, seed), SIZE, SESSIONS, seed))


def test_all_of_a_group_are_due_at_once() -> None:
    for due, together in groupby(grouped(50, 60), key=lambda arrival: arrival.due):
        sessions = [arrival.session for arrival in together]
        assert len(sessions) == SIZE
        assert {session % groups(SIZE, SESSIONS) for session in sessions} == {sessions[0] % 3}
        assert due < 60


def test_the_rate_and_the_law_stay() -> None:
    found = grouped(400, 200)
    assert len(found) / 200 == pytest.approx(400, rel=0.05)
    moments = sorted({arrival.due for arrival in found})
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert stats.kstest(gaps, "expon", args=(0, SIZE / 400)).pvalue > 0.001
    shares = Counter(arrival.session % 3 for arrival in found)
    assert stats.chisquare([n / SIZE for n in shares.values()]).pvalue > 0.001


def test_the_same_seed_gives_the_same() -> None:
    assert grouped(50, 10) == grouped(50, 10)
    assert grouped(50, 10) != grouped(50, 10, seed=2)
