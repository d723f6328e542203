"""What there is to say about a run; how it looks is up to the renderers.

Everything here comes from the run record alone. Times are seconds, CPU is CPU-seconds, memory is bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.record.vocabulary import LOST
from bench.report import digits, sentences
from bench.report.targets import kato_words, replaced_words
from bench.report.usage import Usage, usage_of
from bench.stats.quantiles import Estimate

if TYPE_CHECKING:
    from bench.plan import Plan
    from bench.record.advice import Finding
    from bench.record.estimates import Estimates
    from bench.record.manifest import (
        Generator,
        Manifest,
        ObjectiveVerdict,
        Settling,
        Soundness,
        Totals,
        Verification,
    )
    from bench.record.reader import RunRecord
    from bench.record.verified import WrongAnswer

#: The gap between response and service time is explained where it is this many times the service time and
#: more than so many seconds: less is within what a connection costs.
GAP_SHARE, GAP_SECONDS = 0.2, 0.005
#: Parts of a load that one line may name; more are counted.
_SPELLED = 3


@dataclass(frozen=True)
class OperationSummary:
    """One operation over the measure phase. Percentiles are of requests that succeeded."""

    name: str
    counts: Totals
    rate: Estimate
    response: dict[str, Estimate]
    service_p50: Estimate
    service_p95: Estimate
    wait_p95: Estimate
    lag_p99: Estimate


@dataclass(frozen=True)
class Part:
    """A system of the target, or a process of kato-bench's own, and what it used in the measure phase."""

    name: str
    usage: Usage | None
    engine: str | None = None
    version: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class Summary:
    """A run on one page. `seconds`: length of the measure phase, 0 if the run did not come so far.
    `totals` and `rate` are of the measure phase; `requests` is the number of rows of all phases."""

    run: str
    folder: str
    status: str
    reason: str | None
    scenario: str
    plan: str
    corpus: str | None
    tags: dict[str, str]
    seconds: float
    requests: int
    totals: Totals
    rate: Estimate
    operations: list[OperationSummary]
    parts: list[Part]
    own: list[Part]
    soundness: Soundness | None
    objectives: list[ObjectiveVerdict]
    findings: list[Finding]
    gap: str | None = None
    notes: list[str] = field(default_factory=list)
    verification: Verification | None = None
    wrong_answers: list[WrongAnswer] = field(default_factory=list)
    generator: Generator | None = None
    settling: Settling | None = None

    @property
    def answers(self) -> str | None:
        """What came of asking predictions again, in words; None if the run did not."""
        if self.verification is None:
            return None
        return sentences.answers(self.verification, self.wrong_answers)


@dataclass(frozen=True)
class ListRow:
    """One line of `kato-bench list`; what a broken manifest does not tell is None."""

    run: str
    status: str
    scenario: str | None = None
    load: str | None = None
    requests: int | None = None
    errors: int | None = None
    soundness: str | None = None
    objectives: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    problem: str | None = None


def summarise(record: RunRecord) -> Summary:
    """Everything that the one-screen report and `--json` say. Raises UsageError if the folder is no run."""
    from bench.record import advice
    from bench.record.estimates import Estimates
    from bench.record.verified import wrong_answers

    manifest = record.manifest
    advised, unadvised = advice.read_or_reason(record.folder)
    estimates = Estimates(record)
    operations = [
        _operation(estimates, name) for name in record.operations() if estimates.count(name).requests
    ]
    rate = estimates.rate()
    parts, own = _parts(record, estimates, rate.value)
    return Summary(
        run=manifest.run,
        folder=str(record.folder),
        status=manifest.status,
        reason=manifest.reason,
        scenario=manifest.plan.scenario,
        plan=plan_line(manifest.plan),
        corpus=_corpus_line(manifest),
        tags={**manifest.plan.tags, **manifest.tags},
        seconds=estimates.seconds,
        requests=record.count(None, None).requests,
        totals=estimates.count(),
        rate=rate,
        operations=operations,
        parts=parts,
        own=own,
        soundness=manifest.soundness,
        objectives=manifest.objectives,
        findings=advised.findings if advised else [],
        gap=_gap(estimates),
        notes=[*_notes(estimates, manifest), *([unadvised] if unadvised else [])],
        verification=manifest.verification,
        wrong_answers=wrong_answers(record),
        generator=manifest.generator,
        settling=manifest.settling,
    )


