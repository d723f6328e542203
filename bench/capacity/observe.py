"""What a run record says for a capacity search: counts by goal, the gate's judgement, and what binds.

What only the advisor can work out is handed in as a function: capacity reads advice, and knows no rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow.compute as pc

from bench.capacity.goals import Goal
from bench.capacity.trials import Binding, Tally, TrialOutcome
from bench.record import advice
from bench.record.estimates import Estimates
from bench.record.reader import RunRecord

BINDING = "bottleneck.binding-resource"
#: Requests per second at which the busiest resource would be full, by the utilisation law; None = unknown.
CeilingOf = Callable[[RunRecord], float | None]
_COLUMNS = ("due", "done", "operation", "phase", "error")


def trial_outcome(record: RunRecord, goals: Sequence[Goal], ceiling_of: CeilingOf) -> TrialOutcome:
    """The outcome of a finished run; one that was stopped is marked and holds nothing else.

    The ceiling counts also where other work on the machine keeps the advisor from naming what binds: as a
    load to begin a search at, it only has to be near."""
    manifest = record.manifest
    plan, soundness = manifest.plan, manifest.soundness
    rate, seconds = plan.rate or 0.0, plan.phases.measure
    if manifest.status != "finished" or soundness is None:
        return TrialOutcome(rate, seconds, (), 0.0, run=manifest.run, interrupted=True)
    estimates = Estimates(record)
    first = binding(record)
    return TrialOutcome(
        rate,
        seconds,
        tallies(record, goals),
        estimates.rate().value or 0.0,
        level=soundness.level,
        conditions=tuple(reason.code for reason in soundness.reasons),
        reasons=tuple(reason.sentence for reason in soundness.reasons),
        times=tuple(_time(estimates, goal) for goal in goals),
        binding=replace(first, ceiling=ceiling_of(record)) if first else None,
        run=manifest.run,
        warmed=manifest.settling.cut if manifest.settling else 0.0,
    )


def tallies(record: RunRecord, goals: Sequence[Goal]) -> tuple[Tally, ...]:
    """Requests due in the measure phase and how many missed each goal, row by row."""
    requests, missed = [0] * len(goals), [0] * len(goals)
    for batch in record.batches(_COLUMNS):
        measured = pc.equal(batch.column("phase"), "measure").to_numpy(False)
        due, done = (batch.column(name).to_numpy(zero_copy_only=False) for name in ("due", "done"))
        error = batch.column("error")
        failed = pc.not_equal(error, "").to_numpy(False)
        dropped = pc.equal(error, "dropped").to_numpy(False)
        for index, goal in enumerate(goals):
            asked = measured
            if goal.operation is not None:
                asked = asked & pc.equal(batch.column("operation"), goal.operation).to_numpy(False)
            misses = dropped if goal.objective.statistic == "dropped" else failed
            if goal.limit is not None:
                # A request without an answer has no `done`, and is late by any limit.
                late = ~(done - due <= goal.limit)
                misses = misses | late
            requests[index] += int(asked.sum())
            missed[index] += int(np.count_nonzero(asked & misses))
    return tuple(Tally(*pair) for pair in zip(requests, missed, strict=True))


def binding(record: RunRecord) -> Binding | None:
    """The advisor's finding on the bottleneck, without a ceiling; None where it was not written."""
    advised = advice.read(record.folder)
    finding = next((one for one in advised.findings if one.id == BINDING), None) if advised else None
    if finding is None:
        return None
    numbers = finding.evidence
    used, usable = _number(numbers.get("cores_used")), _number(numbers.get("cores_usable"))
    return Binding(
        finding.message,
        resource=_text(numbers.get("resource")),
        verdict=_text(numbers.get("verdict")),
        utilisation=used / usable if used is not None and usable else None,
        machine_busy=_number(numbers.get("machine_busy")),
    )


def _time(estimates: Estimates, goal: Goal) -> float | None:
    if goal.limit is None:
        return None
    estimate = estimates.estimate(goal.objective.statistic, goal.operation)
    return estimate.value if estimate is not None else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
