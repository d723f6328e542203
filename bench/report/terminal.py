"""The report on one screen, and the list of runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench import words
from bench.report import digits, sentences
from bench.report.advice import top_lines
from bench.report.model import ListRow, OperationSummary, Part, Summary
from bench.report.screen import console_for, indented, word

if TYPE_CHECKING:
    from bench.record.manifest import Totals

#: From this width on an interval stands beside its value, else below it.
_WIDE = 120


def print_summary(summary: Summary, file: TextIO) -> None:
    """Print the report: in colour on a terminal, as plain text elsewhere; at most 120 columns wide."""
    console = console_for(file)
    console.print(render_summary(summary, console.width))


def print_list(rows: Sequence[ListRow], file: TextIO) -> None:
    """Print one line per run, in the order given."""
    console = console_for(file)
    console.print(render_list(rows, console.width))


def render_summary(summary: Summary, width: int) -> RenderableType:
    """The report for a screen of `width` columns."""
    return Group(*_sections(summary, wide=width >= _WIDE))


def render_list(rows: Sequence[ListRow], width: int) -> RenderableType:
    """The list of runs for a screen of `width` columns."""
    if not rows:
        return Text("No runs yet; measure one with: kato-bench run")
    table = _table(["run", "status"], ["requests", "errors"], ["judged"], padding=0)
    if width >= _WIDE:
        table.add_column("load")
    table.add_column("tags", overflow="ellipsis", no_wrap=True, ratio=1)
    for row in rows:
        judged = Text("\n").join(word(one) for one in (row.soundness, row.objectives) if one)
        numbers = ["" if number is None else words.count(number) for number in (row.requests, row.errors)]
        load = [row.load or ""] if width >= _WIDE else []
        tags = " ".join(f"{name}={value}" for name, value in row.tags.items())
        table.add_row(row.run, word(row.status), *numbers, judged, *load, tags)
    return Group(table, *(Text(row.problem) for row in rows if row.problem))


def _sections(summary: Summary, wide: bool) -> Iterator[RenderableType]:
    yield from _head(summary)
    yield Text()
    if summary.operations:
        yield _operations(summary, stacked=not wide)
    else:
        yield Text("No request was made in the measure phase.", style="yellow")
    for line in _remarks(summary):
        yield indented(line)
    if summary.parts or summary.own:
        yield Text()
        yield _parts([*summary.parts, *summary.own])
        for part in summary.parts:
            if part.note:
                yield indented(f"{part.name}: {part.note}")
    yield Text()
    yield from _judgements(summary)
    yield Text.assemble("Folder ", (summary.folder, "bold"))


def _head(summary: Summary) -> Iterator[RenderableType]:
    title = Text.assemble((f"Run {summary.run}", "bold"), ", ", word(summary.status))
    yield title.append(f": {summary.reason}") if summary.reason else title
    yield indented(summary.plan)
    if summary.corpus:
        yield indented(f"corpus {summary.corpus}")
    if summary.generator:
        yield indented(f"generator {sentences.generator(summary.generator)}")
    if summary.tags:
        yield indented("tags " + " ".join(f"{name}={value}" for name, value in summary.tags.items()))


def _operations(summary: Summary, *, stacked: bool) -> Table:
    times = ["response\np50", "response\np95", "response\np99", "service\np95", "lag\np99"]
    table = _table(["operation"], ["answered", "errors", "rate\n1/s", *times], padding=0)
    table.title = f"{summary.seconds:.4g} s measured; times in ms, response from when due; 95 % intervals"
    for operation in summary.operations:
        table.add_row(*_operation_cells(operation, stacked))
    if len(summary.operations) > 1:
        answered = words.count(summary.totals.answered)
        rate = digits.estimate(summary.rate, stacked=stacked)
        table.add_row("all", answered, _errors(summary.totals, stacked), rate)
    return table


def _operation_cells(operation: OperationSummary, stacked: bool) -> Iterator[str]:
    yield operation.name
    yield words.count(operation.counts.answered)
    yield _errors(operation.counts, stacked)
    yield digits.estimate(operation.rate, stacked=stacked)
    for estimate in operation.response.values():
        yield digits.duration(estimate, stacked=stacked)
    yield digits.milliseconds(operation.service_p95.value)
    yield digits.milliseconds(operation.lag_p99.value)


def _errors(totals: Totals, stacked: bool) -> str:
    """How many, and their share where there are any: a count alone does not say whether it is much."""
    if not totals.errors:
        return "0"
    number, share = words.count(totals.errors), words.percent(totals.errors / totals.requests)
    return f"{number}\n{share}" if stacked else f"{number} ({share})"


def _remarks(summary: Summary) -> Iterator[str]:
    if summary.totals.by_error:
        yield f"Errors: {sentences.failures(summary.totals.by_error)}."
    if summary.answers:
        yield summary.answers
    if summary.gap:
        yield summary.gap
    yield from summary.notes


def _parts(parts: Sequence[Part]) -> Table:
    numbers = ["CPU\ns", "cores\nused", "CPU-s per\n1 000 requests", "RSS max\nMiB"]
    table = _table(["part", "engine"], numbers)
    for part in parts:
        engine = " ".join(word for word in (part.engine, part.version) if word)
        used = part.usage
        measured = (used.cpu_seconds, used.cores, used.cpu_per_1000) if used else (None, None, None)
        memory = digits.mebibytes(used.rss_max if used else None)
        table.add_row(part.name, engine, *(digits.number(value) for value in measured), memory)
    return table


def _judgements(summary: Summary) -> Iterator[RenderableType]:
    if summary.soundness is not None:
        yield Text.assemble("Measurement: ", word(summary.soundness.level))
        for reason in summary.soundness.reasons:
            yield indented(reason.sentence)
        for reason in summary.soundness.unknown:
            yield indented(f"not judged: {reason.sentence}")
        if summary.soundness.level == "unsound":
            yield indented("No advice is drawn from a broken measurement: mend the reason and measure again.")
    for verdict in summary.objectives:
        line = Text.assemble("Objective ", (verdict.objective, "bold"), ": ", word(verdict.verdict))
        yield line.append(f"; {verdict.sentence}") if verdict.sentence else line
    yield from _advice(summary)


def _advice(summary: Summary) -> Iterator[RenderableType]:
    for finding in summary.findings:
        if not finding.recommendations:
            yield Text.assemble("Finding, ", word(finding.severity), f": {finding.message}")
    if changes := top_lines(summary.findings):
        yield Text("What to change first:")
        for line in changes:
            yield indented(line)
    noted = [one.title for one in summary.findings if one.severity == "info" and one.recommendations]
    if noted:
        yield Text(f"Also noted: {'; '.join(noted)}.")
    if changes or noted:
        yield indented(f"kato-bench advise {summary.run} says why and how")


def _table(
    left: Sequence[str], numbers: Sequence[str], more: Sequence[str] = (), *, padding: int = 1
) -> Table:
    """A table without frame, columns `padding` + 1 apart; text left, numbers right, more text left."""
    table = Table(
        padding=(0, padding, 0, 0),
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        title_justify="left",
        title_style="",
    )
    for name in left:
        table.add_column(name, overflow="fold", no_wrap=name == "run")
    for name in numbers:
        # Too narrow a screen breaks a number in two, which is seen; cropped, it would be another number.
        table.add_column(name, justify="right", overflow="fold")
    for name in more:
        table.add_column(name)
    return table
