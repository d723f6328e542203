"""A manifest to start from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bench.plan import Arrivals, Plan
from bench.record.fingerprint import collect_fingerprint
from bench.record.manifest import Corpus, Manifest
from bench.record.writer import this_process
from bench.targets.base import PartFacts, TargetFacts

PLAN = Plan(arrivals=Arrivals(rate=20.0), objectives=["p95(predict) < 50ms"])
TARGET = TargetFacts(
    kind="embedded",
    base_url="http://127.0.0.1:8000",
    kato_version="reference 1",
    workers=1,
    parts=(PartFacts("kato", "reference API", "1", pid=1), PartFacts("redis", "Valkey", "9.1.0")),
    knobs={"redis.maxmemory": None, "uvicorn.workers": 1},
    profile="healthy",
)
CORPUS = Corpus(name="pydoc topics", sha256="ab" * 32, tokens=45_000, vocabulary=5_000)


def example(**changes: Any) -> Manifest:
    values: dict[str, Any] = {
        "run": "2026-11-24T07-05-12Z-chat-abcd",
        "created": datetime(2026, 11, 24, 7, 5, 12, tzinfo=UTC),
        "origin_monotonic": 1000.0,
        "writer": this_process(),
        "kato_bench": "0.1.0",
        "plan": PLAN,
        "fingerprint": collect_fingerprint(PLAN, TARGET, CORPUS),
        "target": TARGET,
        "corpus": CORPUS,
    }
    return Manifest(**{**values, **changes})
