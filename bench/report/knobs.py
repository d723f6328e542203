"""The settings of KATO and its stores, for people, for programs and as the page docs/knobs.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bench.knobs.catalogue import in_words, misnomers
from bench.knobs.kato_dead import FAMILIES
from bench.knobs.knob import CoresLess, Danger, Knob
from bench.report.screen import console_for, indented

_TAKES = {
    "live": "acts at once",
    "restart": "acts after a restart",
    "rebuild": "acts once everything is built anew",
}
_STATES = {
    "live": "acts",
    "reported": "dead: only repeated",
    "unused": "dead: read, and not used",
    "unread": "dead: never read",
}
_SYSTEMS = {
    "kato": "KATO: environment",
    "session": "KATO: options of a session",
    "uvicorn": "uvicorn",
    "redis": "Redis and Valkey",
    "qdrant": "Qdrant",
    "clickhouse": "ClickHouse",
    "container": "Containers",
}

_EMPTY = "empty"
_OURS = "kato-bench's reference API"

_HEAD = """\
# Knobs

Every setting of KATO and its stores that kato-bench knows. `kato-bench knobs [NAME]` prints it, `--json` for
programs, and this page is what `kato-bench knobs --markdown > docs/knobs.md` writes. `kato-bench inspect`
shows which are in force ([inspect.md](inspect.md)); `--set` takes those that act on the embedded deployment
([embedded.md](embedded.md)).

