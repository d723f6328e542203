"""Comparisons and gates on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TextIO

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from bench.gate.effects import Effect
from bench.gate.values import ALL
from bench.report import effects
from bench.report.gate import ComparisonReport, GateReport, headline, notes
from bench.report.screen import console_for, indented, word


def print_comparison(report: ComparisonReport, file: TextIO) -> None:
    _print(_comparison(report), file)


def print_gate(report: GateReport, file: TextIO) -> None:
    _print(_gate(report), file)


def _print(lines: Iterable[RenderableType], file: TextIO) -> None:
    console = console_for(file)
    for line in lines:
        console.print(line)


def _comparison(report: ComparisonReport) -> Iterator[RenderableType]:
    for side, runs in (("A", report.a), ("B", report.b)):
        yield f"{side}: " + ", ".join(run.run for run in runs)
    for line in report.differences:
        yield indented(line)
    yield ""
    table = _table("A", "B")
    for one in filter(_worth_a_row, report.effects):
        table.add_row(*_cells(one), effects.change_words(one))
    yield table
    yield indented(
        "detectable: the smallest change that these runs would have shown in four of five repetitions"
    )
    yield from map(indented, report.notes)


def _gate(report: GateReport) -> Iterator[RenderableType]:
    for side, text in report.sides.items():
        yield f"{side}: {text or 'embedded, as it comes'}"
    yield indented(report.load)
    if report.outcome.judged:
        yield ""
        table = _table("baseline", "candidate")
        for one in report.outcome.judged:
            if one.verdict == "reported" and not _worth_a_row(one.effect):
                continue
            table.add_row(*_cells(one.effect), word(one.verdict))
        yield table
    yield ""
    yield Text.assemble("Gate: ", word(report.outcome.verdict))
    yield from map(indented, headline(report))
    if report.treated_as:
        yield indented(f"--on-inconclusive makes that a {report.treated_as}")
    yield from map(indented, notes(report))


def _worth_a_row(one: Effect) -> bool:
    """An operation's errors, where there are any; its rate follows the load, and that of all says enough."""
    if one.operation == ALL:
        return True
    return one.metric.unit == "s" or (one.metric.unit == "share" and any(one.a + one.b))


def _table(a: str, b: str) -> Table:
    table = Table(padding=(0, 1, 0, 0), box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("operation:\nmetric", min_width=13)
    for column in (a, b, "change", "interval", "detect-\nable"):
        table.add_column(column, justify="right", overflow="fold", min_width=6)
    table.add_column("verdict", no_wrap=True, min_width=len("inconclusive"))
    return table


def _cells(one: Effect) -> tuple[str, ...]:
    return (
        effects.name(one),
        effects.value(one.metric, one.a),
        effects.value(one.metric, one.b),
        effects.change(one),
        effects.interval(one),
        effects.detectable(one),
    )
