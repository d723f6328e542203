"""The whole schedule of a plan, which no number of processes changes."""

from __future__ import annotations

from collections.abc import Iterator

from bench.loadgen import traces
from bench.loadgen.arrivals import Arrival, open_schedule
from bench.loadgen.catalogue import find
from bench.loadgen.grouping import in_groups
from bench.plan import Plan


def schedule_of(plan: Plan) -> Iterator[Arrival]:
    """All arrivals of an open model, in due order, whoever sends them.

    Raises UsageError for a trace that is gone, or has changed since the plan was made."""
    recorded = traces.recorded_of(plan)
    arrivals = open_schedule(plan.arrivals, plan.phases, plan.sessions, plan.seed, recorded)
    together = find(plan.scenario).about.get("together")
    if together is None:
        return arrivals
    return in_groups(arrivals, int(plan.data[together]), plan.sessions, plan.seed)
