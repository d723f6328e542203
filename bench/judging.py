"""What is concluded from a finished record: is it believed, does it meet its objectives, what it advises."""

from __future__ import annotations

from dataclasses import asdict

from bench.gate import objectives, soundness
from bench.gate.measurements import measurements, settling
from bench.record import manifest as manifests
from bench.record import recall
from bench.record.estimates import Estimates
from bench.record.reader import RunRecord
from bench.runner import Judgement


def judge(record: RunRecord) -> Judgement:
    """Pure, but for reading the record. First where the run had settled: the rest is judged from there on."""
    settled = settling(record)
    record = RunRecord(record.folder, settled)
    believed = soundness.judge(measurements(record, record.manifest.load))
    return Judgement(
        soundness=manifests.Soundness(
            level=believed.level,
            reasons=[manifests.Reason(**asdict(reason)) for reason in believed.reasons],
            unknown=[manifests.Reason(**asdict(reason)) for reason in believed.unknown],
        ),
        objectives=[_verdict(text, record, believed) for text in record.manifest.plan.objectives],
        settling=settled,
    )


def _verdict(text: str, record: RunRecord, believed: soundness.Soundness) -> manifests.ObjectiveVerdict:
    """No verdict is drawn from a measurement that may not be believed."""
    objective = objectives.parse(text)
    verdict = objectives.judge(objective, Estimates(record), overloaded=believed.overloaded)
    measured = verdict.measured
    unsound = believed.level == "unsound"
    sentence = verdict.sentence
    if objective.kind == "recall" and measured is None:
        sentence = "; ".join((sentence, *recall.missing(record)))
    return manifests.ObjectiveVerdict(
        objective=text,
        verdict="inconclusive" if unsound else verdict.outcome,
        measured=measured.value if measured else None,
        low=measured.low if measured else None,
        high=measured.high if measured else None,
        n=measured.n if measured else 0,
        sentence="the measurement is unsound" if unsound else sentence,
    )
