"""From the text of a plan file to what it states. Every refusal names the file, the line and the fix."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from bench import compose_flags, limits
from bench.errors import UsageError
from bench.flags import RunFlags, target_plan
from bench.plan import CollectorsPlan, Option, Part, TargetPlan
from bench.planfile import arrivals
from bench.planfile.locate import lines
from bench.planfile.stated import Loaders, PlanFile, told_at
from bench.planfile.table import Table, shown
from bench.targets.stores import STORES

_PHASES = ("warmup", "measure")
_PHASE = '[[phase]] with phase = "measure", duration = "30s" and poisson = { rate = 40 }'
_KEYS = (
    *("scenario", "seed", "timeout", "drain", "connections", "corpus", "keep_data", "verify"),
    *("objectives", "target", "data", "session", "tags", "collectors", "loaders", "phase"),
)
_TARGET_KEYS = (
    *("url", "compose", "service", "source", "python", "venv", "stores"),
    *("profile", "workers", "knobs", "faults"),
)
_PLACE_OF_SYNTAX_ERROR = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")


def parse(text: str, name: str, folder: Path) -> PlanFile:
    """`name`: how sentences call the file; `folder`: what paths in it count from.

    Raises UsageError for what is no plan."""
    try:
        values, where = tomllib.loads(text), lines(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(text, name, str(error)) from error
    except RecursionError:
        raise UsageError(f"{name}: it is nested too deeply.") from None
    plan = Table(values, name, where)
    plan.require_known(_KEYS)
    corpus = plan.text("corpus")
    return PlanFile(
        name=name,
        lines=where,
        parts=tuple(_parts(plan, folder)),
        scenario=plan.text("scenario"),
        seed=_at_least(plan, "seed", 0),
        timeout=_seconds(plan, "timeout", limits.LEAST_TIMEOUT, limits.LONGEST_TIMEOUT),
        drain=_seconds(plan, "drain", 0, limits.LONGEST_TIMEOUT),
        connections=_at_least(plan, "connections", 1),
        interval=_interval(plan.table("collectors")),
        loaders=_loaders(plan.table("loaders")),
        corpus=None if corpus is None else str((folder / corpus).absolute()),
        keep_data=plan.switch("keep_data"),
        verify=plan.switch("verify"),
        objectives=plan.texts("objectives", "p95(predict) < 50ms"),
        target=_target(plan.table("target"), folder),
        data=_options(plan.table("data")),
        session=_session(plan.table("session")),
        tags=_tags(plan.table("tags")),
    )


def _syntax_error(text: str, name: str, message: str) -> UsageError:
    """What `tomllib` says ends in its place: a line, or the end of the document."""
    found = _PLACE_OF_SYNTAX_ERROR.search(message)
    line = found[1] if found is not None and found[1] else text.rstrip("\n").count("\n") + 1
    said = message[: found.start()] if found is not None else message
    return UsageError(
        f"{name}, line {line}: this is not TOML: {said[:1].lower()}{said[1:]}. Write key = value, and text "
        "in quotes."
    )


def _parts(plan: Table, folder: Path) -> Iterator[Part]:
    phases = plan.tables("phase", "a [[phase]]")
    parts = [_part(phase, folder) for phase in phases]
    if not any(part.phase == "measure" for part in parts):
        raise plan.wrong(f"nothing is measured; add a {_PHASE}.", "phase")
    for number, part in enumerate(parts[1:], 1):
        if part.phase == "warmup" and parts[number - 1].phase == "measure":
            raise phases[number].wrong("a warm-up comes before all that is measured; move it up.", "phase")
        if part.arrivals.closed != parts[0].arrivals.closed:
            kinds = ("users", "a rate") if part.arrivals.closed else ("a rate", "users")
            raise phases[number].wrong(
                f"this phase has {kinds[0]} and the first has {kinds[1]}: users and rates cannot follow each "
                "other in one run; make two plans.",
                part.arrivals.kind,
            )
    yield from parts


def _part(phase: Table, folder: Path) -> Part:
    phase.require_known(("phase", "name", "duration", *arrivals.KINDS))
    which = phase.text("phase")
    if which not in _PHASES:
        said = "this phase does not say which it is" if which is None else f"phase = {shown(which)}"
        raise phase.wrong(f'{said}: give phase = "warmup" or phase = "measure".', "phase")
    seconds = phase.seconds("duration")
    if not seconds:
        raise phase.wrong('this phase has no length; give duration = "30s".', "duration")
    if not limits.SHORTEST <= seconds <= limits.LONGEST:
        raise phase.wrong(_range("duration", seconds, limits.SHORTEST, limits.LONGEST), "duration")
    kinds = [kind for kind in phase.values if kind in arrivals.KINDS]
    if not kinds:
        raise phase.wrong(f"this phase has no arrivals; give {arrivals.KINDS['poisson'][1]}, for example.")
    if len(kinds) > 1:
        raise phase.wrong(
            f"this phase has two arrivals, {kinds[0]} and {kinds[1]}: keep one, or begin a second [[phase]].",
            kinds[1],
        )
    kind = kinds[0]
    table = phase.table(kind, kind)
    assert table is not None
    given = arrivals.read(kind, table, folder)
    name = phase.text("name")
    if name == "" or (name is not None and not name.isprintable()):
        raise phase.wrong(f"name = {shown(name)}: give a name of one line, or leave it out.", "name")
    try:
        return Part.model_validate({"phase": which, "name": name, "seconds": seconds, "arrivals": given})
    except ValidationError as error:
        raise phase.wrong(f"{arrivals.told(error)}.", kind) from error


def _target(table: Table | None, folder: Path) -> TargetPlan | None:
    if table is None:
        return None
    table.require_known(_TARGET_KEYS)
    url, stores = table.text("url"), _stores(table.table("stores", "[target.stores]"))
    compose = _compose(table, folder)
    if url is not None or compose is not None:
        named = "url" if compose is None else "compose"
        for key in _TARGET_KEYS:
            if key in table.values and key not in ("url", "compose", "service", "stores"):
                raise table.wrong(
                    f"{key} shapes the embedded target; a KATO given by {named} runs already.", key
                )
        base = TargetPlan(kind="url", url=url) if compose is None else compose
        return base.model_copy(update={"stores": stores})
    return _started(table, replace(_source(table, folder), stores=stores))


def _compose(table: Table, folder: Path) -> TargetPlan | None:
    """Paths count from the plan file's folder."""
    service = table.text("service")
    if "compose" not in table.values:
        if service is not None:
            raise table.wrong('service goes with compose = ["docker-compose.yml"].', "service")
        return None
    names = table.texts("compose", "docker-compose.yml")
    if not names:
        raise table.wrong('compose names no file; give compose = ["docker-compose.yml"].', "compose")
    if "url" in table.values:
        raise table.wrong("url and compose are two targets; keep one.", "url")
    with told_at(table.place("compose")):
        return compose_flags.target_of([folder / name for name in names], service, os.environ)


