"""The evidence of a recorded run."""

from __future__ import annotations

from advisor.evidence import Counts, Evidence, from_series
from bench.record.estimates import Estimates
from bench.record.reader import RunRecord


def evidence_of(record: RunRecord, *, backlog_grows: bool | None) -> Evidence | None:
    """What the rules may look at; None where the run did not come to measure anything.

    `backlog_grows`: the judgement of the gate, None for a closed model."""
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
            backlog_grows=backlog_grows,
        ),
        manifest.live_knobs,
        usable_cores=manifest.fingerprint.must_match.cores,
    )
