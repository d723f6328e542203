"""A run that failed while it learned its patterns because Redis was full says so, and what would do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from manifests import example
from runs import make_run, rows

from advisor.conclude import conclude
from advisor.from_record import evidence_before_load, evidence_of
from bench.advising import advise_on
from bench.errors import UsageError
from bench.record import redis_full
from bench.record.manifest import Phase
from bench.record.reader import RunRecord
from bench.record.vocabulary import PHASES

MB = 1 << 20
KNOBS = {
    "redis.maxmemory": 5 * MB,
    "redis.maxmemory-policy": "noeviction",
    "redis.appendonly": "yes",
    "redis.save": "",
}


def failed(folder: Path, refused: float, **manifest: Any) -> RunRecord:
    """33 s of lessons, 20 a second, until Redis was full at 5 MiB."""
    lessons = [rows("sequence", 20)]
    lessons[0]["phase"] = np.full_like(lessons[0]["phase"], PHASES.index("preload"))
    samples: list[list[Any]] = []
    for t in range(36):
        for metric, value in (
            ("used_memory_bytes", 1e6 + t * 0.12e6),
            ("keys", 100.0 + 100 * t),
            ("oom_errors_total", refused if t == 35 else 0.0),
            ("evicted_keys_total", 0.0),
        ):
            samples.append([float(t), "redis", "", metric, value])
    plan = example().plan.model_copy(update={"data": {"patterns": 700, "nodes": 2}})
    facts = {
        "plan": plan,
        "live_knobs": KNOBS,
        "phases": [],
        "status": "interrupted",
        "reason": "learning failed",
        **manifest,
    }
    return make_run(folder, lessons, samples, **facts)


def test_the_sentence_names_redis_the_knob_and_a_size(tmp_path: Path) -> None:
    sentence = redis_full.why_nothing_was_learned(failed(tmp_path / "run", 146.0))
    assert sentence == (
        "Redis is full and refused 146 writes at redis.maxmemory 5 MiB; raise redis.maxmemory to 64 MiB or "
        "more"
    )
    assert redis_full.why_nothing_was_learned(failed(tmp_path / "other", 0.0)) is None
    plan = example().plan.model_copy(update={"data": {"patterns": 100_000, "nodes": 2}})
    more = redis_full.why_nothing_was_learned(failed(tmp_path / "more", 2.0, plan=plan))
    assert more is not None
    assert more.endswith("to 4 GiB or more")
    unknown = redis_full.why_nothing_was_learned(failed(tmp_path / "unknown", 2.0, live_knobs={}))
    assert unknown == "Redis is full and refused 2 writes; raise redis.maxmemory"


def test_advice_comes_from_the_preload_and_only_of_redis(tmp_path: Path) -> None:
    record = failed(tmp_path / "run", 146.0)
    assert evidence_of(record) is None
    advised = advise_on([record.folder])
    assert [one.id for one in advised.findings] == ["redis.maxmemory-too-small"]
    (finding,) = advised.findings
    assert "146 writes were refused" in finding.message
    (change,) = finding.recommendations
    assert (change.knob, change.old) == ("redis.maxmemory", 5 * MB)
    assert isinstance(change.new, int)
    assert change.new >= 64 * MB
    assert "CONFIG SET maxmemory" in advised.files["redis.txt"]


def test_a_preload_that_failed_for_another_reason_advises_nothing(tmp_path: Path) -> None:
    record = failed(tmp_path / "run", 0.0)
    assert evidence_before_load(record) is None
    assert conclude([record]).findings == []
    with pytest.raises(UsageError, match="ended before anything was measured"):
        advise_on([record.folder])


def test_a_run_that_was_measured_is_judged_by_its_measurement(tmp_path: Path) -> None:
    whole = make_run(tmp_path / "run", [rows("observe", 20)], live_knobs=KNOBS)
    assert evidence_before_load(whole) is None
    begun = failed(tmp_path / "begun", 5.0, phases=[Phase(name="measure", start=5.0, end=35.0)])
    assert evidence_before_load(begun) is None
