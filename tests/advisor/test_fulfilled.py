"""What earlier runs wished for, held against what the latest one has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.evidence import Knob
from advisor.findings import Change, Finding, Prediction
from advisor.fulfilled import without_fulfilled

MB, GB = 1 << 20, 1 << 30
MEMORY, POLICY, TTL = "redis.maxmemory", "redis.maxmemory-policy", "kato.KATO_BENCH_PREDICTION_TTL"


def wish(knob: str, old: Knob, new: Knob) -> Finding:
    predicted = (Prediction("evicted_keys", "1", "at_most", "they fit", now=7.0, high=0.0),)
    change = Change(knob, old, new, "objective", "None.", "run it", predicted)
    return Finding("test.wish", "warning", "Wish", "It is so.", {"n": 1}, (change,))


@pytest.mark.parametrize(
    ("knob", "old", "new", "live", "said"),
    [
        (MEMORY, 6 * MB, 256 * MB, 8 * GB, "256 MiB (test.wish) is fulfilled: it is 8 GiB in the latest"),
        (MEMORY, 6 * MB, 256 * MB, 0, "it is 0 (no limit) in the latest of these runs, after 6 MiB."),
        (MEMORY, 6 * MB, 256 * MB, 256 * MB, "redis.maxmemory is 256 MiB already in the latest"),
        (MEMORY, 8 * GB, 4 * GB, 2 * GB, "is fulfilled: it is 2 GiB"),
        (TTL, 0, 3600, 600, "3600 (test.wish) is fulfilled: it is 600"),
        ("uvicorn.workers", 1, 2, 4, "2 (test.wish) is fulfilled: it is 4"),
        (POLICY, "allkeys-lru", "noeviction", "noeviction", "is noeviction already"),
        (
            POLICY,
            "allkeys-lru",
            "noeviction",
            "volatile-lru",
            "wished for where it was allkeys-lru; the late",
        ),
        ("uvicorn.workers", None, 2, 4, "wished for where it was unknown; the latest of these runs has 4"),
    ],
)
def test_what_is_fulfilled_or_outdated_is_dropped_and_said(
    knob: str, old: Knob, new: Knob, live: Knob, said: str
) -> None:
    (kept,), (sentence,) = without_fulfilled([wish(knob, old, new)], {knob: live})
    assert kept.changes == ()
    assert said in sentence


@pytest.mark.parametrize(
    ("knob", "old", "new", "live"),
    [
        (MEMORY, 6 * MB, 256 * MB, 64 * MB),
        (MEMORY, 8 * GB, 4 * GB, 0),
        (TTL, 0, 3600, 7200),
        ("uvicorn.workers", 2, 4, 1),
    ],
)
def test_what_is_still_ahead_stands_on_the_value_in_force(
    knob: str, old: Knob, new: Knob, live: Knob
) -> None:
    (kept,), sentences = without_fulfilled([wish(knob, old, new)], {knob: live})
    (change,) = kept.changes
    assert (change.old, change.new, sentences) == (live, new, [])
    # What was measured was measured at the old value.
    assert change.predicted[0].now is None


@pytest.mark.parametrize("latest", [{}, {MEMORY: None}, {MEMORY: 6 * MB}])
def test_a_wish_of_the_value_in_force_or_of_an_unknown_one_stays_as_it_is(latest: dict[str, Knob]) -> None:
    found = wish(MEMORY, 6 * MB, 256 * MB)
    assert without_fulfilled([found], latest) == ([found], [])


@given(*[st.integers(0, 1 << 40)] * 3)
def test_no_step_goes_against_the_wish(old: int, new: int, live: int) -> None:
    (kept,), sentences = without_fulfilled([wish(MEMORY, old, new)], {MEMORY: live})
    assert len(kept.changes) + len(sentences) == 1
    endless = float("inf")
    for change in kept.changes:
        assert isinstance(change.old, int)
        assert change.old == live
        assert ((change.old or endless) < (new or endless)) == ((old or endless) < (new or endless))