def _source(table: Table, folder: Path) -> RunFlags:
    """The flags of the file's checkout, if it has one. A path counts from the file's folder."""
    source, python = table.text("source"), table.text("python")
    for key in ("python", "venv"):
        if source is None and key in table.values:
            raise table.wrong(f"{key} is of a KATO checkout: name that with source under [target].", key)
    if python is not None and os.sep in python:
        python = str((folder / python).absolute())
    flags = RunFlags(
        kato_source=None if source is None else (folder / source).absolute(),
        kato_python=python,
        kato_venv=bool(table.switch("venv")),
    )
    with told_at(table.place("source")):
        target_plan(flags)
    return flags


def _stores(table: Table | None) -> dict[str, str]:
    if table is None:
        return {}
    table.require_known(STORES)
    return {name: table.text(name) or "" for name in table.values}


def _started(table: Table, given: RunFlags) -> TargetPlan:
    """Each setting is read by itself first, so that a refusal names its line. `given`: which KATO it is, and
    its stores."""
    settings: dict[tuple[str, ...], str] = {}
    knobs, faults = table.table("knobs", "[target.knobs]"), table.table("faults", "[target.faults]")
    for path, value in _flat(knobs):
        settings[path] = f"{'.'.join(map(str, path))}={_option(value)}"
        with told_at(table.place("knobs", *path), "--set"):
            target_plan(replace(given, set=[settings[path]]))
    planted: list[str] = []
    for name, value in faults.values.items() if faults is not None else ():
        if value is False:
            continue
        planted.append(name if value is True else f"{name}={_option(value)}")
        with told_at(table.place("faults", name), "--fault"):
            target_plan(replace(given, fault=planted[-1:]))
    workers, profile = _at_least(table, "workers", 1), table.text("profile")
    with told_at(table.place("profile"), "--profile"):
        target_plan(RunFlags(profile=profile))
    with told_at(table.place()):
        return target_plan(
            replace(given, set=list(settings.values()), fault=planted, workers=workers, profile=profile)
        )


