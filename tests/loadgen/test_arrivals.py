from __future__ import annotations

import random
from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.loadgen.arrivals import bind, constant, open_schedule, phase_of, poisson
from bench.plan import Arrivals, Phases

PLANS = st.builds(
    Arrivals,
    kind=st.sampled_from(["poisson", "constant"]),
    rate=st.floats(0.5, 200),
)
PHASES = st.builds(Phases, warmup=st.floats(0, 3), measure=st.floats(0.1, 5))


@settings(deadline=None)
@given(PLANS, PHASES, st.integers(1, 50), st.integers(0, 2**32))
def test_a_schedule_is_ordered_bounded_and_repeatable(
    arrivals: Arrivals, phases: Phases, sessions: int, seed: int
) -> None:
    first = list(open_schedule(arrivals, phases, sessions, seed))
    assert first == list(open_schedule(arrivals, phases, sessions, seed))
    assert all(a.due <= b.due for a, b in pairwise(first))
    assert all(0 <= arrival.due < phases.warmup + phases.measure for arrival in first)
    assert all(0 <= arrival.session < sessions for arrival in first)


def test_constant_arrivals_are_evenly_spaced() -> None:
    assert list(islice(constant(4.0), 5)) == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_constant_arrivals_do_not_drift() -> None:
    """The k-th is k/rate, not k additions of 1/rate."""
    assert next(islice(constant(3.0), 3_000_000, None)) == 1_000_000.0


def test_poisson_gaps_are_exponential() -> None:
    due = np.fromiter(islice(poisson(50.0, random.Random(4)), 40_000), float)
    gaps = np.diff(due)
    assert gaps.mean() == pytest.approx(1 / 50, rel=0.02)
    assert gaps.std() / gaps.mean() == pytest.approx(1.0, rel=0.03)
    counts = np.bincount(due.astype(int))[:-1]
    assert counts.var() / counts.mean() == pytest.approx(1.0, rel=0.2)


def test_sessions_are_drawn_evenly() -> None:
    counts = np.bincount([a.session for a in islice(bind(constant(1.0), 8, random.Random(1)), 80_000)])
    assert len(counts) == 8
    assert counts.min() > 0.94 * 10_000


def test_longer_measurements_begin_with_the_shorter_ones() -> None:
    arrivals = Arrivals(kind="poisson", rate=30)
    short = list(open_schedule(arrivals, Phases(warmup=1, measure=2), 5, 9))
    long = list(open_schedule(arrivals, Phases(warmup=1, measure=9), 5, 9))
    assert long[: len(short)] == short


@pytest.mark.parametrize(
    ("due", "phase"),
    [(0.0, "warmup"), (1.99, "warmup"), (2.0, "measure"), (4.99, "measure"), (5.0, "cooldown")],
)
def test_phases_follow_the_due_time(due: float, phase: str) -> None:
    assert phase_of(due, Phases(warmup=2, measure=3)) == phase
