"""What a recorded run counts for, and the file that keeps it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_values import made
from manifests import TARGET
from runs import JUDGED, make_run, rows, usage

from bench.errors import UsageError
from bench.gate import baseline
from bench.gate.comparable import differences
from bench.gate.values import ALL, run_values


def test_values_are_of_the_measure_phase(tmp_path: Path) -> None:
    predict = rows("predict", 10, service=0.020)
    samples = [
        *usage("kato", 0.3),
        *usage("redis", 0.05),
        *usage("load-0", 0.2),
        *([float(t), "host", "", "cpu_busy_share", 0.5] for t in range(36)),
    ]
    parts = tuple(replace(part, pid=1) for part in TARGET.parts)
    record = make_run(
        tmp_path / "run",
        [predict, rows("observe", 2, error="overload")],
        samples,
        soundness=JUDGED["soundness"],
        target=replace(TARGET, parts=parts),
    )
    found = run_values(record)
    measured = (predict["done"] - predict["sent"])[predict["due"] >= 5]
    assert found.value("predict", "service_p50") == pytest.approx(np.median(measured), rel=0.01)
    assert found.value("predict", "service_p95") == pytest.approx(np.quantile(measured, 0.95), rel=0.02)
    response = found.value("predict", "response_p50")
    assert response == pytest.approx(np.median(measured) + 0.0003, rel=0.01)
    assert found.requests == {"observe": 60, "predict": 300, ALL: 360}
    assert found.errors == {"observe": 60, "predict": 0, ALL: 60}
    assert found.value(ALL, "errors") == pytest.approx(1 / 6)
    assert found.value(ALL, "rate") == pytest.approx(10)
    assert found.value(ALL, "kato_cpu") == pytest.approx(0.3 * 30 / 360, rel=0.05)
    assert found.value(ALL, "target_cpu") == pytest.approx(0.35 * 30 / 360, rel=0.05)
    assert found.foreign_cores is not None
    assert 0 <= found.foreign_cores <= found.must_match.cores * 0.5
    assert (found.soundness, found.overloaded) == ("qualified", False)
    assert found.reasons == ["the response time drifts by 12 %"]


def test_what_the_run_does_not_carry_is_left_out(tmp_path: Path) -> None:
    record = make_run(
        tmp_path / "run",
        [rows("predict", 1), rows("clear", 20, error="timeout", answered=False)],
        usage("redis", 0.1),
    )
    found = run_values(record)
    assert found.value("predict", "service_p50") is not None
    assert found.value("predict", "service_p95") is None
    assert found.value("clear", "service_p50") is None
    assert found.value(ALL, "kato_cpu") is None
    assert found.value(ALL, "target_cpu") is None
    assert found.value("learn", "service_p50") is None
    assert found.foreign_cores is None


def test_a_baseline_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    runs = [made("one"), made("two", 1.1, failed=3)]
    baseline.save(path, runs)
    assert baseline.load(path) == runs


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is not a baseline"),
        ("[" * 200_000, "is not a baseline"),
        ("{}", "runs"),
        ('{"runs": []}', "runs"),
        ('{"runs": [{"run": "x"}]}', "runs.0"),
    ],
)
def test_a_broken_baseline_gets_a_sentence(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"^[^\n]+\.$") as caught:
        baseline.load(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("values.predict.service_p50", math.nan, "finite number"),
        ("values.predict.service_p50", math.inf, "finite number"),
        ("values.predict.service_p50", -1.0, "greater than or equal to 0"),
        ("values.predict.errors", 1.5, "share of errors above 1"),
        ("values.predict.colour", 1.0, "colour, which is no metric"),
        ("values.sing", {}, "no operation sing"),
        ("errors", {}, "not of the same operations"),
        ("errors.predict", 161, "predict has more errors than requests"),
        ("requests.predict", -1, "greater than or equal to 0"),
        ("requests", {"observe": 0, "predict": 0, ALL: 0}, "has no requests of all"),
        ("requests.predict", 0, "has values of predict but no requests"),
        ("must_match.cores", 0, "greater than 0"),
    ],
)
def test_a_baseline_that_no_run_can_have_left_is_refused(
    tmp_path: Path, place: str, value: object, words: str
) -> None:
    path = tmp_path / "baseline.json"
    baseline.save(path, [made()])
    written = json.loads(path.read_text())
    *way, last = place.split(".")
    part = written["runs"][0]
    for step in way:
        part = part[step]
    part[last] = value
    path.write_text(json.dumps(written))
    with pytest.raises(UsageError, match=f"is not a baseline: .*{words}"):
        baseline.load(path)


def test_a_newer_baseline_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    baseline.save(path, [made()])
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 99}))
    with pytest.raises(UsageError, match="update kato-bench"):
        baseline.load(path)
    with pytest.raises(UsageError, match="cannot be read"):
        baseline.load(tmp_path / "none.json")
    with pytest.raises(UsageError, match="cannot be written"):
        baseline.save(tmp_path / "no" / "where.json", [made()])


@pytest.mark.parametrize(
    "path",
    sorted((Path(__file__).parents[2] / "results" / "baselines").glob("*.json")),
    ids=lambda path: path.stem,
)
def test_the_committed_baselines_are_readable_and_sound(path: Path) -> None:
    runs = baseline.load(path)
    assert len(runs) >= 2
    assert {run.soundness for run in runs} == {"sound"}
    assert differences(runs) == []
