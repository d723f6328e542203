"""The contract lets a good rule through and catches each way of breaking it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from rule_contract import keeps_contract

from advisor.evidence import Counts, Evidence
from advisor.findings import Change, Finding, Prediction
from advisor.rules.base import Rule, rule

KNOB = "redis.maxmemory-policy"
SICK = Evidence(Counts(600), 30.0, knobs={KNOB: "allkeys-lru"})
WELL = Evidence(Counts(600), 30.0, knobs={KNOB: "noeviction"})
CLAIM = Prediction("evicted_keys", "1", "at_most", "the policy forbids it", high=0.0)
CHANGE = Change(KNOB, "allkeys-lru", "noeviction", "data loss", "Writes may fail.", "run it", (CLAIM,))
FINDING = Finding("test.policy", "critical", "It evicts", "It evicts keys.", {"keys": 1}, (CHANGE,))


def policy(**different: Any) -> Rule:
    @rule("test.policy", holds_for="tests", precondition=lambda _: True, source="a book")
    def judge(evidence: Evidence) -> Finding | None:
        """It matters."""
        return replace(FINDING, **different) if evidence.knobs[KNOB] != "noeviction" else None

    return judge


def changed(**different: Any) -> dict[str, Any]:
    return {"changes": (replace(CHANGE, **different),)}


def claimed(**different: Any) -> dict[str, Any]:
    return changed(predicted=(replace(CLAIM, **different),))


def test_a_good_rule_passes() -> None:
    assert keeps_contract(policy(), SICK, WELL) == FINDING
    assert keeps_contract(policy(changes=()), SICK, WELL).changes == ()


@pytest.mark.parametrize(
    ("different", "complaint"),
    [
        ({"id": "test.other"}, "test.other"),
        ({"sentence": "no end"}, "is no sentence"),
        ({"evidence": {}}, "names no numbers"),
        ({"changes": (CHANGE, CHANGE)}, "two values for one knob"),
        (changed(new="lru"), "cannot be 'lru'"),
        (changed(new="volatile-lru"), "is not silent after"),
        (changed(new=None), "there is no new value"),
        (changed(old="noeviction"), "nothing changes"),
        (changed(old="volatile-lru"), "the value in force is another"),
        (changed(knob="redis.port", new="1"), "never tuned"),
        (changed(knob="KATO_WORKERS", new=2), "the canonical name is uvicorn.workers"),
        (changed(risk=""), "the risk is no sentence"),
        (changed(verify=" "), "nobody can verify it"),
        (changed(predicted=()), "nothing is predicted"),
        (claimed(model=""), "without a model"),
        (claimed(low=0.0), "at_most with"),
        (claimed(kind="interval"), "interval with"),
        (claimed(kind="interval", low=1.0), "low is above high"),
        (claimed(high=float("inf")), "is not finite"),
    ],
)
def test_a_broken_one_is_caught(different: dict[str, Any], complaint: str) -> None:
    with pytest.raises(Exception, match=complaint):
        keeps_contract(policy(**different), SICK, WELL)


def test_both_sides_are_asked() -> None:
    with pytest.raises(AssertionError, match="silent on its positive"):
        keeps_contract(policy(), WELL, WELL)
    with pytest.raises(AssertionError, match="speaks on its negative"):
        keeps_contract(policy(), SICK, SICK)


def test_no_change_is_beyond_the_machine() -> None:
    many = changed(knob="uvicorn.workers", old=1, new=8)
    with pytest.raises(AssertionError, match="there are 2 cores"):
        keeps_contract(policy(**many), replace(SICK, cores=2.0), WELL)


def test_a_rule_is_asked_twice() -> None:
    answers = iter([None, FINDING, replace(FINDING, title="Another")])
    fickle = replace(policy(), judge=lambda _: next(answers))
    fickle.judge.__doc__ = "It matters."
    with pytest.raises(AssertionError, match="two answers"):
        keeps_contract(fickle, SICK, WELL)


def test_all_changes_together_must_silence_it() -> None:
    """Each for itself does, but the second undoes what the first did."""
    first = CHANGE
    second = replace(
        CHANGE,
        knob="redis.maxmemory",
        old=None,
        new=1 << 30,
        effect=lambda after: after.with_knob(
            KNOB, "noeviction" if after.knobs[KNOB] != "noeviction" else "x"
        ),
    )
    with pytest.raises(AssertionError, match="after all of its changes together"):
        keeps_contract(policy(changes=(first, second)), SICK, WELL)
