"""What `kato-bench advise` does beyond parsing: read runs that may be believed, conclude, keep it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from advisor.conclude import conclude
from advisor.from_record import evidence_before_load
from bench.errors import InconclusiveError, UsageError
from bench.judging import judge
from bench.record import advice
from bench.record.reader import RunRecord, read_intact


def advise_on(folders: Sequence[Path]) -> advice.Advice:
    """The advice of these runs, also written to the last folder.

    Raises UsageError for a run that tells too little, InconclusiveError for an unsound one."""
    records = [read_intact(folder) for folder in folders]
    for record in records:
        _refuse(record)
    targets = {_target(record) for record in records}
    if len(targets) > 1:
        named = " and ".join(sorted(targets))
        raise UsageError(f"These runs are of different targets, {named}: ask for advice on one at a time.")
    advised = conclude(records)
    advice.write(folders[-1], advised)
    return advised


def _target(record: RunRecord) -> str:
    """Which target a run was of; another commit of one checkout is the same."""
    target = record.manifest.plan.target
    return target.where or (target.source.folder if target.source is not None else target.kind)


def _refuse(record: RunRecord) -> None:
    manifest = record.manifest
    if manifest.status == "running":
        raise UsageError(f"{manifest.run} is still being measured; wait for its end.")
    if evidence_before_load(record) is not None:
        return
    phase = record.phase("measure")
    if phase is None or phase.end is None or not record.count().requests:
        raise UsageError(
            f"{manifest.run} ended before anything was measured ({manifest.reason or manifest.status}), so "
            "it carries no advice; measure again with kato-bench run."
        )
    if manifest.target is None:
        raise UsageError(
            f"{manifest.run} does not say what it measured: its manifest has no target; measure again with "
            "kato-bench run."
        )
    # A run that was killed has not been judged.
    soundness = manifest.soundness or judge(record).soundness
    if soundness.level == "unsound":
        reasons = "; ".join(reason.sentence.rstrip(".") for reason in soundness.reasons)
        raise InconclusiveError(
            f"{manifest.run} is unsound, and a broken measurement advises nothing: {reasons}; measure again "
            "with kato-bench run."
        )
