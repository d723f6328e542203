"""How long a deployment carries its growth: what is reached first, when, and what to change by then.

Pure: from the results of `capacity search` and `capacity growth`, what the planner expects, and the day it is
asked. Patterns grow by so many a day and stay; sessions come at a constant rate and live for their TTL.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from bench.capacity.laws import size_words
from bench.capacity.limits import (
    Commands,
    Expected,
    Limit,
    limits_ahead,
    missing_cost,
    session_ttl,
)
from bench.capacity.results import GrowthResult, SearchResult
from bench.gate.soundness import DISTURBED

#: Bytes per pattern are called an extrapolation from so many times the patterns measured.
FAR = 10.0


@dataclass(frozen=True, slots=True)
class CapacityPlan:
    """`ceiling`: today's capacity in one sentence. `limits`: the earliest first, the unknown last.
    `doubts`: why the dates may be wrong, apart from the assumptions."""

    today: date
    end: date
    expected: Expected
    ceiling: str
    headline: str
    limits: tuple[Limit, ...]
    doubts: tuple[str, ...]
    assumptions: tuple[str, ...]
    missing: tuple[str, ...]
    sources: tuple[str, ...]

    @property
    def first(self) -> Limit | None:
        return next((limit for limit in self.limits if limit.status in ("now", "dated")), None)


def plan(
    expected: Expected,
    search: SearchResult | None,
    growth: GrowthResult | None,
    today: date,
    ceiling: str | None = None,
    commands: Commands | None = None,
    notes: Sequence[str] = (),
) -> CapacityPlan:
    """`ceiling`: the search's result in words. `commands`: None = on defaults. `notes`: on how the results
    were chosen; they stand with the assumptions."""
    commands = commands or Commands()
    limits = sorted(limits_ahead(expected, search, growth, today, commands), key=_order)
    asked = [limit.missing for limit in limits] + ([commands.search] if search is None else [])
    missing = tuple(dict.fromkeys(command for command in asked if command))
    end = today + timedelta(days=expected.horizon_days)
    return CapacityPlan(
        today=today,
        end=end,
        expected=expected,
        ceiling=ceiling or f"Today's ceiling is not measured: no search run; run {commands.search}.",
        headline=_headline(limits, end),
        limits=tuple(limits),
        doubts=tuple(_doubts(search, growth, commands)),
        assumptions=(*_assumptions(expected, search, growth, commands), *notes),
        missing=missing,
        sources=tuple(
            f"capacity {result.kind} {result.id}" for result in (search, growth) if result is not None
        ),
    )


def _doubts(search: SearchResult | None, growth: GrowthResult | None, commands: Commands) -> Iterator[str]:
    """Other work on the machine makes times longer, and so ceilings lower and dates earlier."""
    if search is not None:
        busy = sum(DISTURBED in trial.conditions for trial in search.trials)
        if busy:
            yield (
                f"{busy} of the {len(search.trials)} trials of the search were made while other work kept "
                f"the machine busy: the ceiling may be higher. On an idle machine, repeat {commands.search}."
            )
    if growth is not None:
        sizes = dict.fromkeys(str(run.patterns) for run in growth.runs if DISTURBED in run.conditions)
        if sizes:
            yield (
                f"Other work kept the machine busy while growth measured {', '.join(sizes)} patterns: its "
                "times may be too long, and dates that rest on them too early; bytes are not concerned. "
                f"Before you rely on a date, repeat on an idle machine {commands.growth}."
            )


def _order(limit: Limit) -> tuple[int, bool, date]:
    """The likely ones first: what only may be reached comes after what will."""
    rank = {"now": 0, "dated": 1, "beyond": 2, "unknown": 3}[limit.status]
    return rank, limit.likely is None, limit.likely or limit.first or date.max


def _headline(limits: Sequence[Limit], end: date) -> str:
    reached = [limit for limit in limits if limit.status in ("now", "dated")]
    unknown = [limit.name for limit in limits if limit.status == "unknown"]
    judged = len(limits) - len(unknown)
    doubt = f" Not judged for want of a measurement or a number: {', '.join(unknown)}." if unknown else ""
    if not judged:
        return f"Nothing can be said yet.{doubt}"
    if not reached:
        return f"No limit that was judged is reached by {end.isoformat()}.{doubt}"
    first = reached[0]
    if first.status == "now":
        when = "reached already today"
    elif first.likely is not None:
        when = f"reached on {first.likely.isoformat()}"
    else:
        when = f"perhaps reached from {first.first.isoformat()} on" if first.first else "perhaps reached"
    return f"The first limit is {first.name}, {when}.{doubt}"


def _assumptions(
    expected: Expected, search: SearchResult | None, growth: GrowthResult | None, commands: Commands
) -> Iterator[str]:
    nodes = "1 node" if expected.nodes == 1 else f"{expected.nodes} nodes"
    yield (
        f"{expected.patterns_per_day:g} patterns a day are learned and none is deleted, spread evenly over "
        f"{nodes}; today there are {expected.patterns_now:g}."
    )
    yield (
        f"{expected.sessions_per_day:g} sessions a day, {expected.peak:g} times the mean at the peak; each "
        f"stays for {session_ttl(growth):g} s after its last request."
    )
    if growth is not None and growth.sizes:
        measured = growth.nodes * max(growth.sizes)
        end = expected.patterns(expected.horizon_days)
        far = (
            f", which is {end / measured:.0f} times as many as were measured: a rough extrapolation"
            if end > FAR * measured
            else ""
        )
        yield (
            f"A pattern costs as many bytes at {size_words(end)} patterns as up to {size_words(measured)}"
            f"{far}."
        )
        yield (
            "Patterns are like those of the scenario: "
            + ", ".join(
                f"{name} {growth.plan.data[name]}"
                for name in ("events", "symbols")
                if name in growth.plan.data
            )
            + "."
        )
    if search is not None and growth is not None:
        if missing_cost(search, growth, commands) is None:
            yield "A deployment answers as many times fewer requests as the mean service time grows."
        yield from _differences(search, growth)


def _differences(search: SearchResult, growth: GrowthResult) -> Iterator[str]:
    ours, theirs = search.machine, growth.machine
    if ours and theirs and (ours.cpu_model, ours.cores) != (theirs.cpu_model, theirs.cores):
        yield "Search and growth ran on different machines; their numbers are used together anyway."
    for what, one, other in (
        ("targets set differently", search.plan.target, growth.plan.target),
        ("different scenarios", search.plan.scenario, growth.plan.scenario),
        ("different session settings", search.plan.session, growth.plan.session),
    ):
        if one != other:
            yield f"Search and growth ran on {what}; their numbers are used together anyway."
