"""The evidence of a recorded run."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from advisor.evidence import AskedAgain, Counts, Evidence, Knob, Load
from advisor.from_series import from_series
from bench.gate import objectives
from bench.knobs.catalogue import knobs
from bench.record import redis_full
from bench.record.estimates import Estimates
from bench.record.manifest import Manifest
from bench.record.reader import RunRecord
from bench.record.recall import recall_of
from bench.record.verified import wrong_answers


def evidence_of(record: RunRecord) -> Evidence | None:
    """What the rules may look at; None where the run did not come to measure anything."""
    estimates = Estimates(record)
    span = estimates.span
    if span is None or span.end is None:
        return None
    preload = record.phase("preload")
    return _evidence(
        record,
        (span.start, span.end),
        _counts(estimates, span.start, span.end),
        _load(record.manifest),
        (preload.start, preload.end) if preload is not None and preload.end is not None else None,
    )


def evidence_before_load(record: RunRecord) -> Evidence | None:
    """What the preload says of a run that failed there because Redis was full; None for every other run."""
    preload, manifest = record.phase("preload"), record.manifest
    if record.phase("measure") is not None or manifest.target is None:
        return None
    if preload is None or preload.end is None or preload.end <= preload.start:
        return None
    metrics = record.metrics()
    if not redis_full.refused(metrics) and not redis_full.evicted(metrics):
        return None
    load = _load(manifest)
    each = manifest.plan.data.get("patterns")
    if isinstance(each, int):
        # What it was to learn is what there must be room for.
        load = replace(load, learned=each * (load.nodes or 1))
    found = _evidence(record, (preload.start, preload.end), Counts(0), load, None)
    return replace(found, measured=False)


def _evidence(
    record: RunRecord,
    window: tuple[float, float],
    counts: Counts,
    load: Load,
    preload: tuple[float, float] | None,
) -> Evidence:
    manifest = record.manifest
    found = from_series(
        record.metrics(),
        window,
        manifest.target.to_json() if manifest.target else {},
        counts,
        manifest.live_knobs,
        usable_cores=manifest.fingerprint.must_match.cores,
        load=load,
        preload=preload,
    )
    return replace(
        found,
        memory_bytes=float(manifest.fingerprint.must_match.memory_bytes),
        qdrant=replace(found.qdrant, recall=recall_of(record)),
        redis=replace(found.redis, container_limit_bytes=found.number("container.redis.memory")),
        knobs={**_session_knobs(manifest), **found.knobs},
        chosen=frozenset(manifest.plan.target.knobs),
        asked_again=_asked_again(record),
    )


def _asked_again(record: RunRecord) -> AskedAgain:
    found = record.manifest.verification
    if found is None:
        return AskedAgain()
    first = next(iter(wrong_answers(record)), None)
    return AskedAgain(found.replayed, found.wrong, first.sentence if first else "")


def _counts(estimates: Estimates, start: float, end: float) -> Counts:
    names = estimates.record.operations()
    totals = estimates.count()
    _, answers = estimates.record.completions(start, end)

    def times(q: float, kind: str) -> dict[str, float | None]:
        return {name: estimates.percentile(q, name, kind).value for name in names}

    return Counts(
        # Answers that came in the window: an overloaded target works off the rest after it.
        requests=int(sum(counts.sum() for counts in answers.values())),
        errors=totals.by_error,
        response_p95=times(0.95, "response"),
        service_p95=times(0.95, "service"),
        backlog_grows=_backlog_grows(estimates.record.manifest),
        due=totals.requests,
        answered={name: int(counts.sum()) for name, counts in answers.items()},
        response_p50=times(0.5, "response"),
        service_p50=times(0.5, "service"),
    )


def _load(manifest: Manifest) -> Load:
    plan = manifest.plan
    learned = [end["learned"] for end in manifest.load.ends if "learned" in end]
    nodes, sessions = plan.data.get("nodes"), plan.users or plan.data.get("sessions")
    return Load(
        scenario=plan.scenario,
        offered=plan.rate,
        nodes=int(nodes) if nodes is not None else None,
        sessions=int(sessions) if sessions is not None else None,
        connections=plan.connections,
        learned=sum(learned) if learned else None,
        session=plan.session,
        recall_targets=_recall_targets(plan.objectives),
    )


def _session_knobs(manifest: Manifest) -> dict[str, Knob]:
    """The session options in force in every session of the run: KATO's defaults, and what the run sent."""
    options = {knob.name: knob for knob in knobs() if knob.home == "session config" and knob.acts}
    sent = {"process_predictions": False, **manifest.plan.session}
    written: dict[str, Any] = {
        name: json.dumps(value) if isinstance(value, list) else value for name, value in sent.items()
    }
    return {name: written.get(knob.spelled, knob.shipped) for name, knob in options.items()}


def _recall_targets(texts: list[str]) -> dict[int, float]:
    """k -> the least recall that an objective asks for."""
    targets: dict[int, float] = {}
    for objective in map(objectives.parse, texts):
        name, _, k = objective.statistic.partition("@")
        if name == "recall" and k.isdigit() and objective.comparison in (">", ">="):
            targets[int(k)] = max(objective.bound, targets.get(int(k), 0.0))
    return targets


def _backlog_grows(manifest: Manifest) -> bool | None:
    """As the gate judged it; None for a closed model, which has no backlog, and where nothing was judged."""
    if manifest.soundness is None or manifest.plan.closed:
        return None
    return any(reason.code == "overloaded" for reason in manifest.soundness.reasons)
