"""From run records to advice: the findings of all runs, settled, with a patch for every change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from advisor import patches
from advisor.advise import advise
from advisor.evidence import Evidence
from advisor.findings import SEVERITIES, Change, Finding, gravest_first
from advisor.from_record import evidence_before_load, evidence_of
from advisor.fulfilled import without_fulfilled
from advisor.patches.base import Deployment
from advisor.resolve import Means, least, settle
from advisor.rules import discover
from advisor.rules.base import Rule
from bench import __version__
from bench.knobs.catalogue import find
from bench.knobs.knob import Value
from bench.record import advice
from bench.record.reader import RunRecord

#: Collections of kato-bench's own nodes: they end with the run, so nobody can change them afterwards.
_OWN_COLLECTION = "vectors_bench_"


@dataclass(frozen=True)
class _Run:
    record: RunRecord
    evidence: Evidence

    @property
    def name(self) -> str:
        return self.record.manifest.run


def conclude(records: Sequence[RunRecord], rules: Iterable[Rule] | None = None) -> advice.Advice:
    """The advice that the records carry, the gravest finding first; of one that several runs show, the
    gravest of them speaks, and of equals the later one. `rules`: by default all there are.

    A run that did not come to measure anything, or whose measurement is unsound, says nothing; but one that
    failed in its preload because Redis was full says so."""
    known = tuple(discover() if rules is None else rules)
    runs = [
        _Run(record, evidence)
        for record in records
        if not _is_unsound(record)
        and (evidence := evidence_of(record) or evidence_before_load(record)) is not None
    ]
    found = [(run.name, finding) for run in runs for finding in advise(run.evidence, known)]
    latest = runs[-1].evidence.knobs if runs else {}
    wanted, outdated = without_fulfilled([finding for _, finding in found], latest)
    settlement = settle(wanted, least(_means(run) for run in runs))
    names = [name for name, _ in found]
    merged, shown_by = _merge(zip(names, settlement.findings, strict=True))
    # What is only worth knowing asks for nothing: its changes are told, and nobody applies them unread.
    changes = {
        change.knob: change.new
        for finding in merged
        if finding.severity != "info"
        for change in finding.changes
        if change.new is not None
    }
    deployment = _deployment(runs)
    sources = {rule.id: rule.source for rule in known}
    return advice.Advice(
        kato_bench=__version__,
        runs=[record.manifest.run for record in records],
        findings=[_told(one, shown_by[one.id], sources, deployment) for one in merged],
        settled=[*outdated, *settlement.settled],
        files=patches.files(changes, deployment),
    )


def _is_unsound(record: RunRecord) -> bool:
    soundness = record.manifest.soundness
    return soundness is not None and soundness.level == "unsound"


def _merge(found: Iterable[tuple[str, Finding]]) -> tuple[tuple[Finding, ...], dict[str, list[str]]]:
    """One finding of each id, the gravest first, and the runs that show it. It has the changes that any of
    them asks for, which are settled: one value a knob."""
    chosen: dict[str, Finding] = {}
    shown_by: dict[str, list[str]] = {}
    for run, finding in found:
        names = shown_by.setdefault(finding.id, [])
        if run not in names:
            names.append(run)
        graver = chosen.get(finding.id, finding)
        if SEVERITIES.index(finding.severity) > SEVERITIES.index(graver.severity):
            finding, graver = graver, finding
        changes = {change.knob: change for change in (*graver.changes, *finding.changes)}
        chosen[finding.id] = replace(finding, changes=tuple(changes.values()))
    return gravest_first(chosen.values()), shown_by


def _means(run: _Run) -> Means:
    """Only of parts that run where kato-bench sees them: it knows no other machine."""
    machine, target = run.record.manifest.fingerprint.must_match, run.record.manifest.target
    here = {part.name for part in target.parts if part.pid is not None} if target is not None else set()
    return Means(
        cores=run.evidence.cores if "kato" in here else None,
        memory_bytes=machine.memory_bytes if "redis" in here else None,
        redis_limit_bytes=run.evidence.redis.container_limit_bytes,
    )


def _deployment(runs: Sequence[_Run]) -> Deployment:
    live: dict[str, Value | None] = {}
    collections: dict[str, None] = {}
    for run in runs:
        live |= run.evidence.knobs
        collections |= dict.fromkeys(_collections(run.record))
    services, files = _compose(runs[-1].record) if runs else ({}, ())
    return Deployment(live, tuple(collections), services, files)


def _compose(record: RunRecord) -> tuple[dict[str, str], tuple[str, ...]]:
    """Part -> service, and the files, of a deployment that is known by its Compose files."""
    target, compose = record.manifest.target, record.manifest.plan.target.compose
    if target is None or compose is None:
        return {}, ()
    return {one.part: one.name for one in target.containers if one.part is not None}, compose.files


def _collections(record: RunRecord) -> list[str]:
    names = {
        instance
        for source, instance, metric in record.metrics()
        if (source, metric) == ("qdrant", "points") and instance
    }
    return sorted(name for name in names if not name.startswith(_OWN_COLLECTION))


def _told(
    finding: Finding, runs: list[str], sources: Mapping[str, str], deployment: Deployment
) -> advice.Finding:
    return advice.Finding(
        id=finding.id,
        severity=finding.severity,
        title=finding.title,
        message=finding.sentence,
        evidence=dict(finding.evidence),
        source=finding.source or sources.get(finding.id, ""),
        runs=runs,
        recommendations=[_recommended(change, deployment) for change in finding.changes],
    )


def _recommended(change: Change, deployment: Deployment) -> advice.Recommendation:
    return advice.Recommendation(
        knob=change.knob,
        old=change.old,
        new=change.new,
        applies=find(change.knob).effect,
        predicted=[advice.Prediction(**asdict(one)) for one in change.predicted],
        risk=change.risk,
        verify=change.verify,
        patches=[] if change.new is None else patches.patches({change.knob: change.new}, deployment),
    )
