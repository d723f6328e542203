"""The results of capacity commands on one screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from bench import words
from bench.report import digits
from bench.report.screen import console_for, indented

if TYPE_CHECKING:
    from bench.capacity.results import GrowthResult, Interval, SearchResult, Slope, Trial

_HELD = {True: "held", False: "missed", None: "unsound"}


def print_search(result: SearchResult, path: Path, file: TextIO) -> None:
    console = console_for(file)
    for line in _search(result):
        console.print(line)
    console.print(Text.assemble("Result ", (str(path), "bold")), soft_wrap=True)


def print_growth(result: GrowthResult, path: Path, file: TextIO) -> None:
    console = console_for(file)
    for line in _growth(result):
        console.print(line)
    console.print(Text.assemble("Result ", (str(path), "bold")), soft_wrap=True)


def slope_line(slope: Slope) -> str:
    """Bytes per pattern or session in one sentence."""
    interval = slope.bytes
    if interval.low is None or interval.high is None:
        doubt = ", two points, so without an interval"
    else:
        doubt = f" ({kilobytes(interval.low)} to {kilobytes(interval.high)})"
    return f"{slope.metric}: {kilobytes(interval.value)} per {slope.per}{doubt}; {slope.source}."


def kilobytes(value: float | None) -> str:
    return digits.UNKNOWN if value is None else f"{digits.number(value / 1000)} KB"


def capacity_line(result: SearchResult) -> str:
    """The interval in one sentence, or why there is none."""
    objectives = " and ".join(result.objectives)
    low, high = result.low, result.high
    if low is None:
        if result.ended == "refused":
            return f"No capacity: {result.reason}."
        if high is None:
            return "No capacity found: no load was settled."
        return f"No capacity: {objectives} is missed at {_rate(high)} already, the lowest load tested."
    if high is None and result.ended != "complete":
        return f"Capacity: {_rate(low)} or more; where {objectives} fails was not settled."
    if high is None:
        return f"Capacity: {_rate(low)} or more (>= the most tested); {objectives} never failed."
    return f"Capacity: {objectives} held at {_rate(low)} and failed at {_rate(high)}."


def recommended_line(result: SearchResult) -> str | None:
    if result.recommended is None:
        return None
    return f"Recommended operating load: {_rate(result.recommended)}, confirmed by a longer trial."


def _search(result: SearchResult) -> Iterator[RenderableType]:
    yield Text(f"Capacity search {result.id}", style="bold")
    yield indented(
        f"{result.plan.scenario}, {len(result.trials)} trials of about {result.trial_seconds:g} s, "
        f"{result.seconds:.0f} s in all"
    )
    yield Text()
    if result.trials:
        yield _trials(result.trials)
        yield Text()
    yield Text(capacity_line(result), style="bold")
    if result.ended not in ("complete", "refused") and result.reason:
        yield indented(f"It ended early: {result.reason}.")
    if result.binding_objective:
        yield indented(f"Binding objective: {result.binding_objective}.")
    if result.binding:
        yield indented(result.binding)
    if (recommended := recommended_line(result)) is not None:
        yield indented(recommended)
    for note in result.notes:
        yield indented(note)


def _growth(result: GrowthResult) -> Iterator[RenderableType]:
    yield Text(f"Growth {result.id}", style="bold")
    yield indented(
        f"{result.plan.scenario}, {len(result.runs)} runs, {result.seconds:.0f} s in all; times in ms by "
        "patterns per node, at a load that leaves the deployment idle between requests"
    )
    yield Text()
    if result.series:
        yield _series(result)
        yield Text()
    for one in result.breaks:
        yield Text(one.sentence, style="bold")
    for slope in result.memory:
        yield indented(slope_line(slope))
    if result.ended != "complete" and result.reason:
        yield indented(f"It ended early: {result.reason}.")
    for note in result.notes:
        yield indented(note)


def _series(result: GrowthResult) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("metric", overflow="fold")
    for size in result.sizes:
        table.add_column(words.count(size), justify="right")
    table.add_column("law, n patterns per node", overflow="fold")
    for one in result.series:
        values = (_milliseconds(value) for value in one.values)
        table.add_row(one.metric, *values, one.law.sentence if one.law else "too few sizes")
    return table


def _milliseconds(interval: Interval) -> str:
    return digits.milliseconds(interval.value)


def _trials(trials: list[Trial]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("trial")
    for name in ("due\n1/s", "answered\n1/s", "s"):
        table.add_column(name, justify="right")
    for name in ("verdict", "misses of requests"):
        table.add_column(name)
    for trial in trials:
        misses = "\n".join(
            f"{goal.missed} of {goal.requests}, {words.percent(goal.missed / max(1, goal.requests))}"
            f" ({goal.objective})"
            for goal in trial.goals
        )
        table.add_row(
            trial.purpose,
            digits.number(trial.rate),
            digits.number(trial.answered),
            f"{trial.seconds:g}",
            _HELD[trial.held],
            misses,
        )
    return table


def _rate(per_second: float) -> str:
    return f"{digits.number(per_second)}/s"
