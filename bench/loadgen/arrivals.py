"""When requests are due, and for which session: pure functions of elapsed time and seed, no clock inside.

Times are seconds after the load begins. A schedule never asks how the target fares: that is what makes it
an open model, and its response times honest (the error of tools that wait is called coordinated omission).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from bench.plan import Arrivals, Phases


@dataclass(frozen=True, slots=True)
class Arrival:
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


def bind(due_times: Iterator[float], sessions: int, rng: random.Random) -> Iterator[Arrival]:
    """Give each due time to a session, drawn evenly: in the schedule, not when a session happens to be free,
    so that a slow answer delays the requests that follow it in the same session and no others."""
    for due in due_times:
        yield Arrival(due, rng.randrange(sessions))


def open_schedule(arrivals: Arrivals, phases: Phases, sessions: int, seed: int) -> Iterator[Arrival]:
    """All arrivals of warm-up and measurement, in due order. The same arguments give the same arrivals."""
    if arrivals.rate is None:
        raise ValueError("an open schedule needs a rate")
    end = phases.warmup + phases.measure
    times = (
        constant(arrivals.rate)
        if arrivals.kind == "constant"
        else poisson(arrivals.rate, random.Random(f"due/{seed}"))
    )
    for arrival in bind(times, sessions, random.Random(f"session/{seed}")):
        if arrival.due >= end:
            return
        yield arrival


def phase_of(due: float, phases: Phases) -> str:
    """The phase in which a request is due; `due` in seconds after the start of load."""
    if due < phases.warmup:
        return "warmup"
    return "measure" if due < phases.warmup + phases.measure else "cooldown"
