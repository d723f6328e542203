"""The plan of a run: what it may say, and what it has in common with those of older records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from bench.courses import Ramp, Sine, Spike, Step, Trace
from bench.gate import baseline
from bench.gate.values import flat
from bench.plan import Arrivals, CollectorsPlan, Part, Phases, Plan, load_of, load_shape
from bench.record.manifest import plan_hash
from bench.record.reader import RunRecord

RESULTS = Path(__file__).parents[1] / "results"
EXAMPLES = sorted(path.parent for path in (RESULTS / "examples").glob("*/run.json"))
RAMP = Arrivals.along(Ramp(start=10, end=30))
POISSON = Arrivals(rate=20)


def part(arrivals: Arrivals, phase: str = "measure", seconds: float = 10, name: str | None = None) -> Part:
    return Part.model_validate({"phase": phase, "name": name, "seconds": seconds, "arrivals": arrivals})


def plan(*parts: Part) -> Plan:
    arrivals, phases = load_of(parts)
    return Plan(arrivals=arrivals, phases=phases)


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_old_records_keep_their_hash(folder: Path) -> None:
    manifest = RunRecord(folder).manifest
    assert plan_hash(manifest.plan) == manifest.fingerprint.must_match.plan


def test_old_baselines_stay_comparable() -> None:
    (path,) = (RESULTS / "baselines").glob("*.json")
    old = baseline.load(path)[0].load
    again = Plan.model_validate({name: old[name] for name in ("scenario", "arrivals", "phases", "data")})
    assert flat(load_shape(again)) == flat(old)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kind": "poisson"}, "poisson arrivals need a rate"),
        ({"kind": "closed"}, "closed arrivals need users"),
        ({"kind": "closed", "users": 2, "rate": 3}, "closed arrivals take no rate"),
        ({"kind": "constant", "rate": 3, "users": 2}, "constant arrivals take no users"),
        ({"kind": "poisson", "rate": 3, "think": 1}, "poisson arrivals take no think"),
        ({"kind": "ramp"}, "ramp arrivals need the course of a ramp"),
        ({"kind": "ramp", "course": {"kind": "step", "rates": [1]}}, "need the course of a ramp"),
        ({"kind": "ramp", "rate": 1, "course": {"kind": "ramp", "start": 1, "end": 2}}, "take no rate"),
        ({"kind": "poisson", "rate": 1, "course": {"kind": "ramp", "start": 1, "end": 2}}, "take no course"),
        ({"kind": "ramp", "course": {"kind": "ramp", "start": 1, "end": 2, "peak": 3}}, "Extra inputs"),
        ({"kind": "wave", "rate": 1}, "Input should be"),
    ],
)
def test_each_kind_takes_its_own(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Arrivals.model_validate(given)


@pytest.mark.parametrize(
    ("phases", "words"),
    [
        ({"warmup": 0, "measure": 20, "parts": [part(POISSON)]}, "last 10 s together, not 20 s"),
        ({"warmup": 5, "measure": 10, "parts": [part(POISSON)]}, "the parts of warmup last 0 s"),
        (
            {"warmup": 10, "measure": 10, "parts": [part(POISSON), part(POISSON, "warmup")]},
            "warm-up come before",
        ),
        (
            {
                "warmup": 10,
                "measure": 10,
                "parts": [part(Arrivals(kind="closed", users=1), "warmup"), part(RAMP)],
            },
            "open and closed",
        ),
    ],
)
def test_parts_make_up_their_phases(phases: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Phases(**phases)


def test_a_changing_load_stands_in_parts() -> None:
    with pytest.raises(ValidationError, match="ramp arrivals belong to parts"):
        Plan(arrivals=RAMP)
    with pytest.raises(ValidationError, match="not those of its first measured part"):
        Plan(arrivals=POISSON, phases=plan(part(RAMP)).phases)
    with pytest.raises(ValueError, match="no part is measured"):
        load_of([part(POISSON, "warmup")])


def test_a_plan_in_parts_survives_its_record() -> None:
    made = plan(part(POISSON, "warmup"), part(RAMP, name="up"), part(Arrivals.along(Step(rates=(1, 2)))))
    again = Plan.model_validate_json(made.model_dump_json())
    assert again == made
    assert json.loads(made.model_dump_json())["phases"]["parts"][1]["arrivals"]["course"]["start"] == 10


def test_what_a_plan_says_of_its_load() -> None:
    plain = Plan(arrivals=POISSON)
    assert (plain.rate, plain.users, plain.closed, plain.stationary) == (20, None, False, True)
    assert [(one.phase, one.seconds) for one in plain.parts] == [("warmup", 5), ("measure", 30)]
    up = plan(part(POISSON, "warmup"), part(RAMP, seconds=30), part(Arrivals(kind="constant", rate=60)))
    assert (up.rate, up.closed, up.stationary) == (30, False, False)
    named = plan(part(RAMP, "warmup"), part(POISSON, name="a"), part(POISSON, name="b"))
    assert (named.rate, named.stationary, len(named.phases.parts)) == (20, True, 3)
    closed = plan(*(part(Arrivals(kind="closed", users=users)) for users in (2, 5, 3)))
    assert (closed.rate, closed.users, closed.closed, closed.stationary) == (None, 5, True, False)


def test_a_trace_is_known_by_its_content() -> None:
    def shape(file: str, sha256: str) -> tuple[str, dict[str, Any]]:
        trace = Arrivals.along(Trace(file=file, sha256=sha256, count=4, lasts=2))
        made = plan(part(trace))
        return plan_hash(made), load_shape(made)

    assert shape("/a/times.txt", "ab") == shape("/b/other.txt", "ab")
    assert shape("/a/times.txt", "ab") != shape("/a/times.txt", "cd")


def test_the_collectors_interval_is_part_of_the_plan() -> None:
    changed = Plan(arrivals=POISSON, collectors=CollectorsPlan(interval=5))
    assert plan_hash(changed) != plan_hash(Plan(arrivals=POISSON))


@pytest.mark.parametrize(
    ("course", "peak", "expected"),
    [
        (Ramp(start=10, end=30), 30, 200),
        (Step(rates=(10, 30)), 30, 200),
        (Step(rates=(10, 30), lengths=(8, 2)), 30, 140),
        (Spike(base=10, peak=30, at=5, length=1), 30, 120),
        (Sine(mean=10, amplitude=5, period=5), 15, 100),
    ],
    ids=lambda value: getattr(value, "words", None),
)
def test_peak_and_expected_requests(course: Any, peak: float, expected: float) -> None:
    assert Arrivals.along(course).peak == peak
    assert Arrivals.along(course).expected(10) == pytest.approx(expected)
