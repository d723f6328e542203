from __future__ import annotations

import json
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
        ("info", "bottleneck.binding-resource"),
    ]


def test_a_healthy_deployment_hears_only_where_its_ceiling_is() -> None:
    healthy = {**SHIPPED.knobs, "redis.maxmemory-policy": "noeviction", "redis.appendonly": "yes"}
    quiet = replace(SHIPPED, knobs=healthy, redis=RedisUse(evicted_keys=0.0))

    assert [finding.id for finding in advise(quiet)] == ["bottleneck.binding-resource"]


def test_nothing_known_is_no_error() -> None:
    assert [finding.id for finding in advise(Evidence(Counts(0), 30.0))] == ["bottleneck.binding-resource"]


def test_findings_become_json() -> None:
    data = json.loads(json.dumps([finding.to_json() for finding in advise(SHIPPED)]))

    assert data[0]["changes"] == [
        {"knob": "redis.maxmemory-policy", "old": "allkeys-lru", "new": "noeviction"}
    ]
    assert all(isinstance(value, str | int | float | bool | None) for value in data[-1]["evidence"].values())


def test_other_packages_add_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tides.py").write_text(
        "from advisor.findings import Finding\n"
        "from advisor.rules.base import rule\n"
        "@rule('tides.high', holds_for='seas', precondition=lambda evidence: True, source='moon')\n"
        "def high(evidence):\n"
        "    '''It is high.'''\n"
        "    return Finding('tides.high', 'info', 'High tide', 'The tide is high.')\n"
    )
    info = tmp_path / "tides-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tides\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[{rules.ENTRY_POINT_GROUP}]\nhigh = tides:high\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    assert "tides.high" in {finding.id for finding in advise(SHIPPED)}

    again = tmp_path / "again-1.dist-info"
    again.mkdir()
    (again / "METADATA").write_text("Metadata-Version: 2.1\nName: again\nVersion: 1\n")
    (again / "entry_points.txt").write_text(f"[{rules.ENTRY_POINT_GROUP}]\nhigh = again:high\n")
    (tmp_path / "again.py").write_text(
        "import dataclasses, tides\nhigh = dataclasses.replace(tides.high, source='sun')\n"
    )
    with pytest.raises(ValueError, match=r"two rules are called tides\.high"):
        rules.discover()
