"""How evenly the load falls on KATO's workers."""

from __future__ import annotations

from advisor.evidence import Evidence
from advisor.findings import Finding
from advisor.rules.base import rule
from bench import words

#: A worker that uses so much of its core has requests waiting, and does so for want of company only if the
#: others use less than half of that.
BUSY, UNEVEN = 0.70, 2.0


@rule(
    "workers.unevenly-loaded",
    holds_for="KATO from 3.0 under uvicorn --workers",
    precondition=lambda evidence: (evidence.workers or 0) > 1 and bool(evidence.worker_cpu_seconds),
    source="uvicorn's workers accept from one socket and keep the connections they got; CPU time by process",
)
def unevenly_loaded(evidence: Evidence) -> Finding | None:
    """A connection stays with the worker that accepted it: with few of them one worker is full and answers
    late while its neighbours idle, and more workers do not help."""
    workers = evidence.workers or 1
    # uvicorn's supervisor is among the processes, and does next to nothing.
    used = sorted(evidence.worker_cpu_seconds.values(), reverse=True)[:workers]
    if len(used) < workers:
        return None
    busiest, others = used[0] / evidence.seconds, sum(used[1:]) / (workers - 1) / evidence.seconds
    if busiest < BUSY or busiest < UNEVEN * others:
        return None
    open_connections = evidence.load.connections
    connections = "" if open_connections is None else f" over at most {open_connections} connections"
    return Finding(
        "workers.unevenly-loaded",
        "warning" if evidence.counts.backlog_grows else "advice",
        "One worker has most of the work",
        f"The busiest of KATO's {workers} workers used {words.cores(busiest)}, the others "
        f"{words.cores(others)} each{connections}. Clients that open more connections, or new ones now and "
        "then, spread better; so do several instances of one worker behind a proxy.",
        {
            "workers": workers,
            "busiest_worker_cores": busiest,
            "other_workers_cores": others,
            "connections": open_connections,
        },
    )
