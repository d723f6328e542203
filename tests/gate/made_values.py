"""Runs' values to compare, without runs."""

from __future__ import annotations

from typing import Any

from bench.gate.values import ALL, Compared, RunValues
from bench.plan import Arrivals, Plan, load_shape
from bench.record.manifest import MustMatch

LOAD = Plan(arrivals=Arrivals(kind="constant", rate=30.0), data={"nodes": 4, "patterns": 200})
MACHINE = MustMatch(
    cpu_model="EPYC",
    cores=2,
    memory_bytes=8 * 2**30,
    target="3.10.1",
    engines={"kato": "reference API 3.10.1", "redis": "Valkey 9.1.2"},
    corpus="ab" * 32,
    plan="cd" * 32,
)


def made(
    name: str = "run",
    factor: float = 1.0,
    *,
    failed: int = 0,
    requests: int = 360,
    observed: int = 160,
    visible: bool = True,
    **changes: Any,
) -> RunValues:
    """A run whose times and CPU are `factor` times the usual ones."""
    times = {"observe": 0.0022, "predict": 0.016}
    values: dict[str, dict[str, float]] = {
        operation: {
            "service_p50": factor * usual,
            "response_p95": factor * 2 * usual,
            "errors": failed / requests,
            "rate": observed / 12,
        }
        for operation, usual in times.items()
    }
    values[ALL] = {"errors": failed / requests, "rate": (requests - failed) / 12}
    if visible:
        values[ALL] |= {"kato_cpu": factor * 0.0065, "target_cpu": factor * 0.0090}
    fields: dict[str, Any] = {
        "run": name,
        "status": "finished",
        "soundness": "sound",
        "values": values,
        "requests": {"observe": observed, "predict": 160, ALL: requests},
        "errors": {"observe": failed, "predict": failed, ALL: failed},
        "must_match": MACHINE,
        "load": load_shape(LOAD),
        "compared": Compared(kind="embedded", kato="3.10.1", profile="healthy"),
    }
    return RunValues(**{**fields, **changes})
