"""From run folders to one piece of advice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from runs import make_run, rows

from advisor.conclude import conclude
from advisor.evidence import Evidence
from advisor.findings import Change, Finding, Prediction
from advisor.rules.base import Rule
from bench.errors import UsageError
from bench.plan import Arrivals, ComposePlan, Plan, TargetPlan
from bench.record import advice
from bench.record.manifest import Reason, Soundness
from bench.record.reader import RunRecord
from bench.record.schema import schemas
from bench.targets.base import ContainerFacts, TargetFacts

LIMIT = "uvicorn.limit_concurrency"
LIVE = {LIMIT: 20}
REQUESTS = [rows("observe", 20)]
UNSOUND = Soundness(level="unsound", reasons=[Reason(code="lag", sentence="the generator was late")])


def rule(name: str, judge: Callable[[Evidence], Finding | None]) -> Rule:
    return Rule(name, "tests", lambda _: True, f"source of {name}", judge)


def wants(new: int, *, knob: str = LIMIT, name: str = "test.limit", purpose: Any = "objective") -> Rule:
    def judge(evidence: Evidence) -> Finding | None:
        old = evidence.knobs.get(knob)
        prediction = Prediction("ceiling", "1/s", "at_least", "the utilisation law", low=30.0, now=15.0)
        change = Change(knob, old, new, purpose, "Memory.", "run it again", (prediction,))
        return Finding(name, "warning", "Too low", f"It is {old}.", {"old": old}, (change,))

    return rule(name, judge)


def by_policy(evidence: Evidence) -> Finding | None:
    """Critical or not, by what the run's knobs say."""
    policy = evidence.knobs.get("redis.maxmemory-policy")
    if policy is None:
        return None
    return Finding(
        "test.policy", "critical" if policy == "allkeys-lru" else "info", "Policy", f"{policy}.", {}
    )


def found(advised: advice.Advice) -> dict[str, advice.Finding]:
    return {one.id: one for one in advised.findings}


def test_what_is_found_is_told_with_source_and_patches_and_fits_the_schema(tmp_path: Path) -> None:
    record = make_run(tmp_path / "run-a", REQUESTS, live_knobs=LIVE)

    advised = conclude([record], [wants(40)])
    advice.write(record.folder, advised)

    finding = found(advised)["test.limit"]
    assert (finding.source, finding.runs) == ("source of test.limit", ["run-a"])
    (recommended,) = finding.recommendations
    assert (recommended.knob, recommended.old, recommended.new) == (LIMIT, 20, 40)
    assert recommended.applies == "restart"
    assert {patch.kind for patch in recommended.patches} == {"set", "environment", "compose"}
    assert advice.read(record.folder) == advised
    written = json.loads((record.folder / "derived" / "advice.json").read_text())
    jsonschema.validate(written, json.loads(schemas()["advice.schema.json"]))
    patches = {path.name: path.read_text() for path in (record.folder / "derived/patches").iterdir()}
    assert patches == advised.files
    assert patches["set.txt"] == "--set uvicorn.limit_concurrency=40\n"


def test_a_deployment_of_compose_files_gets_an_override_for_its_own_services(tmp_path: Path) -> None:
    target = TargetPlan(kind="compose", compose=ComposePlan(files=("/srv/c.yml",)))
    containers = (ContainerFacts("api", part="kato"), ContainerFacts("dashboard"))
    record = make_run(
        tmp_path / "run-a",
        REQUESTS,
        live_knobs=LIVE,
        plan=Plan(arrivals=Arrivals(rate=40.0), target=target),
        target=TargetFacts("compose", "http://127.0.0.1:8000", containers=containers),
    )
    advised = conclude([record], [wants(40)])
    assert advised.files["compose.override.yaml"] == (
        'services:\n  api:\n    environment:\n      - "KATO_LIMIT_CONCURRENCY=40"\n'
    )
    (recommended,) = found(advised)["test.limit"].recommendations
    (patch,) = [one for one in recommended.patches if one.kind == "compose"]
    assert "docker compose -f /srv/c.yml -f compose.override.yaml up -d" in patch.title


def test_writing_again_leaves_no_patch_of_before(tmp_path: Path) -> None:
    record = make_run(tmp_path / "run-a", REQUESTS)
    advice.write(record.folder, conclude([record], [wants(40)]))
    advice.write(record.folder, conclude([record], []))
    assert list((record.folder / "derived/patches").iterdir()) == []
    assert record.verify() == []


@pytest.mark.parametrize("dangling", [False, True])
def test_advice_that_cannot_be_kept_says_where(tmp_path: Path, dangling: bool) -> None:
    record = make_run(tmp_path / "run-a", REQUESTS)
    place = record.folder / "derived"
    if dangling:
        place.symlink_to(tmp_path / "nowhere")
    else:
        place.write_text("")
    with pytest.raises(UsageError, match=rf"cannot write in {place}: .*, where the advice goes"):
        advice.write(record.folder, conclude([record], []))


def test_the_rules_that_there_are_work_on_a_record(tmp_path: Path) -> None:
    knobs = {"redis.maxmemory": 8 << 30, "redis.maxmemory-policy": "allkeys-lru"}
    record = make_run(tmp_path / "run-a", REQUESTS, live_knobs=knobs)
    advised = conclude([record])
    finding = found(advised)["redis.may-evict-patterns"]
    assert advised.findings[0].severity == "critical"
    assert finding.source
    assert "CONFIG SET maxmemory-policy noeviction\n" in advised.files["redis.txt"]


