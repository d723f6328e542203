from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.loadgen.distributed.rendezvous import Go, Orders, Rendezvous, Step

START = 42.0


def rendezvous(members: int) -> Rendezvous:
    return Rendezvous(members, lambda: START)


@given(st.data(), st.integers(1, 5))
def test_nobody_goes_on_before_all_have_come(data: st.DataObject, members: int) -> None:
    """In any order of arrival each is given leave once at each step, and one of them leads."""
    meeting = rendezvous(members)
    at = dict.fromkeys(range(members), 0)
    waiting: set[int] = set()
    told: dict[Step, Orders] = {step: [] for step in Step}
    while free := [one for one in at if one not in waiting and at[one] < Step.DONE]:
        member = data.draw(st.sampled_from(free))
        at[member] += 1
        waiting.add(member)
        for one, go in meeting.arrive(member, Step(at[member])):
            assert go.step == at[one]
            assert min(at.values()) >= go.step
            told[go.step].append((one, go))
            waiting.remove(one)
    for step, orders in told.items():
        assert sorted(one for one, _ in orders) == list(range(members))
        assert [one for one, go in orders if go.leads] == [0]
        assert {go.start for _, go in orders} == {START if step == Step.READY else None}
    assert not meeting.called_off


@given(st.integers(2, 5), st.data())
def test_the_load_is_called_off_where_one_fails_to_prepare(members: int, data: st.DataObject) -> None:
    failing = data.draw(st.integers(0, members - 1))
    dies = data.draw(st.booleans())
    meeting = rendezvous(members)
    for member in range(members):
        if member != failing:
            meeting.arrive(member, Step.TAUGHT)
    orders = meeting.leave(failing) if dies else meeting.arrive(failing, Step.OVER)
    assert meeting.called_off
    assert {one for one, _ in orders} == set(range(members)) - {failing}
    ready = [order for one in range(members) if one != failing for order in meeting.arrive(one, Step.READY)]
    assert {(go.step, go.start) for _, go in ready} == {(Step.READY, None)}


def test_one_that_dies_under_load_holds_up_nobody() -> None:
    meeting = rendezvous(3)
    for member in range(3):
        meeting.arrive(member, Step.READY)
    assert meeting.start == START
    assert meeting.arrive(1, Step.OVER) == []
    assert meeting.leave(0) == []
    assert not meeting.called_off
    assert meeting.behind(Step.OVER) == [2]
    assert meeting.arrive(2, Step.OVER) == [
        (1, Go(Step.OVER, leads=True)),
        (2, Go(Step.OVER, leads=False)),
    ]
    assert meeting.leave(1) == []
    assert meeting.leave(1) == []


def test_the_last_one_missing_sets_the_others_free() -> None:
    meeting = rendezvous(2)
    for member in range(2):
        meeting.arrive(member, Step.READY)
    meeting.arrive(0, Step.OVER)
    assert meeting.leave(1) == [(0, Go(Step.OVER, leads=True))]


def test_each_hears_what_all_have_taught() -> None:
    meeting = rendezvous(2)
    meeting.arrive(0, Step.OVER, [3])
    assert {go.taught for _, go in meeting.arrive(1, Step.OVER, [1, 3])} == {(1, 3)}


def test_steps_may_be_left_out_and_never_taken_back() -> None:
    meeting = rendezvous(1)
    assert meeting.arrive(0, Step.TAUGHT) == [(0, Go(Step.TAUGHT, leads=True))]
    assert meeting.arrive(0, Step.READY) == [(0, Go(Step.READY, leads=True, start=START))]
    with pytest.raises(ValueError, match="came to TAUGHT after READY"):
        meeting.arrive(0, Step.TAUGHT)
