"""Whatever the number of processes, their shares are the whole, each thing once, in order."""

from __future__ import annotations

from heapq import merge

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.loadgen.arrivals import Arrival, open_schedule
from bench.loadgen.distributed.share import Share
from bench.plan import Arrivals, Phases

PROCESSES = st.integers(1, 9)


def shares(of: int) -> list[Share]:
    return [Share(index, of) for index in range(of)]


@given(
    of=PROCESSES,
    sessions=st.integers(1, 40),
    seed=st.integers(0, 2**32),
    kind=st.sampled_from(["poisson", "constant"]),
)
def test_the_union_of_the_arrivals_is_the_schedule(of: int, sessions: int, seed: int, kind: str) -> None:
    arrivals, phases = Arrivals(kind=kind, rate=50.0), Phases(warmup=1, measure=3)  # type: ignore[arg-type]
    whole = list(open_schedule(arrivals, phases, sessions, seed))
    parts = []
    for share in shares(of):
        indexes = share.sessions(sessions)
        mine = list(share.arrivals(open_schedule(arrivals, phases, sessions, seed)))
        # The engine takes the place among its own sessions; the record has the index among all.
        parts.append([Arrival(one.due, indexes[one.session]) for one in mine])
    assert list(merge(*parts, key=lambda arrival: arrival.due)) == whole


@given(of=PROCESSES, whole=st.integers(0, 1000))
def test_parts_add_up_and_are_even(of: int, whole: int) -> None:
    parts = [share.part(whole) for share in shares(of)]
    assert sum(parts) == whole
    assert max(parts) - min(parts) <= 1


@given(of=PROCESSES, sessions=st.integers(0, 60))
def test_every_session_and_lesson_has_one_process(of: int, sessions: int) -> None:
    kept = [index for share in shares(of) for index in share.sessions(sessions)]
    taught = [lesson for share in shares(of) for lesson in share.lessons(range(sessions))]
    assert sorted(kept) == sorted(taught) == list(range(sessions))


@pytest.mark.parametrize("of", [1, 3])
def test_no_process_waits_for_what_is_never_drawn(of: int) -> None:
    """A schedule has an end, and so has a share in which nothing is."""
    phases = Phases(warmup=0, measure=0.1)
    schedule = open_schedule(Arrivals(kind="constant", rate=1.0), phases, 1, 1)
    assert len(list(Share(of - 1, of).arrivals(schedule))) == (1 if of == 1 else 0)
