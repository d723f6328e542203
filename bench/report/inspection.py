"""What an inspection found, on one screen and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TextIO

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench import words
from bench.knobs.catalogue import find, in_words
from bench.report.screen import console_for, indented, word

if TYPE_CHECKING:
    from bench.inspection.findings import Finding, Inspection
    from bench.inspection.seen import Seen, Setting

#: Nodes and key families that the screen shows; JSON has all.
_MOST_ROWS = 8
_WIDEST_VALUE = 36


def print_inspection(inspection: Inspection, file: TextIO) -> None:
    """In colour on a terminal, as plain text elsewhere."""
    console_for(file).print(Group(*_sections(inspection)))


def as_json(inspection: Inspection) -> dict[str, Any]:
    """One JSON object. Its keys are an API: they are added to, and not renamed. Sizes in bytes, times in
    seconds, shares from 0 to 1, null = not known. `knobs` holds every knob that was looked for: where `live`
    is null, `why` says why."""
    seen = inspection.seen
    return {
        "target": inspection.target,
        "kind": inspection.kind,
        "seconds": inspection.seconds,
        "dangerous": inspection.dangerous,
        "unreachable": list(inspection.unreachable),
        "parts": [asdict(part) for part in seen.parts],
        "containers": [asdict(one) for one in seen.containers],
        "workers": {**asdict(seen.workers), "answering": seen.workers.answering},
        "findings": [asdict(finding) for finding in inspection.findings],
        "knobs": [_knob_as_json(inspection, setting) for setting in seen.settings.values()],
        "nodes": [dict(zip(_NODE_KEYS, node, strict=True)) for node in _nodes(seen)],
        "redis_keys": _keys_as_json(seen),
        "unknown": [asdict(one) for one in seen.unknown],
    }


_NODE_KEYS = ("kb", "patterns", "pattern_bytes", "patterns_in_redis", "vectors", "indexed_vectors")


def _knob_as_json(inspection: Inspection, setting: Setting) -> dict[str, Any]:
    return {
        "name": setting.name,
        "live": setting.value,
        "default": setting.default,
        "set_by": setting.set_by,
        "stored": setting.stored,
        "flags": list(inspection.flags(setting.name)),
        "why": setting.why,
    }


def _keys_as_json(seen: Seen) -> dict[str, Any] | None:
    redis = seen.redis
    if redis is None:
        return None
    return {
        "keys": redis.keys,
        "drawn": redis.drawn,
        "families": {name: asdict(family) for name, family in redis.families.items()},
        "stream_entries": redis.stream_entries,
        "stream_bytes": redis.stream_bytes,
        "sessions_indexed": redis.sessions_indexed,
    }


def _sections(inspection: Inspection) -> Iterator[RenderableType]:
    yield Text.assemble(
        (f"KATO at {inspection.target}", "bold"), f", looked at for {words.seconds(inspection.seconds)}"
    )
    yield _parts(inspection)
    yield indented(_workers(inspection.seen))
    for container in inspection.seen.containers:
        if container.note:
            yield indented(f"Container {container.name}: {container.note}.")
    yield Text()
    yield from _findings(inspection.findings)
    settings = list(_told(inspection))
    if settings:
        yield Text()
        yield _knobs(inspection, settings)
        known = sum(setting.value is not None for setting in inspection.seen.settings.values())
        yield indented(
            f"{words.count(known - len(settings))} more are known, and unremarkable; --json tells all"
        )
    yield from _data(inspection.seen)
    yield from _unknown(inspection)


def _parts(inspection: Inspection) -> Table:
    table = _table("part", "engine", "address", "")
    for part in inspection.seen.parts:
        answers = {True: "answers", False: "does not answer", None: "not known"}[part.reachable]
        note = f": {part.note}" if part.note and part.reachable is not True else ""
        style = "bold red" if part.reachable is False else ""
        engine = " ".join(one for one in (part.engine, part.version) if one)
        table.add_row(part.name, engine, part.address or "", Text(answers + note, style=style))
    return table


def _workers(seen: Seen) -> str:
    workers = seen.workers
    met = f"{workers.answering} answer{'s' if workers.answering == 1 else ''}"
    polls = f" ({words.count(workers.polls)} fresh connections"
    polls += f", {workers.refused} refused with 503)" if workers.refused else ")"
    if workers.expected is None:
        return f"Workers: at least {met}{polls}; how many there should be is not known."
    by = f" by {workers.expected_by}" if workers.expected_by else ""
    return f"Workers: {workers.expected} expected{by}, {met}{polls}."


def _findings(findings: Sequence[Finding]) -> Iterator[RenderableType]:
    if not findings:
        yield Text("Nothing to object to.", style="green")
        return
    for finding in findings:
        yield Text.assemble(
            word(finding.severity),
            f"  {finding.title}",
            (f"  [{', '.join(finding.knobs)}]" if finding.knobs else "", "dim"),
        )
        yield indented(finding.sentence, 4)
        yield indented(f"→ {finding.fix}", 4)


def _told(inspection: Inspection) -> Iterator[Setting]:
    """The settings that are not as they are where nobody sets them, those with a flag, and those that
    findings are about. Addresses and credentials only in the latter cases."""
    named = {knob for finding in inspection.findings for knob in finding.knobs}
    for setting in inspection.seen.settings.values():
        if setting.value is None:
            continue
        changed = setting.chosen and setting.value != setting.default and not find(setting.name).wiring
        if changed or setting.name in named or inspection.flags(setting.name):
            yield setting


def _knobs(inspection: Inspection, settings: Sequence[Setting]) -> Table:
    table = _table("knob", "live", "default", "set by", "")
    for setting in settings:
        flags = Text(", ".join(inspection.flags(setting.name)), style="bold red")
        stored = "" if setting.stored is None else f" (stored: {_short(setting.name, setting.stored)})"
        table.add_row(
            setting.name,
            _short(setting.name, setting.value) + stored,
            "–" if setting.default is None else _short(setting.name, setting.default),
            setting.set_by or "not known",
            flags,
        )
    return table


def _short(name: str, value: Any) -> str:
    text = in_words(name, value)
    return text if len(text) <= _WIDEST_VALUE else f"{text[: _WIDEST_VALUE - 1]}…"


def _data(seen: Seen) -> Iterator[RenderableType]:
    nodes = _nodes(seen)
    if nodes:
        yield Text()
        table = _table("node", "patterns", "on disk", "vectors", "in a graph", right=4)
        for kb, patterns, size, _, vectors, indexed in nodes[:_MOST_ROWS]:
            table.add_row(
                kb,
                _count(patterns),
                "" if size is None else words.size(size),
                _count(vectors),
                _count(indexed),
            )
        yield table
        more = max(len(nodes), seen.clickhouse.number or 0 if seen.clickhouse else 0) - min(
            len(nodes), _MOST_ROWS
        )
        if more > 0:
            yield indented(f"and {words.count(more)} more nodes")
    redis = seen.redis
    if redis is not None and redis.keys:
        families = sorted(redis.families.items(), key=lambda item: -item[1].share)
        shares = ", ".join(
            f"{name} {words.percent(family.share)} of {words.size(family.mean_bytes)}"
            for name, family in families[:_MOST_ROWS]
        )
        yield Text()
        yield Text(
            f"Redis holds {words.count(redis.keys)} keys"
            + (f"; of {redis.drawn} drawn: {shares}." if shares else ".")
        )


def _nodes(seen: Seen) -> list[tuple[str, int | None, int | None, int | None, int | None, int | None]]:
    """(node, patterns, bytes, patterns in Redis, vectors, of these in a graph), the largest first."""
    rows = {node.kb: node for node in (seen.clickhouse.nodes if seen.clickhouse else ())}
    collections = {
        one.name.removeprefix("vectors_"): one for one in (seen.qdrant.collections if seen.qdrant else ())
    }
    unique = seen.redis.unique_patterns if seen.redis else {}
    found = []
    for kb in dict.fromkeys((*rows, *collections)):
        node, collection = rows.get(kb), collections.get(kb)
        found.append(
            (
                kb,
                node.rows if node else None,
                node.bytes if node else None,
                unique.get(kb),
                collection.points if collection else None,
                collection.indexed if collection else None,
            )
        )
    return found


def _count(number: int | None) -> str:
    return "–" if number is None else words.count(number)


def _unknown(inspection: Inspection) -> Iterator[RenderableType]:
    if inspection.seen.unknown:
        yield Text()
        yield Text("Not known:")
        for one in inspection.seen.unknown:
            yield indented(f"{one.what}: {one.why}")


def _table(*columns: str, right: int = 0) -> Table:
    """Text left; the last `right` columns hold numbers."""
    table = Table(padding=(0, 1, 0, 0), box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for position, name in enumerate(columns):
        justify: Any = "right" if position >= len(columns) - right and right else "left"
        table.add_column(name, justify=justify, overflow="fold")
    return table