def _flat(table: Table | None) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Path and value of each knob: a dotted name without quotes is tables in tables to TOML."""
    waiting: list[tuple[tuple[str, ...], Any]] = [((), table.values if table is not None else {})]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, Mapping):
            waiting.extend(((*path, key), inner) for key, inner in reversed(list(value.items())))
        else:
            yield path, value


def _options(table: Table | None) -> dict[str, Option]:
    found = dict(table.values) if table is not None else {}
    for key, value in found.items():
        if not isinstance(value, get_args(Option)):
            assert table is not None
            raise table.wrong(f"{key} = {shown(value)}: give a number, true, false, or text in quotes.", key)
    return found


def _session(table: Table | None) -> dict[str, object]:
    found: dict[str, object] = dict(table.values) if table is not None else {}
    for key, value in found.items():
        if not _is_json(value):
            assert table is not None
            raise table.wrong(f"{key} = {shown(value)}: KATO takes what JSON has, which this is not.", key)
    return found


def _is_json(value: object) -> bool:
    """Dates are none, and numbers without an end."""
    if isinstance(value, float):
        return value - value == 0
    if isinstance(value, list):
        return all(map(_is_json, value))
    if isinstance(value, dict):
        return all(map(_is_json, value.values()))
    return isinstance(value, str | int)


def _tags(table: Table | None) -> dict[str, str]:
    return {} if table is None else {key: table.text(key) or "" for key in table.values}


def _interval(table: Table | None) -> float | None:
    if table is None:
        return None
    table.require_known(("interval",))
    seconds = table.seconds("interval")
    if seconds is None:
        return None
    try:
        return CollectorsPlan(interval=seconds).interval
    except ValidationError:
        raise table.wrong(_range("interval", seconds, 1, 60), "interval") from None


def _loaders(table: Table | None) -> Loaders | None:
    if table is None:
        return None
    table.require_known(("processes", "expect_workers", "master_bind", "worker_wait"))
    return Loaders(
        processes=table.whole("processes"),
        expect_workers=table.whole("expect_workers"),
        master_bind=table.text("master_bind"),
        worker_wait=table.seconds("worker_wait"),
    )


def _seconds(table: Table, key: str, least: float, most: float) -> float | None:
    seconds = table.seconds(key)
    if seconds is not None and not least <= seconds <= most:
        raise table.wrong(_range(key, seconds, least, most), key)
    return seconds


def _range(key: str, seconds: float, least: float, most: float) -> str:
    return f"{key} = {seconds:g} s: give seconds from {least:g} to {most:,.0f}."


def _at_least(table: Table, key: str, least: int) -> int | None:
    number = table.whole(key)
    if number is not None and number < least:
        raise table.wrong(f"{key} = {number}: give {least} or more.", key)
    return number


def _option(value: object) -> str:
    """A value as a flag spells it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
