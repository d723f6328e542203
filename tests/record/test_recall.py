"""Recall probes, read from a run's events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from manifests import example

from bench.record import manifest as manifests
from bench.record import recall
from bench.record.estimates import Estimates
from bench.record.reader import RunRecord


def _event(**changes: Any) -> dict[str, Any]:
    return {
        "t": 40.0,
        "kind": "recall",
        "collection": "vectors_a",
        "points": 50_000,
        "indexed": 49_000,
        "dimension": 128,
        "k": 10,
        "ef": None,
        "quantisation_ignored": False,
        "hits": [10, 9, 10],
        "seconds": [0.001, 0.002, 0.009],
    } | changes


def _record(folder: Path, *events: dict[str, Any]) -> RunRecord:
    manifests.write(folder, example(status="finished"))
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    return RunRecord(folder)


def test_every_way_of_asking_is_one_probe(tmp_path: Path) -> None:
    record = _record(tmp_path, {"t": 0.0, "kind": "phase"}, _event(), _event(ef=16, k=3, hits=[3, 3, 3]))
    first, second = recall.recall_of(record)
    assert (first.collection, first.points, first.dimension, first.k, first.ef) == (
        "vectors_a",
        50_000,
        128,
        10,
        None,
    )
    assert first.recall.value == pytest.approx(29 / 30)
    assert first.recall.n == 3
    assert first.seconds_p50 == 0.002
    assert first.indexed == 49_000
    assert (second.k, second.ef, second.recall.value) == (3, 16, 1.0)


def test_the_worst_collection_speaks_as_kato_asks(tmp_path: Path) -> None:
    record = _record(
        tmp_path,
        _event(),
        _event(collection="vectors_b", hits=[5, 5, 5]),
        _event(collection="vectors_c", hits=[1, 1, 1], ef=8),
        _event(collection="vectors_d", hits=[1, 1, 1], quantisation_ignored=True),
    )
    worst = recall.as_kato_asks(recall.recall_of(record), 10)
    assert worst is not None
    assert worst.collection == "vectors_b"
    assert recall.as_kato_asks(recall.recall_of(record), 5) is None


def test_a_probe_that_was_not_made_says_why(tmp_path: Path) -> None:
    record = _record(tmp_path, {"t": 1.0, "kind": "recall_missing", "collection": "c", "reason": "it is red"})
    assert recall.recall_of(record) == ()
    assert recall.missing(record) == ("it is red",)


def test_estimates_tell_recall_as_objectives_ask_for_it(tmp_path: Path) -> None:
    estimates = Estimates(_record(tmp_path, _event()))
    found = estimates.estimate("recall@10", None)
    assert found is not None
    assert found.value == pytest.approx(29 / 30)
    assert estimates.estimate("recall@5", None) is None
