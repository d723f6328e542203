"""The evidence of a recorded run."""

from __future__ import annotations

from advisor.evidence import Counts, Evidence, from_series
from bench.record.estimates import Estimates
from bench.record.reader import RunRecord


def evidence_of(record: RunRecord) -> Evidence | None:
    """What the rules may look at; None where the run did not come to measure anything."""
    estimates = Estimates(record)
    span = estimates.span
    if span is None or span.end is None:
        return None
    manifest = record.manifest
    names = record.operations()
    totals = estimates.count()
    _, answers = record.completions(span.start, span.end)
    return from_series(
        record.metrics(),
        (span.start, span.end),
        manifest.target.to_json() if manifest.target else {},
        Counts(
            # Answers that came in the window: an overloaded target works off the rest after it.
            requests=int(sum(counts.sum() for counts in answers.values())),
            errors=totals.by_error,
            response_p95={name: estimates.percentile(0.95, name).value for name in names},
            service_p95={name: estimates.percentile(0.95, name, "service").value for name in names},
            backlog_grows=_backlog_grows(record),
        ),
        manifest.live_knobs,
        usable_cores=manifest.fingerprint.must_match.cores,
    )


def _backlog_grows(record: RunRecord) -> bool | None:
    """As the gate judged it; None for a closed model, which has no backlog, and where nothing was judged."""
    soundness = record.manifest.soundness
    if soundness is None or record.manifest.plan.arrivals.kind == "closed":
        return None
    return any(reason.code == "overloaded" for reason in soundness.reasons)
