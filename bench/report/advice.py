"""Advice in words, for the screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from rich.console import Group, RenderableType
from rich.text import Text

from bench import words
from bench.knobs.catalogue import in_words
from bench.record.advice import ARGUMENTS
from bench.report import digits
from bench.report.command import command_line, with_changes
from bench.report.screen import console_for, indented, word

if TYPE_CHECKING:
    from pathlib import Path

    from bench.plan import Plan
    from bench.record.advice import Advice, Finding, Patch, Prediction, Recommendation

_APPLIES = {
    "live": "acts at once",
    "restart": "needs a restart",
    "rebuild": "acts once everything is built anew",
}


def print_advice(advice: Advice, patches: Path, plan: Plan, file: TextIO) -> None:
    """Print all of it; `patches` is the folder in which its files are, `plan` that of the latest run. In
    colour on a terminal only."""
    console = console_for(file)
    console.print(Group(*_sections(advice, patches)))
    if plan.target.is_started and (wanted := advice.files.get(ARGUMENTS)) is not None:
        console.print(Text("\nThe same load with all of it, to see what it does:"))
        # Not wrapped by the console: it is to be copied.
        print(command_line(with_changes(plan, wanted)), file=file)


def top_lines(findings: Sequence[Finding], most: int = 3) -> list[Text]:
    """The most urgent changes, a line each, numbered; a knob that two findings want changed counts once, and
    what is only worth knowing is no change to begin with."""
    first: dict[str, tuple[Finding, Recommendation]] = {}
    for finding in findings:
        for recommendation in finding.recommendations if finding.severity != "info" else ():
            first.setdefault(recommendation.knob, (finding, recommendation))
    return [
        Text.assemble(
            f"{number}. ",
            (change(recommendation), "bold"),
            " (",
            word(finding.severity),
            f": {finding.title})",
        )
        for number, (finding, recommendation) in enumerate(list(first.values())[:most], 1)
    ]


def change(recommendation: Recommendation) -> str:
    """What is to be set from what to what: `redis.appendonly: no → yes`."""
    old, new = (in_words(recommendation.knob, one) for one in (recommendation.old, recommendation.new))
    return f"{recommendation.knob}: {old} → {new}"


def prediction(one: Prediction) -> str:
    """`p95(predict) 30–45 ms (now 120 ms): why`."""
    low, high = (None if bound is None else quantity(bound, one.unit) for bound in (one.low, one.high))
    said = {
        "interval": f"{low} to {high}",
        "at_least": f"at least {low}",
        "at_most": f"at most {high}",
    }[one.kind]
    now = "" if one.now is None else f" (now {quantity(one.now, one.unit)})"
    return f"{one.metric} {said}{now}: {one.model}"


def quantity(number: float, unit: str) -> str:
    """A number with its unit: of `s`, `1/s`, `share`, `bytes`, `1` or any other word."""
    match unit:
        case "s":
            return digits.with_unit(number)
        case "1/s":
            return f"{digits.number(number)}/s"
        case "share":
            return words.percent(number)
        case "bytes":
            return words.size(number)
        case "1":
            return f"{number:.4g}" if abs(number) < 1000 else words.count(round(number))
    return f"{digits.number(number)} {unit}"


def _sections(advice: Advice, patches: Path) -> Iterator[RenderableType]:
    several = "run" if len(advice.runs) == 1 else f"{len(advice.runs)} runs:"
    yield Text(f"Advice from {several} {', '.join(advice.runs)}", style="bold")
    if not advice.findings:
        yield Text("Nothing was found that is worth a word.")
    for finding in advice.findings:
        yield Text()
        yield from _finding(finding, several_runs=len(advice.runs) > 1)
    if advice.settled:
        yield Text()
        yield Text("Not everything can be had:")
        for sentence in advice.settled:
            yield indented(sentence)
    yield Text()
    if advice.files:
        yield Text(f"All changes together, as patches ({', '.join(advice.files)}):")
        yield Text(str(patches))
    elif advice.findings and not advice.settled:
        yield Text("None of it asks for a change.")


def _finding(finding: Finding, *, several_runs: bool) -> Iterator[RenderableType]:
    yield Text.assemble(word(finding.severity), ": ", (finding.title, "bold"), (f"  {finding.id}", "dim"))
    yield indented(finding.message)
    if several_runs:
        yield indented(f"seen in {', '.join(finding.runs)}")
    for recommendation in finding.recommendations:
        yield from _recommendation(recommendation)
    if finding.source and finding.recommendations:
        yield indented(f"source: {finding.source}")


def _recommendation(recommendation: Recommendation) -> Iterator[RenderableType]:
    yield indented(Text.assemble((change(recommendation), "bold"), f" ({_APPLIES[recommendation.applies]})"))
    for one in recommendation.predicted:
        yield indented(f"expected: {prediction(one)}", 4)
    yield indented(f"risk: {recommendation.risk}", 4)
    yield indented(f"to verify: {recommendation.verify}", 4)
    for patch in recommendation.patches:
        yield from _patch(patch)


def _patch(patch: Patch) -> Iterator[RenderableType]:
    yield indented(f"{patch.title}:", 4)
    yield indented(Text(patch.text.rstrip("\n"), style="cyan"), 6)
