"""What a plan will do, on one screen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from rich.table import Table
from rich.text import Text

from bench import words
from bench.report.screen import console_for
from bench.report.targets import kato_words, replaced_words

if TYPE_CHECKING:
    from bench.plan import Plan
    from bench.preview import PartPreview, Preview, Written

_STORES = {"redis": "Redis", "clickhouse": "ClickHouse", "qdrant": "Qdrant"}
_PHASES = {"warmup": "warm-up", "measure": "measured"}


def print_preview(plan: Plan, preview: Preview, file: TextIO) -> None:
    table = Table.grid(padding=(0, 2))
    for title, text in _rows(plan, preview):
        table.add_row(Text(title, style="bold"), Text(text))
    console_for(file).print(table)


def _rows(plan: Plan, preview: Preview) -> Iterator[tuple[str, str]]:
    yield "scenario", f"{plan.scenario}, seed {plan.seed}"
    options = ", ".join(f"{name} {value}" for name, value in plan.data.items())
    if options:
        yield "data", options
    yield "target", _target(plan)
    for name, value in plan.session.items():
        yield "session", f"{name} = {value}"
    for title, part in zip(_titled("load"), preview.parts, strict=False):
        yield title, _part(part, "at most" if preview.most else "about")
    yield "requests", _requests(preview)
    yield "time", _time(preview)
    nodes = "1 node" if preview.nodes == 1 else f"{preview.nodes} nodes"
    yield "sessions", f"{words.count(preview.sessions)}, on {nodes} of the run's own"
    if preview.learned or preview.vectors:
        yield "before", _before(preview)
    about = "at most about" if preview.at_most else "about"
    if preview.requests is None:
        about = "before the load about"
    for title, one in zip(_titled("data written"), preview.written, strict=False):
        yield title, _written(one, about)
    for title, objective in zip(_titled("objectives"), plan.objectives, strict=False):
        yield title, objective
    if plan.tags:
        yield "tags", " ".join(f"{name}={value}" for name, value in plan.tags.items())


def _titled(title: str) -> Iterator[str]:
    """The title for the first of several rows, nothing for the others."""
    yield title
    while True:
        yield ""


def _target(plan: Plan) -> str:
    target = plan.target
    cleared = target.keeps_data and not plan.keep_data
    kept = "; sessions are deleted and nodes cleared afterwards" if cleared else ""
    if target.where is not None:
        return f"{kato_words(target)}{kept}"
    fresh = kato_words(target) if target.source is not None else "a fresh embedded KATO"
    changed = replaced_words(target)
    changed += "".join(f", {name}={value}" for name, value in sorted(target.knobs.items()))
    faults = "".join(f", fault {name}={value}" for name, value in sorted(target.faults.items()))
    return f"{fresh} ({target.profile}){changed}{faults}{kept}"


def _part(part: PartPreview, about: str) -> str:
    name = f" “{part.name}”" if part.name is not None else ""
    due = "" if part.requests is None else f": {about} {words.count(part.requests)} requests"
    return f"{_clock(part.seconds)} {_PHASES[part.phase]}{name}, {part.load}{due}"


def _requests(preview: Preview) -> str:
    if preview.requests is None:
        return "as many as the target answers: users who do not think send as soon as they have an answer"
    if preview.most:
        return f"at most {words.count(preview.requests)}, fewer the longer answers take"
    chance = f", ± {words.count(preview.spread)} by chance" if preview.spread else ""
    peak = f"; up to {words.rate(preview.peak)}" if preview.peak is not None else ""
    return f"about {words.count(preview.requests)}{chance}{peak}"


def _time(preview: Preview) -> str:
    return (
        f"{_clock(preview.seconds)} of load; before it the start and what must be learned, after it up to "
        f"{_clock(preview.drain)} for open requests"
    )


def _before(preview: Preview) -> str:
    learned = f"{words.count(preview.learned)} patterns are learned"
    return learned + (
        f", and {words.count(preview.vectors)} vectors loaded straight into Qdrant" if preview.vectors else ""
    )


def _written(written: Written, about: str) -> str:
    return f"{_STORES[written.store]}: {about} {words.size(written.bytes)}: {', '.join(written.basis)}"


def _clock(seconds: float) -> str:
    """30 s, 2 min 30 s, 2 h 1 min."""
    if seconds < 120:
        return f"{seconds:.4g} s"
    large, small, units = (seconds / 3600, seconds / 60 % 60, ("h", "min"))
    if seconds < 7200:
        large, small, units = (seconds / 60, seconds % 60, ("min", "s"))
    rest = f" {small:.3g} {units[1]}" if small >= 0.05 else ""
    return f"{int(large)} {units[0]}{rest}"