*default*: what KATO 3.10.1 ships, or else the system's own. *takes*: at once (live), a restart, or building
everything anew (rebuild). **Dead**: KATO's documents or files name it, and it changes nothing. Evidence
stands in each entry's source (`kato-bench knobs NAME`).
"""


def print_knobs(knobs: Sequence[Knob], file: TextIO) -> None:
    """One as a card, several as a list with the dead ones at its end."""
    console = console_for(file)
    if len(knobs) == 1:
        card = Table.grid(padding=(0, 2))
        for title, text in _card(knobs[0]):
            if text:
                card.add_row(title, Text(text))
        console.print(Text(knobs[0].name, style="bold"), Padding(card, (0, 0, 0, 4)))
        return
    for knob in knobs:
        if knob.acts:
            console.print(Text(knob.name, style="bold"), *(indented(line, 4) for line in _lines(knob)))
    dead = [knob for knob in knobs if not knob.acts]
    if dead:
        console.print(Text("These change nothing, whoever documents them:", style="bold"))
        for knob in dead:
            console.print(indented(f"{knob.name}: {knob.why}", 4))


def as_json(knob: Knob) -> dict[str, Any]:
    """All that is known of a knob. Values are as its home reads them; null = not known, or none."""
    healthy = knob.healthy
    return {
        "name": knob.name,
        "system": knob.system,
        "spelled": knob.spelled,
        "aliases": list(knob.aliases),
        "wrong_names": list(misnomers(knob.name)),
        "type": knob.kind,
        "unit": knob.unit,
        "legal": knob.legal,
        "low": knob.low,
        "high": knob.high,
        "choices": list(knob.choices),
        "shipped": knob.shipped,
        "healthy": f"cores - {healthy.spare}" if isinstance(healthy, CoresLess) else healthy,
        "own_default": knob.own,
        "home": knob.home,
        "where": knob.where,
        "live": knob.live,
        "takes": knob.effect,
        "acts": knob.acts,
        "state": knob.state,
        "why": knob.why,
        "instead": knob.instead,
        "crashes": knob.crashes,
        "dangers": [
            {"values": list(danger.values), "all_but_these": danger.others, "why": danger.why}
            for danger in knob.dangers
        ],
        "holds_for": knob.holds_for,
        "influences": knob.influences,
        "wiring": knob.wiring,
        "refused": knob.refusal,
        "source": knob.source,
    }


def markdown(knobs: Sequence[Knob]) -> str:
    """The page: a table a system, then the dead ones."""
    return "".join(_page(knobs))


def _page(knobs: Sequence[Knob]) -> Iterator[str]:
    yield _HEAD
    for system, title in _SYSTEMS.items():
        acting = [knob for knob in knobs if knob.system == system and knob.acts]
        if acting:
            yield f"\n## {title}\n\n| knob | takes | default | set in | moves |\n|---|---|---|---|---|\n"
            yield from map(_row, acting)
    dead = [knob for knob in knobs if not knob.acts]
    yield "\n## Dead and wrong names\n\n| name | state | what acts, and why not this |\n|---|---|---|\n"
    for knob in dead:
        at_start = f"; {knob.crashes} stops KATO from starting" if knob.crashes else ""
        why = (knob.why or "") + ("" if "stops KATO" in (knob.why or "") else at_start)
        state = _STATES[knob.state].removeprefix("dead: ")
        yield f"| `{knob.spelled}`{_of(knob)} | {state} | {_cell(why)} |\n"
    families = ", ".join(f"`{family}…`" for family in FAMILIES)
    yield f"\nSo is every name that begins with {families}: the service imports none of what would read it.\n"


def _row(knob: Knob) -> str:
    name = f"`{knob.name}`"
    wrong = ", ".join(f"`{one}`" for one in misnomers(knob.name))
    if wrong:
        name += f"<br>wrongly {wrong}"
    moves = _cell(knob.influences)
    if knob.holds_for == _OURS:
        moves += f" ({knob.holds_for} only)"
    if knob.crashes:
        moves += _cell(f". KATO does not start with {knob.crashes}")
    for danger in knob.dangers:
        moves += f". **Danger**, {_cell(_values(knob, danger))}: {_cell(danger.why)}"
    takes = _cell(f"{knob.legal}; {knob.effect}")
    return f"| {name} | {takes} | {_cell(_default(knob))} | {_cell(knob.where)} | {moves} |\n"


def _of(knob: Knob) -> str:
    return " of a session" if knob.system == "session" else ""


def _cell(text: str) -> str:
    for sign in ("|", "*"):
        text = text.replace(sign, f"\\{sign}")
    return text.replace("<", "&lt;")


def _lines(knob: Knob) -> Iterator[str]:
    yield f"{knob.legal}; {_shipped(knob)}; {_TAKES[knob.effect]}"
    yield f"moves {knob.influences}"
    if knob.refusal is not None:
        yield knob.refusal


def _card(knob: Knob) -> Iterator[tuple[str, str | None]]:
    yield "state", f"{_STATES[knob.state]}{f'; {knob.why}' if knob.why else ''}"
    yield "instead", knob.instead
    yield "also", ", ".join(knob.aliases)
    yield "wrongly", ", ".join(misnomers(knob.name))
    yield "values", knob.legal
    yield "default", _shipped(knob)
    yield "set in", knob.where
    yield "read from", knob.live
    yield "takes", _TAKES[knob.effect]
    yield "moves", knob.influences
    yield "crashes", f"KATO does not start with {knob.crashes}" if knob.crashes else None
    for danger in knob.dangers:
        yield "danger", f"{_values(knob, danger)}: {danger.why}"
    yield "holds for", knob.holds_for
    yield "--set", knob.refusal or "takes it on the embedded target"
    yield "source", knob.source


def _values(knob: Knob, danger: Danger) -> str:
    shown = ", ".join(in_words(knob.name, value) for value in danger.values)
    return f"anything but {shown}" if danger.others else shown


def _shipped(knob: Knob) -> str:
    if knob.shipped is not None:
        return "KATO ships " + (knob.write(knob.shipped) or _EMPTY)
    if knob.own is not None:
        return "the system has " + (knob.write(knob.own) or _EMPTY)
    return "KATO ships the system's own"


def _default(knob: Knob) -> str:
    if knob.usual is None:
        return "–"
    return in_words(knob.name, knob.usual)
