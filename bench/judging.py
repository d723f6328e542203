"""What is concluded from a finished record: is it believed, does it meet its objectives, what it shows."""

from __future__ import annotations

from dataclasses import asdict

from advisor.advise import advise
from advisor.from_record import evidence_of
from bench.gate import objectives, soundness
from bench.gate.measurements import measurements
from bench.record import manifest as manifests
from bench.record.estimates import Estimates
from bench.record.reader import RunRecord
from bench.runner import Judgement


def judge(record: RunRecord) -> Judgement:
    """Pure, but for reading the record."""
    believed = soundness.judge(measurements(record, record.manifest.load))
    closed = record.manifest.plan.arrivals.kind == "closed"
    evidence = evidence_of(record, backlog_grows=None if closed else believed.overloaded)
    return Judgement(
        soundness=manifests.Soundness(
            level=believed.level,
            reasons=[manifests.Reason(**asdict(reason)) for reason in believed.reasons],
            unknown=[manifests.Reason(**asdict(reason)) for reason in believed.unknown],
        ),
        objectives=[_verdict(text, record, believed) for text in record.manifest.plan.objectives],
        findings=[
            manifests.Finding(
                id=finding.id,
                severity=finding.severity,
                title=finding.title,
                message=finding.sentence,
                evidence=dict(finding.evidence),
                changes=[
                    manifests.KnobChange(knob=change.knob, old=change.old, new=change.new)
                    for change in finding.changes
                ],
            )
            for finding in (advise(evidence) if evidence is not None else ())
        ],
    )


def _verdict(text: str, record: RunRecord, believed: soundness.Soundness) -> manifests.ObjectiveVerdict:
    """No verdict is drawn from a measurement that may not be believed."""
    objective = objectives.parse(text)
    verdict = objectives.judge(objective, Estimates(record), overloaded=believed.overloaded)
    measured = verdict.measured
    unsound = believed.level == "unsound"
    return manifests.ObjectiveVerdict(
        objective=text,
        verdict="inconclusive" if unsound else verdict.outcome,
        measured=measured.value if measured else None,
        low=measured.low if measured else None,
        high=measured.high if measured else None,
        n=measured.n if measured else 0,
        sentence="the measurement is unsound" if unsound else verdict.sentence,
    )
