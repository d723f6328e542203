from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable
from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from bench.courses import Course, Ramp, Sine, Spike, Step, Trace
from bench.loadgen.arrivals import (
    ClosedSchedule,
    bind,
    constant,
    due_times,
    inverse,
    open_schedule,
    phase_of,
    poisson,
)
from bench.plan import Arrivals, Part, Phases, load_of

PLANS = st.builds(
    Arrivals,
    kind=st.sampled_from(["poisson", "constant"]),
    rate=st.floats(0.5, 200),
)
PHASES = st.builds(Phases, warmup=st.floats(0, 3), measure=st.floats(0.1, 5))

#: The lengths that the courses below are made for.
SECONDS = 8.0
RATES = st.floats(0, 100)
COURSES = st.one_of(
    st.builds(Ramp, start=RATES, end=st.floats(0.5, 100)),
    st.builds(Ramp, start=st.floats(0.5, 100), end=RATES),
    st.builds(Step, rates=st.tuples(RATES, st.floats(1, 100), RATES)),
    st.builds(
        Step,
        rates=st.tuples(RATES, st.floats(1, 100)),
        lengths=st.floats(0.5, 7.5).map(lambda first: (first, SECONDS - first)),
    ),
    st.builds(
        Spike, base=st.floats(0, 20), peak=st.floats(21, 300), at=st.floats(0, 6), length=st.floats(0.1, 2)
    ),
    st.floats(1, 100).flatmap(
        lambda mean: st.builds(
            Sine, mean=st.just(mean), amplitude=st.floats(0, mean), period=st.floats(0.5, 30)
        )
    ),
)


def rate_of(course: Course) -> Callable[[float], float]:
    """The rate at a time, written down once more and apart from the integrals."""
    if isinstance(course, Ramp):
        return lambda t: course.start + (course.end - course.start) * t / SECONDS
    if isinstance(course, Sine):
        return lambda t: course.mean + course.amplitude * math.sin(2 * math.pi * t / course.period)
    if isinstance(course, Spike):
        return lambda t: course.peak if course.at <= t < course.at + course.length else course.base
    assert isinstance(course, Step)
    lengths = course.lengths or (SECONDS / len(course.rates),) * len(course.rates)
    ends = list(itertools.accumulate(lengths))
    return lambda t: course.rates[min(sum(end <= t for end in ends), len(ends) - 1)]


def area(course: Course, until: float) -> float:
    """How many requests are due by then: piece by piece, or by quadrature."""
    rate = rate_of(course)
    edges: list[float] = []
    if isinstance(course, Spike):
        edges = [course.at, course.at + course.length]
    if isinstance(course, Step):
        edges = list(itertools.accumulate(length for _, length in course.pieces(SECONDS)))
    bounds = [0.0, *(edge for edge in edges if edge < until), until]
    if edges:
        return sum(rate((low + high) / 2) * (high - low) for low, high in pairwise(bounds))
    return float(integrate.quad(rate, 0.0, until, limit=200)[0])


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
    assert stats.kstest(gaps, "expon", args=(0, 1 / 50)).pvalue > 0.01


EVENLY = [
    (Ramp(start=0, end=8, spacing="constant"), [0.0, 1.414, 2.0, 2.449, 2.828]),
    (Ramp(start=4, end=0, spacing="constant"), [0.0, 0.254, 0.5167, 0.7889, 1.0718]),
    (Ramp(start=2, end=2, spacing="constant"), [0.0, 0.5, 1.0, 1.5, 2.0]),
    (Step(rates=(0.5, 2), spacing="constant"), [0.0, 2.0, 4.0, 4.5, 5.0]),
    (Step(rates=(0, 1), spacing="constant"), [4.0, 5.0, 6.0, 7.0]),
    (Step(rates=(1, 0, 1), lengths=(2, 4, 2), spacing="constant"), [0.0, 1.0, 6.0, 7.0]),
    (Spike(base=0.5, peak=4, at=4, length=1, spacing="constant"), [0.0, 2.0, 4.0, 4.25, 4.5]),
    (Sine(mean=1, amplitude=0, period=3, spacing="constant"), [0.0, 1.0, 2.0, 3.0, 4.0]),
    (Sine(mean=1, amplitude=1, period=4, spacing="constant"), [0.0, 0.675, 1.183, 1.769, 4.0]),
]


@pytest.mark.parametrize(("course", "first"), EVENLY, ids=[course.words for course, _ in EVENLY])
def test_even_spacing_follows_the_rate(course: Course, first: list[float]) -> None:
    due = list(due_times(Arrivals.along(course), SECONDS, random.Random(0)))
    assert due[: len(first)] == pytest.approx(first, abs=1e-3)


@settings(deadline=None, max_examples=150)
@given(COURSES, st.floats(0.001, 0.999))
def test_the_inverse_is_that_of_the_integrated_rate(course: Course, share: float) -> None:
    whole = area(course, SECONDS)
    assert course.expected(SECONDS) == pytest.approx(whole, rel=1e-6)
    when = inverse(course, SECONDS)(share * whole)
    assert 0 <= when <= SECONDS * (1 + 1e-9)
    assert area(course, when) == pytest.approx(share * whole, rel=1e-6, abs=1e-6)


