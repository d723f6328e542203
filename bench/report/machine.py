"""The report for programs. Its keys are an API: they are added to, and not renamed."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from bench.report.model import OperationSummary, Part, Summary
from bench.stats.quantiles import Estimate


def as_json(summary: Summary) -> dict[str, Any]:
    """One JSON object: times in seconds, rates per second, memory in bytes, shares from 0 to 1.

    An estimate is `{value, low, high, n}`, with null where the sample does not carry it; a time that is null
    because the request it belongs to got no answer has `no_answer: true` beside it."""
    return {
        "run": summary.run,
        "folder": summary.folder,
        "status": summary.status,
        "reason": summary.reason,
        "scenario": summary.scenario,
        "plan": summary.plan,
        "corpus": summary.corpus,
        "tags": summary.tags,
        "seconds": summary.seconds,
        "requests": summary.requests,
        "totals": summary.totals.model_dump(),
        "rate": asdict(summary.rate),
        "operations": {operation.name: _operation(operation) for operation in summary.operations},
        "parts": [_part(part) for part in summary.parts],
        "own": [_part(part) for part in summary.own],
        "soundness": summary.soundness.model_dump() if summary.soundness else None,
        "objectives": [verdict.model_dump() for verdict in summary.objectives],
        "findings": [finding.model_dump() for finding in summary.findings],
        "gap": summary.gap,
        "notes": summary.notes,
        "verification": _verification(summary),
        "generator": summary.generator.model_dump(mode="json") if summary.generator else None,
        "settling": summary.settling.model_dump() if summary.settling else None,
    }


def _verification(summary: Summary) -> dict[str, Any] | None:
    if summary.verification is None:
        return None
    return {
        **summary.verification.model_dump(),
        "wrong_answers": [asdict(one) for one in summary.wrong_answers],
    }


def _operation(operation: OperationSummary) -> dict[str, Any]:
    return {
        **operation.counts.model_dump(),
        "rate": asdict(operation.rate),
        "response": {name: _time(estimate) for name, estimate in operation.response.items()},
        "service": {"p95": _time(operation.service_p95)},
        "wait": {"p95": _time(operation.wait_p95)},
        "lag": {"p99": _time(operation.lag_p99)},
    }


def _time(estimate: Estimate) -> dict[str, Any]:
    """JSON has no infinity: a time without an end is null, and `no_answer` says why."""
    finite = {
        name: None if value is not None and math.isinf(value) else value
        for name, value in asdict(estimate).items()
    }
    return finite | ({"no_answer": True} if estimate.value == math.inf else {})


def _part(part: Part) -> dict[str, Any]:
    used = (
        asdict(part.usage)
        if part.usage
        else dict.fromkeys(("cpu_seconds", "cores", "cpu_per_1000", "rss_max"))
    )
    return {"name": part.name, "engine": part.engine, "version": part.version, "note": part.note, **used}
