"""When requests are due, and for which session: pure functions of elapsed time and seed, no clock inside.

Times are seconds after the load begins. A schedule never asks how the target fares: that is what makes it
an open model, and its response times honest (the error of tools that wait is called coordinated omission).

Where the rate changes, due times come from its integral, which says how many requests are due by then: the
k-th is due where it reaches the k-th point of a process of rate 1 (Çinlar's inversion). Thinning, the other
exact way, draws a number of random numbers that depends on the rate, needs a bound on it, and cannot space
requests evenly; the inverse takes one number a request, whatever the rate does. It is in closed form for
straight and for piecewise constant rates. That of a sine is not (it is Kepler's equation) and is solved to
twelve digits.
"""

from __future__ import annotations

import bisect
import itertools
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from bench.courses import Course, Ramp, Sine, Trace
from bench.plan import Arrivals, Phases

#: From how many requests are due by then to when that is.
Inverse = Callable[[float], float]

#: Recorded times by the trace that means them (`Trace.times`).
Traces = Mapping[tuple[str, str | None], Sequence[float]]


class Arrival(NamedTuple):
    """One request that is due: `due` in seconds after the start of load, `session` the index of the
    session that must send it."""

    due: float
    session: int


def poisson(rate: float, rng: random.Random) -> Iterator[float]:
    """Due times with independent exponential gaps of mean 1/rate: what many independent users produce."""
    due = 0.0
    while True:
        due += rng.expovariate(rate)
        yield due


def constant(rate: float) -> Iterator[float]:
    """Due times at k/rate. Gaps that never vary show about half the queueing of Poisson arrivals
    (Allen-Cunneen: the wait grows with the squared variation of the gaps)."""
    k = 0
    while True:
        yield k / rate
        k += 1


def ramp(start: float, end: float, seconds: float) -> Inverse:
    """The rate goes from `start` to `end` in a straight line, and start t + (end - start) t² / (2 seconds)
    requests are due by t. Solved for t so that nothing cancels, also where it starts at 0 or falls."""
    slope = (end - start) / seconds

    def when(count: float) -> float:
        if count <= 0:
            return 0.0
        # Beyond its end a falling ramp reaches 0 and makes nothing due any more.
        return 2 * count / (start + math.sqrt(max(0.0, start * start + 2 * slope * count)))

    return when


def steps(pieces: Sequence[tuple[float, float]]) -> Inverse:
    """One rate after the other: (rate, seconds) of each. Infinite beyond the last."""
    reached = list(itertools.accumulate(rate * seconds for rate, seconds in pieces))
    begins = list(itertools.accumulate((seconds for _, seconds in pieces), initial=0.0))

    def when(count: float) -> float:
        # A piece of rate 0 reaches what was reached before it, so that the search passes it by.
        piece = bisect.bisect_right(reached, count)
        if piece == len(pieces):
            return math.inf
        return begins[piece] + (count - (reached[piece - 1] if piece else 0.0)) / pieces[piece][0]

    return when


def sine(mean: float, amplitude: float, period: float) -> Inverse:
    """The rate is mean + amplitude sin(2π t / period). By Newton's steps; where one leaves the bracket, by
    halving it."""
    turn, swing = 2 * math.pi / period, amplitude / mean

    def when(count: float) -> float:
        wanted = count * turn / mean
        low, high = max(0.0, wanted - 2 * swing), wanted
        angle = (low + high) / 2
        while high - low > 1e-12 * max(1.0, high):
            excess = angle + swing * (1 - math.cos(angle)) - wanted
            if excess > 0:
                high = angle
            else:
                low = angle
            slope = 1 + swing * math.sin(angle)
            step = excess / slope if slope > 1e-9 else math.inf
            if abs(step) <= 1e-13 * max(1.0, angle):
                break
            angle = angle - step if low < angle - step < high else (low + high) / 2
        return angle / turn

    return when