@settings(deadline=None)
@given(COURSES, st.sampled_from(["poisson", "constant"]), st.integers(0, 2**32))
def test_as_many_are_due_as_the_integral_says(course: Course, spacing: str, seed: int) -> None:
    arrivals = Arrivals.along(course.model_copy(update={"spacing": spacing}))
    due = list(due_times(arrivals, SECONDS, random.Random(seed)))
    assert due == list(due_times(arrivals, SECONDS, random.Random(seed)))
    assert all(a <= b for a, b in pairwise(due))
    assert all(0 <= one < SECONDS for one in due)
    expected = course.expected(SECONDS)
    assert abs(len(due) - expected) <= (1 if spacing == "constant" else 6 + 6 * math.sqrt(expected))


@pytest.mark.parametrize(
    "course",
    [
        Ramp(start=0, end=900),
        Ramp(start=900, end=0),
        Sine(mean=500, amplitude=500, period=3),
        Step(rates=(100, 0, 900)),
        Spike(base=100, peak=3000, at=3, length=1),
    ],
    ids=lambda course: course.words,
)
def test_changing_rates_are_poisson_in_rescaled_time(course: Course) -> None:
    """The time-rescaling theorem: of the integral at the due times, gaps are exponential with mean 1."""

    due = list(due_times(Arrivals.along(course), SECONDS, random.Random(11)))
    marks = np.array([area(course, one) for one in due])
    gaps = np.diff(marks, prepend=0.0)
    assert len(gaps) > 1500
    assert stats.kstest(gaps, "expon").pvalue > 0.01


def test_sessions_are_drawn_evenly() -> None:
    counts = np.bincount([a.session for a in islice(bind(constant(1.0), 8, random.Random(1)), 80_000)])
    assert len(counts) == 8
    assert counts.min() > 0.94 * 10_000


def test_longer_measurements_begin_with_the_shorter_ones() -> None:
    arrivals = Arrivals(kind="poisson", rate=30)
    short = list(open_schedule(arrivals, Phases(warmup=1, measure=2), 5, 9))
    long = list(open_schedule(arrivals, Phases(warmup=1, measure=9), 5, 9))
    assert long[: len(short)] == short


TRACE = Trace(file="times.txt", sha256="ab", count=4, lasts=6.0, speed=2.0)


def test_a_trace_is_replayed_as_fast_as_asked_and_cut_at_the_end() -> None:
    due = list(due_times(Arrivals.along(TRACE), 2.5, random.Random(0), {("ab", None): [0.0, 1.0, 4.0, 6.0]}))
    assert due == [0.0, 0.5, 2.0]
    assert TRACE.expected(3.0) == 4
    assert TRACE.expected(1.5) == 2


def test_parts_follow_each_other() -> None:
    arrivals, phases = load_of(
        [
            Part(phase="warmup", seconds=2, arrivals=Arrivals(kind="constant", rate=1)),
            Part(phase="measure", seconds=2, arrivals=Arrivals.along(Step(rates=(0, 2), spacing="constant"))),
            Part(phase="measure", seconds=3, arrivals=Arrivals.along(TRACE)),
        ]
    )
    schedule = open_schedule(arrivals, phases, 3, 1, {("ab", None): [0.0, 2.0, 5.0, 6.0]})
    due = [arrival.due for arrival in schedule]
    assert due == [0.0, 1.0, 3.0, 3.5, 4.0, 5.0, 6.5]
    assert [phase_of(one, phases) for one in due] == ["warmup"] * 2 + ["measure"] * 5


def test_each_part_has_random_numbers_of_its_own() -> None:
    """A later part does not move when an earlier one is longer."""

    def measured(warmup: float) -> list[float]:
        ramp = Arrivals.along(Ramp(start=10, end=40))
        arrivals, phases = load_of(
            [
                Part(phase="warmup", seconds=warmup, arrivals=Arrivals(rate=30)),
                Part(phase="measure", seconds=4, arrivals=ramp),
            ]
        )
        due = (arrival.due for arrival in open_schedule(arrivals, phases, 1, 3))
        return [one - warmup for one in due if one >= warmup]

    assert measured(2) == pytest.approx(measured(5))


def users(number: int, think: float = 0.0) -> Arrivals:
    return Arrivals(kind="closed", users=number, think=think)


def test_users_come_and_rest_with_the_parts() -> None:
    arrivals, phases = load_of(
        [
            Part(phase="warmup", seconds=2, arrivals=users(1, 0.5)),
            Part(phase="measure", seconds=3, arrivals=users(3, 1.0)),
            Part(phase="measure", seconds=5, arrivals=users(2)),
        ]
    )
    closed = ClosedSchedule(arrivals, phases)
    assert [closed.first(user) for user in range(4)] == [0.0, 2.0, 2.0, None]
    assert closed.after(0, 1.25) == 1.75
    assert closed.after(0, 1.75) == 2.25
    assert closed.after(1, 4.5) == 5.5
    assert closed.after(2, 4.5) is None
    assert closed.after(0, 6.0) == 6.0
    assert closed.after(0, 10.5) is None


def test_users_of_one_load_send_until_the_end() -> None:
    closed = ClosedSchedule(users(2, 0.25), Phases(warmup=1, measure=2))
    assert [closed.first(user) for user in range(2)] == [0.0, 0.0]
    assert closed.after(1, 0.9) == pytest.approx(1.15)
    assert closed.after(1, 2.9) is None


def test_a_closed_model_has_no_schedule() -> None:
    with pytest.raises(ValueError, match="needs a rate"):
        list(open_schedule(users(2), Phases(), 2, 1))


@pytest.mark.parametrize(
    ("due", "phase"),
    [(0.0, "warmup"), (1.99, "warmup"), (2.0, "measure"), (4.99, "measure"), (5.0, "cooldown")],
)
def test_phases_follow_the_due_time(due: float, phase: str) -> None:
    assert phase_of(due, Phases(warmup=2, measure=3)) == phase
