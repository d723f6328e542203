from __future__ import annotations

import json
import math
import os
import subprocess
from pathlib import Path

import jsonschema
import pytest
from manifests import PLAN, TARGET, example

from bench.errors import BenchError, UsageError
from bench.plan import TargetPlan
from bench.record import manifest as manifests
from bench.record.fingerprint import collect_fingerprint
from bench.record.manifest import (
    FileFacts,
    LoadEnds,
    Manifest,
    ObjectiveVerdict,
    Phase,
    Reason,
    Soundness,
    plan_hash,
)
from bench.record.schema import DEFAULT_FOLDER, schemas

FULL = example(
    status="finished",
    tags={"commit": "abc"},
    live_knobs={"redis.maxmemory": 0, "redis.appendonly": "yes"},
    phases=[Phase(name="measure", start=5.0, end=35.0)],
    soundness=Soundness(level="qualified", reasons=[Reason(code="drift", sentence="not steady")]),
    objectives=[ObjectiveVerdict(objective="p95(predict) < 50ms", verdict="pass", measured=12.0)],
    load=LoadEnds(ends=[{"rows": 10, "in_flight_seconds": 0.5}], missing_end=1),
    files={"events.jsonl": FileFacts(sha256="00" * 32, bytes=1)},
)


@pytest.mark.parametrize("manifest", [example(), FULL], ids=["new", "full"])
def test_what_is_written_is_what_is_read_and_fits_the_schema(tmp_path: Path, manifest: Manifest) -> None:
    manifests.write(tmp_path, manifest)
    assert manifests.read(tmp_path) == manifest
    jsonschema.validate(
        json.loads((tmp_path / "run.json").read_text()), json.loads(schemas()["run.schema.json"])
    )
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.parametrize(("name", "schema"), schemas().items())
def test_the_schemas_in_docs_are_current(name: str, schema: str) -> None:
    assert (DEFAULT_FOLDER / name).read_text() == schema, "run: python -m bench.record.schema"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "is not a valid manifest"),
        ("[]", "is not a valid manifest"),
        ("{}", "is not a valid manifest"),
        ('{"schema_version": 1}', "is not a valid manifest: run: Field required"),
        ('{"schema_version": 999}', "update kato-bench"),
        ("[" * 200_000, "nested too deeply"),
        ('{"schema_version": 2, "tags": ' + "[" * 200_000, "nested too deeply"),
    ],
)
def test_a_manifest_that_cannot_be_used(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(UsageError, match=says):
        manifests.read(tmp_path)


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        ("fingerprint.must_match.cores", 0, "cores: Input should be greater than 0"),
        ("plan.arrivals.rate", None, "poisson arrivals need a rate"),
        ("plan.arrivals.kind", "closed", "closed arrivals need users"),
        ("plan.arrivals.rate", math.inf, "rate: Input should be a finite number"),
        ("plan.data", {"nodes": "x"}, "nodes is a whole number"),
        ("plan.data", {"sessions": 1.5}, "sessions is a whole number"),
        ("phases", [{"name": "measure", "start": 5.0, "end": 1e12}], "phases.0.end"),
        ("phases", [{"name": "measure", "start": math.nan}], "phases.0.start"),
        ("phases", [{"name": "measure", "start": 5.0, "end": 4.0}], "measure ends before it starts"),
    ],
)
def test_a_manifest_with_what_cannot_be(tmp_path: Path, place: str, value: object, says: str) -> None:
    written = json.loads(FULL.model_dump_json())
    *way, last = place.split(".")
    part = written
    for step in way:
        part = part[step]
    part[last] = value
    (tmp_path / "run.json").write_text(json.dumps(written))
    with pytest.raises(UsageError, match=f"is not a valid manifest: .*{says}"):
        manifests.read(tmp_path)


@pytest.mark.parametrize("place", ["", "nowhere"])
def test_not_a_run_folder(tmp_path: Path, place: str) -> None:
    with pytest.raises(UsageError, match=r"is not a run folder: it has no run\.json"):
        manifests.read(tmp_path / place)


def test_a_failed_write_keeps_the_old_manifest(tmp_path: Path) -> None:
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]).returncode:
        pytest.skip("mounting takes root")
    try:
        manifests.write(tmp_path, FULL)
        with pytest.raises(BenchError, match="no space left in"):
            manifests.write(tmp_path, FULL.model_copy(update={"tags": {"long": "x" * 100_000}}))
        assert manifests.read(tmp_path) == FULL
        assert os.listdir(tmp_path) == ["run.json"]  # noqa: PTH208
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_the_plan_hash_is_of_the_load_and_nothing_else() -> None:
    same = [
        {"tags": {"commit": "x"}},
        {"seed": 2},
        {"objectives": []},
        {"keep_data": True},
        {"corpus": "/elsewhere/text"},
        {"target": TargetPlan(url="http://elsewhere")},
        {"target": TargetPlan(stores={"qdrant": "http://elsewhere:6333"})},
    ]
    for change in same:
        assert plan_hash(PLAN.model_copy(update=change)) == plan_hash(PLAN), change
    other = [
        {"connections": 20},
        {"data": {"nodes": 2}},
        {"target": TargetPlan(profile="shipped")},
        {"target": TargetPlan(faults={"cpu": "15%"})},
    ]
    for change in other:
        assert plan_hash(PLAN.model_copy(update=change)) != plan_hash(PLAN), change


def test_the_fingerprint_names_machine_target_and_libraries() -> None:
    fingerprint = collect_fingerprint(PLAN, TARGET, None)
    must_match, noted = fingerprint.must_match, fingerprint.noted
    assert must_match.cpu_model
    assert must_match.cores == len(os.sched_getaffinity(0))
    assert must_match.memory_bytes > 10**8
    assert must_match.engines == {"kato": "reference API 1", "redis": "Valkey 9.1.0"}
    assert (must_match.target, must_match.corpus) == ("reference 1", None)
    assert {"numpy", "pyarrow"} <= set(noted.libraries)
    assert collect_fingerprint(PLAN, None, None).must_match.engines == {}