def inverse(course: Course, seconds: float) -> Inverse:
    """How many requests are due by then → when, for a course of so many seconds that has an integral."""
    if isinstance(course, Ramp):
        return ramp(course.start, course.end, seconds)
    if isinstance(course, Sine):
        return sine(course.mean, course.amplitude, course.period)
    if isinstance(course, Trace):
        raise TypeError("a trace has due times, not a rate")
    return steps(course.pieces(seconds))


def due_times(
    arrivals: Arrivals, seconds: float, rng: random.Random, traces: Traces | None = None
) -> Iterator[float]:
    """Due times of an open model within the first `seconds`, in order."""
    course = arrivals.course
    if isinstance(course, Trace):
        times = _recorded(course, traces or {})
    elif course is not None:
        counts = constant(1.0) if course.spacing == "constant" else poisson(1.0, rng)
        times = map(inverse(course, seconds), counts)
    elif arrivals.rate is None:
        raise ValueError("an open schedule needs a rate")
    else:
        times = constant(arrivals.rate) if arrivals.kind == "constant" else poisson(arrivals.rate, rng)
    return itertools.takewhile(lambda due: due < seconds, times)


def _recorded(trace: Trace, traces: Traces) -> Iterator[float]:
    for time in traces[trace.times]:
        yield time / trace.speed


def bind(due_times: Iterator[float], sessions: int, rng: random.Random) -> Iterator[Arrival]:
    """Give each due time to a session, drawn evenly: in the schedule, not when a session happens to be free,
    so that a slow answer delays the requests that follow it in the same session and no others."""
    for due in due_times:
        yield Arrival(due, rng.randrange(sessions))


def open_schedule(
    arrivals: Arrivals, phases: Phases, sessions: int, seed: int, traces: Traces | None = None
) -> Iterator[Arrival]:
    """All arrivals of warm-up and measurement, in due order. The same arguments give the same arrivals."""
    end = phases.warmup + phases.measure
    rng = random.Random(f"session/{seed}")
    if phases.parts:
        # Where lengths are summed, a part may end a trifle after the end.
        chained = _chained(phases, seed, traces)
        return bind(itertools.takewhile(lambda due: due < end, chained), sessions, rng)
    times = due_times(arrivals, end, random.Random(f"due/{seed}"))
    return bind(times, sessions, rng)


def _chained(phases: Phases, seed: int, traces: Traces | None) -> Iterator[float]:
    """The schedules of the parts, one behind the other, each with random numbers of its own."""
    for number, part in enumerate(phases.parts):
        # Summed as the phases are, so that a boundary of both is the same number.
        begins = math.fsum(one.seconds for one in phases.parts[:number])
        rng = random.Random(f"due/{seed}/{number}")
        for due in due_times(part.arrivals, part.seconds, rng, traces):
            yield begins + due


class ClosedSchedule:
    """When the users of a closed model are due, by their own last answers.

    Users are numbered; while a part has n users, those below n send and the others rest."""

    def __init__(self, arrivals: Arrivals, phases: Phases) -> None:
        lengths = [(part.seconds, part.arrivals) for part in phases.parts]
        lengths = lengths or [(phases.warmup + phases.measure, arrivals)]
        ends = itertools.accumulate(seconds for seconds, _ in lengths)
        self._parts = [
            (end - seconds, end, one.users or 0, one.think)
            for end, (seconds, one) in zip(ends, lengths, strict=True)
        ]

    def first(self, user: int) -> float | None:
        """When the user sends for the first time; None = never."""
        return self._next(user, 0.0)

    def after(self, user: int, answered: float) -> float | None:
        """When the user's next request is due, after an answer that came at `answered`; None = never."""
        think = next((think for _, end, _, think in self._parts if answered < end), None)
        return None if think is None else self._next(user, answered + think)

    def _next(self, user: int, earliest: float) -> float | None:
        return next(
            (max(start, earliest) for start, end, users, _ in self._parts if earliest < end and user < users),
            None,
        )


def phase_of(due: float, phases: Phases) -> str:
    """The phase in which a request is due; `due` in seconds after the start of load."""
    if due < phases.warmup:
        return "warmup"
    return "measure" if due < phases.warmup + phases.measure else "cooldown"
