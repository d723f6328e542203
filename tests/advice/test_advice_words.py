"""What the screen says of advice."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from bench.knobs.catalogue import in_words
from bench.plan import Arrivals, Plan, TargetPlan
from bench.record.advice import Advice, Finding, Patch, Prediction, Recommendation, Scalar
from bench.report.advice import change, prediction, print_advice, quantity, top_lines


def recommendation(knob: str, old: Scalar = 1, new: Scalar = 2, **more: Any) -> Recommendation:
    fields = {"applies": "restart", "risk": "It costs memory.", "verify": "kato-bench run", **more}
    return Recommendation(knob=knob, old=old, new=new, **fields)


def finding(name: str, *wanted: Recommendation, severity: Any = "warning") -> Finding:
    return Finding(
        id=name,
        severity=severity,
        title=f"Title of {name}",
        message=f"Message of {name}.",
        source="somewhere",
        runs=["run-a"],
        recommendations=list(wanted),
    )


EVICTS = finding(
    "redis.may-evict",
    recommendation(
        "redis.maxmemory-policy",
        "allkeys-lru",
        "noeviction",
        applies="live",
        predicted=[
            Prediction(metric="evicted_keys", unit="1", kind="at_most", now=21_500, high=0, model="by policy")
        ],
        patches=[Patch(kind="redis", title="Now", text="CONFIG SET maxmemory-policy noeviction\n")],
    ),
    severity="critical",
)


def shown(advised: Advice) -> str:
    file = io.StringIO()
    plan = Plan(
        arrivals=Arrivals(rate=40.0), target=TargetPlan(knobs={"redis.maxmemory-policy": "allkeys-lru"})
    )
    print_advice(advised, Path("runs/a/derived/patches"), plan, file)
    return file.getvalue()


def test_all_that_is_known_of_a_change_is_on_the_screen() -> None:
    text = shown(
        Advice(
            kato_bench="1",
            runs=["run-a"],
            findings=[EVICTS],
            settled=["One thing was given up."],
            files={
                "redis.txt": "CONFIG SET maxmemory-policy noeviction\n",
                "set.txt": "--set redis.maxmemory-policy=noeviction\n",
            },
        )
    )
    for words in (
        "Advice from run run-a",
        "critical: Title of redis.may-evict",
        "Message of redis.may-evict.",
        "redis.maxmemory-policy: allkeys-lru → noeviction (acts at once)",
        "evicted_keys at most 0 (now 21 500): by policy",
        "risk: It costs memory.",
        "to verify: kato-bench run",
        "      CONFIG SET maxmemory-policy noeviction\n",
        "source: somewhere",
        "One thing was given up.",
        "--rate 40 ",
        "--set redis.maxmemory-policy=noeviction",
        "runs/a/derived/patches",
        "redis.txt",
    ):
        assert words in text
    assert "\x1b" not in text


def test_several_runs_are_told_apart() -> None:
    text = shown(Advice(kato_bench="1", runs=["run-a", "run-b"], findings=[EVICTS]))
    assert "Advice from 2 runs: run-a, run-b" in text
    assert "seen in run-a" in text


@pytest.mark.parametrize(
    ("findings", "sentence"),
    [([], "Nothing was found that is worth a word."), ([finding("a")], "None of it asks for a change.")],
)
def test_nothing_to_say_is_one_sentence(findings: list[Finding], sentence: str) -> None:
    assert sentence in shown(Advice(kato_bench="1", runs=["run-a"], findings=findings))


def test_the_top_lines_are_the_first_changes_and_each_knob_counts_once() -> None:
    lines = top_lines(
        [
            EVICTS,
            finding("b", recommendation("uvicorn.workers"), recommendation("redis.appendonly", "no", "yes")),
            finding(
                "c", recommendation("uvicorn.workers"), recommendation("kato.LOG_LEVEL", "INFO", "WARNING")
            ),
        ],
        3,
    )
    assert [line.plain for line in lines] == [
        "1. redis.maxmemory-policy: allkeys-lru → noeviction (critical: Title of redis.may-evict)",
        "2. uvicorn.workers: 1 → 2 (warning: Title of b)",
        "3. redis.appendonly: no → yes (warning: Title of b)",
    ]
    assert top_lines([finding("a")]) == []
    noted = finding("d", recommendation("uvicorn.workers")).model_copy(update={"severity": "info"})
    assert top_lines([noted]) == []


@pytest.mark.parametrize(
    ("knob", "plain", "said"),
    [
        ("redis.maxmemory", 64 << 20, "64 MiB"),
        ("redis.maxmemory", 8 << 30, "8 GiB"),
        ("redis.maxmemory", 0, "0 B"),
        ("redis.save", "", '""'),
        ("kato.PROCESS_PREDICTIONS", False, "false"),
        ("uvicorn.workers", None, "unknown"),
        ("no.such.knob", 3, "3"),
    ],
)
def test_values_as_people_write_them(knob: str, plain: Scalar, said: str) -> None:
    assert in_words(knob, plain) == said
    assert change(recommendation(knob, plain, plain)) == f"{knob}: {said} → {said}"


@pytest.mark.parametrize(
    ("number", "unit", "said"),
    [
        (0.0123, "s", "12.3 ms"),
        (152.3, "1/s", "152/s"),
        (0.984, "share", "98 %"),
        (3 << 20, "bytes", "3 MiB"),
        (21_500, "1", "21 500"),
        (0.984, "1", "0.984"),
        (12.0, "links", "12.0 links"),
    ],
)
def test_quantities_have_their_unit(number: float, unit: str, said: str) -> None:
    assert quantity(number, unit) == said


@pytest.mark.parametrize(
    ("kind", "bounds", "said"),
    [
        ("interval", {"low": 0.01, "high": 0.02, "now": 0.1}, "p95 10.0 ms to 20.0 ms (now 100 ms): why"),
        ("at_least", {"low": 0.01}, "p95 at least 10.0 ms: why"),
        ("at_most", {"high": 0.02}, "p95 at most 20.0 ms: why"),
    ],
)
def test_predictions(kind: Any, bounds: dict[str, float], said: str) -> None:
    assert prediction(Prediction(metric="p95", unit="s", kind=kind, model="why", **bounds)) == said