def test_one_finding_of_several_runs_is_one_and_the_gravest_speaks(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path / f"run-{name}", REQUESTS, live_knobs={"redis.maxmemory-policy": policy})
        for name, policy in (("a", "noeviction"), ("b", "allkeys-lru"), ("c", "volatile-lru"))
    ]
    advised = conclude(runs, [rule("test.policy", by_policy)])
    finding = found(advised)["test.policy"]
    assert (finding.severity, finding.message) == ("critical", "allkeys-lru.")
    assert finding.runs == advised.runs == ["run-a", "run-b", "run-c"]
    assert advised.findings[0] == finding


def test_opposite_wishes_are_settled_and_said(tmp_path: Path) -> None:
    record = make_run(tmp_path / "run-a", REQUESTS)
    advised = conclude([record], [wants(40), wants(30, name="test.other", purpose="correctness")])
    assert {id_: len(one.recommendations) for id_, one in found(advised).items() if id_[:4] == "test"} == {
        "test.limit": 0,
        "test.other": 1,
    }
    (sentence,) = advised.settled
    assert sentence == (
        f"{LIMIT} 40 (test.limit) was given up for 30 (test.other): correctness comes before objective."
    )
    assert advised.files["set.txt"] == f"--set {LIMIT}=30\n"


def by_errors(evidence: Evidence) -> Finding | None:
    """Wants 40 connections of one run and 30 of the other, by the value in force."""
    old = evidence.knobs.get(LIMIT)
    return wants({20: 40, 25: 30}[old])(evidence) if old in (20, 25) else None  # type: ignore[index]


def test_runs_that_wish_for_different_values_are_settled_too(tmp_path: Path) -> None:
    records = [
        make_run(tmp_path / f"run-{name}", REQUESTS, live_knobs={LIMIT: old})
        for name, old in (("a", 20), ("b", 25))
    ]
    advised = conclude(records, [rule("test.limit", by_errors)])
    (recommended,) = found(advised)["test.limit"].recommendations
    (sentence,) = advised.settled
    assert recommended.new in (30, 40)
    assert str({30: 40, 40: 30}[recommended.new]) in sentence


def test_what_the_latest_run_has_already_is_not_advised_again(tmp_path: Path) -> None:
    before, after = (
        make_run(tmp_path / f"run-{name}", REQUESTS, live_knobs={LIMIT: value})
        for name, value in (("a", 20), ("b", 40))
    )
    advised = conclude([before, after], [rule("test.limit", by_errors)])
    assert found(advised)["test.limit"].recommendations == []
    assert advised.settled == [f"{LIMIT} is 40 already in the latest of these runs."]
    assert not advised.files


def test_a_larger_limit_that_is_in_force_already_is_never_lowered(tmp_path: Path) -> None:
    before, after = (
        make_run(tmp_path / f"run-{name}", REQUESTS, live_knobs={"redis.maxmemory": value})
        for name, value in (("a", 6 << 20), ("b", 8 << 30))
    )

    def full(evidence: Evidence) -> Finding | None:
        if evidence.knobs["redis.maxmemory"] != 6 << 20:
            return None
        return wants(256 << 20, knob="redis.maxmemory")(evidence)

    advised = conclude([before, after], [rule("test.limit", full)])
    assert found(advised)["test.limit"].recommendations == []
    (sentence,) = advised.settled
    assert sentence == (
        "redis.maxmemory 256 MiB (test.limit) is fulfilled: it is 8 GiB in the latest of these runs, after "
        "6 MiB."
    )
    assert not advised.files


def test_no_more_workers_than_the_machine_has_cores_for(tmp_path: Path) -> None:
    cores = [[float(t), "host", f"cpu{n}", "cpu_busy_share", 0.5] for t in range(36) for n in range(2)]
    record = make_run(tmp_path / "run-a", REQUESTS, cores)
    advised = conclude([record], [wants(99, knob="uvicorn.workers")])
    assert found(advised)["test.limit"].recommendations == []
    assert "uvicorn.workers 99 (test.limit) was refused: there " in advised.settled[0]


def test_a_machine_that_nobody_sees_refuses_nothing(tmp_path: Path) -> None:
    from dataclasses import replace

    from manifests import TARGET

    elsewhere = replace(TARGET, kind="url", parts=tuple(replace(part, pid=None) for part in TARGET.parts))
    record = make_run(tmp_path / "run-a", REQUESTS, target=elsewhere)
    assert (
        len(found(conclude([record], [wants(99, knob="uvicorn.workers")]))["test.limit"].recommendations) == 1
    )


@pytest.mark.parametrize("manifest", [{"soundness": UNSOUND}, {"phases": []}], ids=["unsound", "unmeasured"])
def test_a_run_that_measured_nothing_says_nothing(tmp_path: Path, manifest: dict[str, Any]) -> None:
    requests = REQUESTS if "soundness" in manifest else []
    record = make_run(tmp_path / "run-a", requests, **manifest)
    assert conclude([record], [wants(40)]).findings == []


def test_patches_name_the_collections_that_stay(tmp_path: Path) -> None:
    names = ("vectors_shop_kato", "vectors_bench_ab_0_kato")
    samples = [[float(t), "qdrant", name, "points", 10.0] for t in range(36) for name in names]
    record: RunRecord = make_run(tmp_path / "run-a", REQUESTS, samples)

    def judge(_: Evidence) -> Finding:
        change = Change("qdrant.hnsw.m", 4, 16, "objective", "Slow.", "run it")
        return Finding("test.graph", "advice", "Thin", "Thin.", {}, (change,))

    advised = conclude([record], [rule("test.graph", judge)])
    assert json.loads(advised.files["qdrant-vectors_shop_kato.json"]) == {"hnsw_config": {"m": 16}}
    assert not any("bench" in name for name in advised.files)
