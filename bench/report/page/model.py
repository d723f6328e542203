"""The page of a run: everything that its report says, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from bench.record import advice as advices
from bench.record.estimates import Estimates
from bench.record.recall import missing
from bench.report.command import command_line
from bench.report.model import OperationSummary, Part, Summary, summarise
from bench.report.page.curves import OperationCurves, curves_of
from bench.report.page.headline import Headline, headline, telling
from bench.report.page.recall import RecallCurve, recall_curves
from bench.report.page.settings import Setting, machine_of, settings_of
from bench.report.page.timelines import Mark, Timelines, marks_of, timelines_of

if TYPE_CHECKING:
    from bench.gate.objectives import Objective
    from bench.record.advice import Advice
    from bench.record.reader import RunRecord


@dataclass(frozen=True)
class Page:
    """Times in seconds, memory in bytes. `bounds`: the objectives that bound a percentile of an
    operation. `events`: all that happened besides phases. `files`: name and bytes of the record's files."""

    summary: Summary
    headline: Headline
    created: datetime
    advice: Advice | None
    command: str
    curves: list[OperationCurves]
    timelines: Timelines | None
    bounds: list[Objective] = field(default_factory=list)
    recall: list[RecallCurve] = field(default_factory=list)
    recall_missing: list[str] = field(default_factory=list)
    settings: list[Setting] = field(default_factory=list)
    machine: list[tuple[str, str]] = field(default_factory=list)
    events: list[Mark] = field(default_factory=list)
    files: list[tuple[str, int]] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)

    @property
    def telling(self) -> OperationSummary | None:
        """The operation whose response time says the most."""
        return telling(self.summary.operations)

    @property
    def busiest(self) -> Part | None:
        """The part of the target that used the most CPU."""
        known = [part for part in self.summary.parts if part.usage and part.usage.cores is not None]
        return max(known, key=lambda part: part.usage.cores or 0.0 if part.usage else 0.0, default=None)


def page_of(record: RunRecord) -> Page:
    """Read what a page needs. Raises UsageError if the folder is no run."""
    manifest = record.manifest
    summary = summarise(record)
    advice, _ = advices.read_or_reason(record.folder)
    estimates = Estimates(record)
    logs = record.folder / "logs"
    return Page(
        summary=summary,
        headline=headline(
            summary,
            manifest.plan,
            manifest.target.workers if manifest.target else None,
            advised=advice is not None,
        ),
        created=manifest.created,
        advice=advice,
        command=command_line(manifest.plan),
        curves=curves_of(record, estimates),
        timelines=timelines_of(record),
        bounds=_bounds(manifest.plan.objectives),
        recall=recall_curves(record),
        recall_missing=list(missing(record)),
        settings=settings_of(manifest),
        machine=machine_of(manifest),
        events=marks_of(record.events()),
        files=[(name, facts.bytes) for name, facts in manifest.files.items()],
        logs=sorted(path.name for path in logs.iterdir()) if logs.is_dir() else [],
    )


def _bounds(texts: list[str]) -> list[Objective]:
    from bench.errors import UsageError
    from bench.gate.objectives import parse, percentile_of

    found = []
    for text in texts:
        try:
            objective = parse(text)
        except UsageError:
            # Written by a version with other objectives.
            continue
        if percentile_of(objective.statistic) is not None and objective.operation is not None:
            found.append(objective)
    return found
