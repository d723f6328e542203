"""Rules on KATO's own settings."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rule_contract import keeps_contract

from advisor.evidence import Counts, Evidence, Load
from advisor.rules import kato

CHAT = Evidence(
    Counts(
        1000,
        due=1000,
        answered={"observe": 500, "predict": 500},
        service_p50={"observe": 0.004, "predict": 0.12},
    ),
    seconds=30.0,
    cpu_seconds={"kato": 20.0},
    load=Load(nodes=2, learned=10_000),
    knobs={
        "session.filter_pipeline": "[]",
        "session.process_predictions": False,
        "kato.PROCESS_PREDICTIONS": True,
        "kato.LOG_LEVEL": "INFO",
    },
)
SMALL = replace(CHAT, load=Load(nodes=2, learned=400))
TRAIN = replace(CHAT, counts=replace(CHAT.counts, answered={"sequence": 500, "learn": 500}))


def test_large_nodes_want_a_filter() -> None:
    finding = keeps_contract(kato.reads_all_patterns, CHAT, SMALL)
    (change,) = finding.changes
    assert change.new == '["jaccard"]'
    assert (change.predicted[0].low, change.predicted[0].high) == (0.004, 0.12)


def test_predictions_at_observe_time_are_no_matter_of_taste() -> None:
    on = CHAT.with_knob("session.process_predictions", True)
    assert keeps_contract(kato.predicts_at_observe, on, CHAT).severity == "warning"
    stuck = replace(on, counts=replace(on.counts, errors={"timeout": 6}))
    found = kato.predicts_at_observe(stuck)
    assert found is not None
    assert found.severity == "critical"


def test_the_default_is_told_to_those_who_did_not_use_it() -> None:
    off = CHAT.with_knob("kato.PROCESS_PREDICTIONS", False)
    assert keeps_contract(kato.predicts_at_observe_by_default, CHAT, off).severity == "info"


def test_only_training_pays_for_info() -> None:
    finding = keeps_contract(kato.logs_in_training, TRAIN, CHAT)
    assert finding.severity == "info"
    assert finding.changes[0].new == "WARNING"
    debug = kato.logs_in_training(CHAT.with_knob("kato.LOG_LEVEL", "DEBUG"))
    assert debug is not None
    assert debug.severity == "advice"


def test_dead_knobs_are_named_with_the_reason() -> None:
    chosen = replace(CHAT, chosen=frozenset({"kato.KATO_BATCH_SIZE", "uvicorn.workers"}))
    finding = keeps_contract(kato.dead_knobs, chosen, replace(CHAT, chosen=frozenset({"uvicorn.workers"})))
    assert "KATO_BATCH_SIZE" in finding.sentence
    assert "workers" not in finding.sentence


@pytest.mark.parametrize("kind", ["lost_session", "server_error", "timeout", "reset", "invalid"])
def test_failures_are_counted_and_explained(kind: str) -> None:
    failing = replace(CHAT, counts=replace(CHAT.counts, errors={kind: 20, "dropped": 3}))
    chance = replace(CHAT, counts=replace(CHAT.counts, errors={kind: 1}))
    finding = keeps_contract(kato.requests_fail, failing, chance)
    assert finding.sentence.startswith("2 % of 1 000 requests failed. 20 ")
    assert "dropped" not in finding.sentence
