"""What there is to say about a gate or a comparison; how it looks is up to the renderers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench import words
from bench.gate.disturbance import FOREIGN_CORES
from bench.gate.effects import LEAST_ADJUSTED, Effect
from bench.gate.noninferiority import RISK, Judged
from bench.gate.pairs import Outcome, Rules, Side
from bench.gate.values import ALL, METRICS, RunValues
from bench.report import digits
from bench.report.effects import as_json as effect_json
from bench.report.effects import change, judged_json, sentence

#: A machine as busy as this slows down what runs on it.
_CROWDED = 0.9


@dataclass(frozen=True)
class GateReport:
    """`sides`: what was compared, in the user's words. `differences`: how the targets differ. `treated_as`:
    what `--on-inconclusive` makes of an inconclusive verdict."""

    outcome: Outcome
    rules: Rules
    sides: dict[Side, str]
    differences: list[str]
    scenario: str
    load: str
    seconds: float
    treated_as: str | None = None

    @property
    def runs(self) -> list[RunValues]:
        return [run for pair in self.outcome.pairs for run in (pair.baseline, pair.candidate)]

    @property
    def gated(self) -> list[Judged]:
        return [one for one in self.outcome.judged if one.verdict != "reported"]

    @property
    def reported(self) -> list[Judged]:
        return [one for one in self.outcome.judged if one.verdict == "reported"]


@dataclass(frozen=True)
class ComparisonReport:
    """Sets of runs A and B that were measured apart; `notes`: what their reader must know."""

    a: Sequence[RunValues]
    b: Sequence[RunValues]
    effects: list[Effect]
    differences: list[str]
    notes: list[str] = field(default_factory=list)


def headline(report: GateReport) -> list[str]:
    """What the verdict rests on, in sentences: every failure, or what kept it undecided, or the pass."""
    outcome = report.outcome
    failed = [one for one in report.gated if one.verdict == "fail"]
    beside = [f"not gated, but worse: {sentence(one)}" for one in worse_beside(report)]
    if failed:
        return [*map(sentence, failed), *_where(report, failed), *beside]
    if outcome.verdict == "pass":
        tolerated = f"{report.rules.tolerance.ratio * 100:g} %"
        return [f"no gated metric got worse by more than the tolerance of {tolerated}", *beside]
    undecided = [sentence(one) for one in report.gated if one.verdict == "inconclusive"]
    undecided += [
        f"{METRICS[one.metric].title}: {one.reason}" for one in report.outcome.ungated if one.blocks
    ]
    return ([outcome.why] if outcome.why else []) + undecided + beside


def worse_beside(report: GateReport) -> list[Judged]:
    """What is only reported and surely worse by more than the tolerance: a tail, say."""
    found = []
    for one in report.outcome.judged:
        effect = one.effect
        if one.verdict != "reported" or effect.low is None or effect.high is None:
            continue
        surely = effect.low if effect.metric.worse == "higher" else -effect.high
        if surely > one.tolerance:
            found.append(one)
    return found


def _where(report: GateReport, failed: Sequence[Judged]) -> list[str]:
    """CPU belongs to no operation: the service times say which of them it went to."""
    if any(one.effect.operation != ALL for one in failed):
        return []
    times = [one.effect for one in report.gated if one.effect.metric.name == "service_p50"]
    if not times:
        return []
    slowest = sorted(times, key=lambda one: -one.change)
    return [
        "by operation, service p50 changed: " + ", ".join(f"{one.operation} {change(one)}" for one in slowest)
    ]


def notes(report: GateReport) -> list[str]:
    """Under which conditions the numbers stand."""
    looks = len(report.rules.looks)
    counted = f"{len(report.outcome.pairs)} pairs, interleaved"
    together = f"all metrics and {looks} {'look' if looks == 1 else 'looks'} together"
    lines = [f"{counted}; the intervals leave a false verdict a risk of {100 * RISK:g} %, {together}"]
    for repeated in report.outcome.repeated:
        lines.append(f"measured again: {repeated.side}, {repeated.reasons[0]} ({repeated.run})")
    for one in report.outcome.ungated:
        operation = "" if one.operation == ALL else f"{one.operation}: "
        lines.append(f"not gated: {operation}{METRICS[one.metric].title}, {one.reason}")
    return lines + _speed(report.runs) + conditions(report.runs)


def _speed(runs: Sequence[RunValues]) -> list[str]:
    """How far the machine's own speed went apart, which the intervals take into account."""
    slowness = [run.machine_seconds for run in runs if run.machine_seconds]
    if len(slowness) < len(runs) or len(runs) < 2 * LEAST_ADJUSTED:
        return []
    apart = max(slowness) / min(slowness) - 1
    sentence = (
        f"the machine itself was up to {words.percent(apart)} slower in one run than in another; times and "
        "CPU are compared with that taken out"
    )
    return [sentence]


def conditions(runs: Sequence[RunValues]) -> list[str]:
    """Which runs are qualified, and which were disturbed."""
    lines = [
        f"{run.run} is qualified: {'; '.join(run.reasons)}" for run in runs if run.soundness == "qualified"
    ]
    foreign = [run.foreign_cores for run in runs if (run.foreign_cores or 0) >= FOREIGN_CORES]
    if foreign:
        lines.append(
            f"other processes disturbed {len(foreign)} of {len(runs)} measurements, the worst with "
            f"{digits.number(max(filter(None, foreign)))} busy cores"
        )
    unknown = [run.machine_busy or 0.0 for run in runs if run.foreign_cores is None]
    if unknown and max(unknown) >= _CROWDED:
        lines.append(
            f"the machine was up to {words.percent(max(unknown))} busy; whose work that was cannot be told, "
            "as not all of the target's processes are known"
        )
    return lines


def gate_json(report: GateReport) -> dict[str, Any]:
    """One JSON object; its keys are an API."""
    outcome = report.outcome
    return {
        "verdict": outcome.verdict,
        "treated_as": report.treated_as,
        "sentences": headline(report),
        "sides": report.sides,
        "differences": report.differences,
        "scenario": report.scenario,
        "load": report.load,
        "tolerance": report.rules.tolerance.ratio,
        "error_tolerance": report.rules.tolerance.errors,
        "seconds": round(report.seconds, 1),
        "interrupted": outcome.interrupted,
        "ungated": [asdict(one) for one in outcome.ungated],
        "metrics": [judged_json(one) for one in outcome.judged],
        "pairs": [
            {"first": pair.first, "baseline": pair.baseline.run, "candidate": pair.candidate.run}
            for pair in outcome.pairs
        ],
        "repeated": [{"side": one.side, "run": one.run, "reasons": one.reasons} for one in outcome.repeated],
        "notes": notes(report),
    }


def comparison_json(report: ComparisonReport) -> dict[str, Any]:
    """One JSON object; its keys are an API."""
    return {
        "a": [run.run for run in report.a],
        "b": [run.run for run in report.b],
        "differences": report.differences,
        "effects": [{**effect_json(one), "worse": one.worse} for one in report.effects],
        "notes": report.notes,
    }
