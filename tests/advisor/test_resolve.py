"""One value a knob, legal and affordable; what is given up is said."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.evidence import Knob
from advisor.findings import PURPOSES, SEVERITIES, Change, Finding, Purpose, Severity
from advisor.resolve import DATA_SHARE, Means, least, refusal, settle

PLENTY = Means()
GIB = 1 << 30


def wish(knob: str, new: Knob, purpose: Purpose = "objective", old: Knob = None) -> Change:
    return Change(knob, old, new, purpose, risk="None.", verify="run it")


def finding(name: str, *changes: Change, severity: Severity = "advice") -> Finding:
    return Finding(f"test.{name}", severity, name, f"{name}.", {"n": 1}, changes)


def standing(found: tuple[Finding, ...]) -> dict[str, set[Knob]]:
    values: dict[str, set[Knob]] = {}
    for one in found:
        for change in one.changes:
            values.setdefault(change.knob, set()).add(change.new)
    return values


class TestOppositeWishes:
    def test_data_loss_comes_before_cost(self) -> None:
        settlement = settle(
            [
                finding("cheap", wish("redis.maxmemory", GIB, "cost"), severity="critical"),
                finding("safe", wish("redis.maxmemory", 4 * GIB, "data loss")),
            ],
            PLENTY,
        )
        assert standing(settlement.findings) == {"redis.maxmemory": {4 * GIB}}
        (sentence,) = settlement.settled
        assert sentence == (
            "redis.maxmemory 1 GiB (test.cheap) was given up for 4 GiB (test.safe): "
            "data loss comes before cost."
        )

    def test_of_one_purpose_the_graver_finding_decides(self) -> None:
        settlement = settle(
            [
                finding("mild", wish("uvicorn.workers", 2, old=1)),
                finding("grave", wish("uvicorn.workers", 4, old=1), severity="warning"),
            ],
            PLENTY,
        )
        assert standing(settlement.findings) == {"uvicorn.workers": {4}}
        (sentence,) = settlement.settled
        assert sentence == (
            "uvicorn.workers 2 (test.mild) was given up for 4 (test.grave): "
            "the finding is graver (warning, not advice)."
        )

    @pytest.mark.parametrize(
        ("knob", "old", "one", "other", "stands", "reason"),
        [
            ("uvicorn.workers", 2, 3, 8, 3, "it is the smaller step."),
            ("qdrant.hnsw.m", 32, 8, 24, 24, "it is the smaller step."),
            ("uvicorn.workers", None, 3, 8, 3, "it is the smaller step."),
            ("redis.maxmemory-policy", "allkeys-lru", "volatile-ttl", "noeviction", "noeviction",
             "it is the safer value."),
            ("kato.PROCESS_PREDICTIONS", None, False, True, True, "it is the safer value."),
        ],
    )  # fmt: skip
    def test_then_the_safer_value(
        self, knob: str, old: Knob, one: Knob, other: Knob, stands: Knob, reason: str
    ) -> None:
        settlement = settle(
            [finding("a", wish(knob, one, old=old)), finding("b", wish(knob, other, old=old))], PLENTY
        )
        assert standing(settlement.findings) == {knob: {stands}}
        assert settlement.settled[0].endswith(reason)

    def test_the_same_wish_of_two_findings_stands_in_both(self) -> None:
        found = [finding("a", wish("uvicorn.workers", 2)), finding("b", wish("uvicorn.workers", 2, "cost"))]
        assert settle(found, PLENTY) == settle(found[::-1], PLENTY).__class__(tuple(found), ())

    def test_the_other_changes_of_a_finding_stand(self) -> None:
        both = finding("a", wish("uvicorn.workers", 8), wish("kato.LOG_LEVEL", "WARNING"))
        settlement = settle([both, finding("b", wish("uvicorn.workers", 2, "correctness"))], PLENTY)
        assert [change.knob for change in settlement.findings[0].changes] == ["kato.LOG_LEVEL"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("knob", "new", "means", "reason"),
        [
            ("uvicorn.workers", 3, Means(cores=2), "there are 2 cores"),
            ("uvicorn.workers", 2, Means(cores=0.5), "there is 1 core"),
            ("redis.maxmemory", 8 * GIB, Means(memory_bytes=8 * GIB), "the machine's memory of 8 GiB"),
            ("redis.maxmemory", 4 * GIB, Means(memory_bytes=64 * GIB, redis_limit_bytes=4 * GIB),
             "its container's limit of 4 GiB"),
            ("container.redis.memory", 16 * GIB, Means(memory_bytes=8 * GIB), "has 8 GiB of memory"),
            ("redis.maxmemory", 0, PLENTY, "takes away the limit"),
            ("uvicorn.workers", 0, PLENTY, "a whole number from 1 up to 1024"),
            ("uvicorn.workers", 1.5, PLENTY, "a whole number"),
            ("redis.maxmemory-policy", "lru", PLENTY, "one of noeviction"),
            ("session.filter_pipeline", "jaccard", PLENTY, "a JSON list"),
            ("uvicorn.workers", None, PLENTY, "a whole number"),
            ("kato.CONNECTION_POOL_SIZE", "10", PLENTY, "nothing uses it"),
            ("redis.port", "6380", PLENTY, "not there to be tuned"),
            ("kato.UVICORN_WORKERS", "2", PLENTY, "the command line decides"),
            ("no.such.knob", 1, PLENTY, "there is no such knob"),
        ],
    )  # fmt: skip
    def test_is_dropped_with_its_reason(self, knob: str, new: Knob, means: Means, reason: str) -> None:
        settlement = settle([finding("a", wish(knob, new))], means)
        assert standing(settlement.findings) == {}
        assert reason in settlement.settled[0]
        assert settlement.settled[0].startswith(knob)
        assert len(settlement.findings) == 1

    @pytest.mark.parametrize(
        ("knob", "new", "means"),
        [
            ("uvicorn.workers", 2, Means(cores=2)),
            ("uvicorn.workers", 1, Means(cores=0.5)),
            ("uvicorn.workers", 64, PLENTY),
            ("redis.maxmemory", 6 * GIB, Means(memory_bytes=8 * GIB)),
            ("redis.maxmemory", 6 * GIB, PLENTY),
        ],
    )
    def test_what_is_affordable_stands(self, knob: str, new: Knob, means: Means) -> None:
        assert refusal(wish(knob, new), means) is None

    def test_a_refused_wish_does_not_stand_in_the_way_of_a_possible_one(self) -> None:
        settlement = settle(
            [
                finding("grave", wish("uvicorn.workers", 9), severity="critical"),
                finding("mild", wish("uvicorn.workers", 2)),
            ],
            Means(cores=2),
        )
        assert standing(settlement.findings) == {"uvicorn.workers": {2}}

    def test_a_raised_limit_of_the_container_makes_room(self) -> None:
        room = finding("a", wish("container.redis.memory", 12 * GIB))
        more = finding("b", wish("redis.maxmemory", 8 * GIB, "data loss"))
        tight = Means(memory_bytes=64 * GIB, redis_limit_bytes=8 * GIB)
        assert settle([more, room], tight).settled == ()
        assert len(settle([more], tight).settled) == 1

    def test_the_least_of_several_machines(self) -> None:
        assert least([Means(cores=4, memory_bytes=8), Means(cores=2), PLENTY]) == Means(2, 8, None)
        assert least([]) == PLENTY


VALUES: dict[str, list[Knob]] = {
    "uvicorn.workers": [0, 1, 2, 3, 9],
    "redis.maxmemory": [0, GIB, 3 * GIB, 40 * GIB],
    "container.redis.memory": [1, GIB, 4 * GIB, 99 * GIB],
    "redis.maxmemory-policy": ["noeviction", "volatile-lru", "allkeys-lru", "lru"],
    "session.process_predictions": [True, False],
    "kato.REQUEST_TIMEOUT": ["5"],
    "no.such": [1],
}
changes = st.sampled_from(sorted(VALUES)).flatmap(
    lambda knob: st.builds(
        wish,
        st.just(knob),
        st.sampled_from(VALUES[knob]),
        st.sampled_from(PURPOSES),
        st.sampled_from(VALUES[knob]),
    )
)
findings = st.lists(
    st.builds(
        lambda many, severity: finding("x", *many, severity=severity),
        st.lists(changes, max_size=4),
        st.sampled_from(SEVERITIES),
    ),
    max_size=6,
).map(lambda many: [replace(one, id=f"test.{number}") for number, one in enumerate(many)])
means = st.builds(
    Means,
    st.none() | st.floats(0.1, 64),
    st.none() | st.sampled_from([2.0 * GIB, 64.0 * GIB]),
    st.none() | st.sampled_from([1.0 * GIB, 8.0 * GIB]),
)


class TestWhateverIsWishedFor:
    @given(findings, means)
    def test_no_knob_has_two_values_and_each_is_legal_and_affordable(
        self, found: list[Finding], available: Means
    ) -> None:
        settlement = settle(found, available)
        values = standing(settlement.findings)
        assert all(len(several) == 1 for several in values.values())
        limit = next(iter(values.get("container.redis.memory", {available.redis_limit_bytes})))
        assert limit is None or isinstance(limit, int | float)
        granted = replace(available, redis_limit_bytes=limit)
        for one in settlement.findings:
            assert all(refusal(change, granted) is None for change in one.changes)

    @given(findings, means)
    def test_nothing_is_lost_in_silence(self, found: list[Finding], available: Means) -> None:
        settlement = settle(found, available)
        assert [one.id for one in settlement.findings] == [one.id for one in found]
        before = sum(len(one.changes) for one in found)
        after = sum(len(one.changes) for one in settlement.findings)
        assert before - after == len(settlement.settled)
        for old, new in zip(found, settlement.findings, strict=True):
            assert replace(old, changes=()) == replace(new, changes=())
            assert set(map(id, new.changes)) <= set(map(id, old.changes)), "a wish was bent into another"

    @given(findings, means)
    def test_once_is_enough(self, found: list[Finding], available: Means) -> None:
        once = settle(found, available).findings
        assert settle(once, available) == replace(settle(once, available), findings=once, settled=())

    @given(findings, means, st.randoms(use_true_random=False))
    def test_the_order_of_the_findings_decides_nothing(
        self, found: list[Finding], available: Means, chance: random.Random
    ) -> None:
        shuffled = chance.sample(found, len(found))
        assert standing(settle(found, available).findings) == standing(settle(shuffled, available).findings)

    @given(findings)
    def test_no_wish_stands_over_a_more_important_one(self, found: list[Finding]) -> None:
        stands = standing(settle(found, PLENTY).findings)
        for knob, values in stands.items():
            possible = [
                change
                for one in found
                for change in one.changes
                if change.knob == knob and refusal(change, PLENTY) is None
            ]
            ranks = [PURPOSES.index(change.purpose) for change in possible if change.new in values]
            if knob != "redis.maxmemory":  # The limit that stands may have ruled a wish out.
                assert min(ranks) == min(PURPOSES.index(change.purpose) for change in possible)

    def test_redis_keeps_a_quarter(self) -> None:
        assert DATA_SHARE == 0.75