def list_row(record: RunRecord) -> ListRow:
    """One line about a run: from its manifest if it finished, else from its rows; never raises for a broken
    one."""
    from bench.errors import UsageError

    try:
        manifest = record.manifest
        totals = manifest.totals if manifest.status == "finished" else record.count(None, None)
    except UsageError as error:
        return ListRow(run=record.folder.name, status="unreadable", problem=str(error))
    verdicts = [verdict.verdict for verdict in manifest.objectives]
    worst = next((word for word in ("fail", "inconclusive", "pass") if word in verdicts), None)
    return ListRow(
        run=manifest.run,
        status=manifest.status,
        scenario=manifest.plan.scenario,
        load=load_words(manifest.plan),
        requests=totals.requests,
        errors=totals.errors,
        soundness=manifest.soundness.level if manifest.soundness else None,
        objectives=worst,
        tags={**manifest.plan.tags, **manifest.tags},
    )


def load_words(plan: Plan) -> str:
    """The measured load in a few words."""
    parts = plan.measured
    if len(parts) == 1:
        return parts[0].arrivals.words
    if len(parts) <= _SPELLED:
        return ", then ".join(f"{part.arrivals.words} ({part.seconds:g} s)" for part in parts)
    mean = "" if plan.rate is None else f", {plan.rate:.3g}/s on average"
    return f"{len(parts)} loads one after the other{mean}"


def plan_line(plan: Plan) -> str:
    """The plan in one line."""
    target = plan.target
    where = kato_words(target) if target.kind == "source" else "embedded target"
    where = target.where or f"{where} ({target.profile})"
    changed = replaced_words(target)
    changed += "".join(f", {name}={value}" for name, value in sorted(target.knobs.items()))
    return (
        f"{plan.scenario}, {load_words(plan)}, {plan.phases.warmup:g} s warm-up and "
        f"{plan.phases.measure:g} s measured, on {where}{changed}, seed {plan.seed}"
    )


def _operation(estimates: Estimates, name: str) -> OperationSummary:
    return OperationSummary(
        name=name,
        counts=estimates.count(name),
        rate=estimates.rate(name),
        response={f"p{q}": estimates.percentile(q / 100, name) for q in (50, 95, 99)},
        service_p50=estimates.percentile(0.5, name, "service"),
        service_p95=estimates.percentile(0.95, name, "service"),
        wait_p95=estimates.percentile(0.95, name, "wait"),
        lag_p99=estimates.percentile(0.99, name, "lag"),
    )


def _parts(record: RunRecord, estimates: Estimates, rate: float | None) -> tuple[list[Part], list[Part]]:
    """The target's systems, and kato-bench's own processes."""
    usage = usage_of(record.metrics(), estimates.span, rate)
    target = record.manifest.target
    parts = [
        Part(part.name, usage.pop(part.name, None), part.engine, part.version, part.note)
        for part in (target.parts if target else ())
    ]
    return parts, [Part(name, used) for name, used in usage.items()]


def _corpus_line(manifest: Manifest) -> str | None:
    corpus = manifest.corpus
    if corpus is None:
        return None
    return f"{corpus.name}: {corpus.tokens} tokens, {corpus.vocabulary} different, {corpus.sha256[:12]}"


def _gap(estimates: Estimates) -> str | None:
    """One sentence on where the response time beyond the service time went, if it is much.

    The mean is what adds up: response = lag + wait + service, request by request."""
    response, service, wait, lag = (
        estimates.answered_mean(None, kind).value for kind in ("response", "service", "wait", "lag")
    )
    if response is None or service is None or wait is None or lag is None:
        return None
    gap = response - service
    if gap < max(GAP_SECONDS, GAP_SHARE * service):
        return None
    start = (
        f"Requests took {digits.with_unit(response)} on average from when they were due, but "
        f"{digits.with_unit(service)} from when they were sent"
    )
    if wait >= lag:
        return (
            f"{start}: they waited {digits.with_unit(wait)} for a free session or connection, because the "
            "target had not yet answered those before them."
        )
    late = digits.with_unit(lag)
    return f"{start}: the load generator took them up {late} late, which is not the target's doing."


def _notes(estimates: Estimates, manifest: Manifest) -> list[str]:
    """What a reader must know to read the tables right."""
    notes = []
    if manifest.settling and (cut := sentences.settling(manifest.settling, manifest.plan.phases.measure)):
        notes.append(cut)
    if manifest.plan.closed:
        notes.append("Closed loop: a slow answer delays the next request, so percentiles are optimistic.")
    counts = estimates.count()
    lost = {kind: number for kind, number in counts.by_error.items() if kind in LOST}
    if lost:
        kinds = sentences.failures(lost)
        notes.append(
            f"{sum(lost.values())} of {counts.requests} due requests got no answer ({kinds}); the "
            "percentiles count them as slower than every answer."
        )
    return notes
