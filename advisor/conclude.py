"""From run records to advice: the findings of each run, settled, with a patch for every change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from advisor.advise import advise
from advisor.findings import Change, Finding
from advisor.from_record import evidence_of
from bench import __version__
from bench.knobs.catalogue import find
from bench.record import advice
from bench.record.reader import RunRecord


def conclude(records: Sequence[RunRecord]) -> advice.Advice:
    """The advice that the records carry, the gravest finding first."""
    return advice.Advice(
        kato_bench=__version__,
        runs=[record.manifest.run for record in records],
        findings=[
            _told(finding, record.manifest.run)
            for record in records
            if (evidence := evidence_of(record)) is not None
            for finding in advise(evidence)
        ],
    )


def _told(finding: Finding, run: str) -> advice.Finding:
    return advice.Finding(
        id=finding.id,
        severity=finding.severity,
        title=finding.title,
        message=finding.sentence,
        evidence=dict(finding.evidence),
        source=finding.source,
        runs=[run],
        recommendations=[_recommended(change) for change in finding.changes],
    )


def _recommended(change: Change) -> advice.Recommendation:
    return advice.Recommendation(
        knob=change.knob,
        old=change.old,
        new=change.new,
        applies=find(change.knob).effect,
        predicted=[advice.Prediction(**asdict(one)) for one in change.predicted],
        risk=change.risk,
        verify=change.verify,
    )
