from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from advisor import rules
from advisor.advise import advise
from advisor.evidence import Counts, Evidence, RedisUse

SHIPPED = Evidence(
    Counts(600),
    30.0,
    cores=4.0,
    workers=4,
    cpu_seconds={"kato": 20.0},
    redis=RedisUse(used_memory_bytes=20e6, evicted_keys=12.0),
    knobs={
        "redis.maxmemory": 20 << 20,
        "redis.maxmemory-policy": "allkeys-lru",
        "redis.save": "",
        "redis.appendonly": "no",
    },
)


def test_the_gravest_first() -> None:
    assert [(finding.severity, finding.id) for finding in advise(SHIPPED)] == [
        ("critical", "redis.keys-evicted"),
        ("critical", "redis.not-persistent"),
        ("warning", "redis.maxmemory-too-small"),
        ("info", "bottleneck.binding-resource"),
    ]


def test_a_healthy_deployment_hears_only_where_its_ceiling_is() -> None:
    healthy = {**SHIPPED.knobs, "redis.maxmemory-policy": "noeviction", "redis.appendonly": "yes"}
    quiet = replace(SHIPPED, knobs=healthy, redis=RedisUse(evicted_keys=0.0))

    assert [finding.id for finding in advise(quiet)] == ["bottleneck.binding-resource"]


def test_nothing_known_is_no_error() -> None:
    assert [finding.id for finding in advise(Evidence(Counts(0), 30.0))] == ["bottleneck.binding-resource"]


def install(folder: Path, package: str, source: str, entries: str) -> None:
    (folder / f"{package}.py").write_text(source)
    info = folder / f"{package}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[{rules.ENTRY_POINT_GROUP}]\n{entries}\n")


RULE = """
from advisor.findings import Finding
from advisor.rules.base import rule

@rule("moon.high", holds_for="seas", precondition=lambda evidence: True, source="moon")
def high(evidence):
    return Finding("moon.high", "info", "High tide", "The tide is high.")

@rule("moon.fails", holds_for="seas", precondition=lambda evidence: True, source="moon")
def fails(evidence):
    return 1 / 0

@rule("redis.unlimited", holds_for="seas", precondition=lambda evidence: True, source="moon")
def taken(evidence):
    return None

number = 7
"""


def test_other_packages_add_rules_and_broken_ones_spoil_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = "\n".join(f"{name} = rules_of_the_moon:{name}" for name in ("high", "fails", "taken", "number"))
    install(tmp_path, "rules_of_the_moon", RULE, f"{entries}\nabsent = nowhere_at_all:rule")
    monkeypatch.syspath_prepend(str(tmp_path))

    said = {finding.id: finding for finding in advise(SHIPPED)}

    assert said["moon.high"].severity == "info"
    assert said["moon.fails"].sentence == "The rule moon.fails failed: ZeroDivisionError: division by zero."
    assert "there already is a rule redis.unlimited" in said["entry-point.taken"].sentence
    assert "names a int and no rule" in said["entry-point.number"].sentence
    assert "cannot be loaded (ModuleNotFoundError" in said["entry-point.absent"].sentence
    assert {"redis.keys-evicted", "redis.not-persistent", "bottleneck.binding-resource"} <= set(said)
    assert next(rule for rule in rules.discover() if rule.id == "redis.unlimited").source != "moon"
