"""A plan as the text of a plan file that reads back as the same plan."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bench.courses import Course, Ramp, Sine, Spike, Step, Trace
from bench.errors import UsageError
from bench.plan import Arrivals, CollectorsPlan, LoadersPlan, Phases, Plan, SourcePlan, TargetPlan

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def to_toml(plan: Plan) -> str:
    """Raises UsageError for a session option that is null, or holds one: TOML has no such value."""
    return "\n".join(_lines(plan)) + "\n"


def nulls(session: Mapping[str, object]) -> list[str]:
    """The session options that TOML cannot write."""
    return [name for name, value in session.items() if _has_null(value)]


def _lines(plan: Plan) -> Iterator[str]:
    for name in nulls(plan.session):
        raise UsageError(f"The session option {name} is null, which TOML has not; say --session {name}=null.")
    yield f"scenario = {_value(plan.scenario)}"
    yield f"seed = {plan.seed}"
    yield f"timeout = {_seconds(plan.timeout)}"
    if plan.phases.drain != Phases().drain:
        yield f"drain = {_seconds(plan.phases.drain)}"
    if plan.connections is not None:
        yield f"connections = {plan.connections}"
    if plan.corpus is not None:
        yield f"corpus = {_value(plan.corpus)}"
    if plan.keep_data:
        yield "keep_data = true"
    if plan.verify:
        yield "verify = true"
    if plan.objectives:
        yield "objectives = ["
        yield from (f"    {_value(objective)}," for objective in plan.objectives)
        yield "]"
    yield from _target(plan.target)
    for title, table in (("data", plan.data), ("session", plan.session), ("tags", plan.tags)):
        yield from _table(title, table)
    if plan.collectors != CollectorsPlan():
        yield from ("", "[collectors]", f"interval = {_seconds(plan.collectors.interval)}")
    yield from _loaders(plan.loaders)
    for part in plan.parts:
        yield from ("", "[[phase]]", f'phase = "{part.phase}"')
        if part.name is not None:
            yield f"name = {_value(part.name)}"
        yield f"duration = {_seconds(part.seconds)}"
        yield f"{part.arrivals.kind} = {_inline(_keys(part.arrivals))}"


def _loaders(loaders: LoadersPlan) -> Iterator[str]:
    if loaders.bind is not None:
        yield from ("", "[loaders]", f"expect_workers = {loaders.number}")
        yield f"master_bind = {_value(loaders.bind)}"
        yield f"worker_wait = {_seconds(loaders.wait)}"
    elif loaders != LoadersPlan():
        yield from ("", "[loaders]", f"processes = {loaders.number}")


def _target(target: TargetPlan) -> Iterator[str]:
    if target.where is not None:
        yield from ("", "[target]")
        if target.compose is not None:
            yield f"compose = {_value(list(target.compose.files))}"
            if target.compose.service is not None:
                yield f"service = {_value(target.compose.service)}"
        if target.url is not None:
            yield f"url = {_value(target.url)}"
        yield from _table("target.stores", target.stores)
        return
    yield from ("", "[target]")
    if target.source is not None:
        yield from _source(target.source)
    yield f"profile = {_value(target.profile)}"
    yield from _table("target.stores", target.stores)
    yield from _table("target.knobs", target.knobs)
    yield from _table("target.faults", target.faults)


def _source(source: SourcePlan) -> Iterator[str]:
    yield f"source = {_value(source.folder)}"
    if source.python is not None:
        yield f"python = {_value(source.python)}"
    if source.venv:
        yield "venv = true"


def _table(title: str, table: Mapping[str, Any]) -> Iterator[str]:
    if table:
        yield from ("", f"[{title}]")
        yield from (f"{_key(name)} = {_value(value)}" for name, value in table.items())


def _keys(arrivals: Arrivals) -> dict[str, str]:
    """The arrivals' table: key → value as TOML writes it."""
    if arrivals.course is not None:
        return _course_keys(arrivals.course)
    if arrivals.closed:
        think = {"think": _seconds(arrivals.think)} if arrivals.think else {}
        return {"users": str(arrivals.users), **think}
    return {"rate": _number(arrivals.rate or 0.0)}


def _course_keys(course: Course) -> dict[str, str]:
    if isinstance(course, Trace):
        return {
            "file": _value(course.file),
            **({"column": _value(course.column)} if course.column is not None else {}),
            **({"speed": _number(course.speed)} if course.speed != 1 else {}),
        }
    spacing = {"spacing": '"constant"'} if course.spacing == "constant" else {}
    if isinstance(course, Ramp):
        return {"from": _number(course.start), "to": _number(course.end), **spacing}
    if isinstance(course, Sine):
        waves = {"mean": _number(course.mean), "amplitude": _number(course.amplitude)}
        return {**waves, "period": _seconds(course.period), **spacing}
    if isinstance(course, Spike):
        heights = {"base": _number(course.base), "peak": _number(course.peak)}
        return {**heights, "at": _seconds(course.at), "for": _seconds(course.length), **spacing}
    return {"rates": _list(map(_number, course.rates)), **_step_lengths(course), **spacing}


def _step_lengths(step: Step) -> dict[str, str]:
    return {} if step.lengths is None else {"lengths": _list(map(_seconds, step.lengths))}


def _number(value: float) -> str:
    """All digits, and none more: 40, 0.1, 1e-07."""
    return repr(float(value)).removesuffix(".0")


def _seconds(value: float) -> str:
    """With its unit, except where the number has an exponent."""
    number = _number(value)
    return number if "e" in number else f'"{number}s"'


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _value(name)


def _value(value: object) -> str:
    if isinstance(value, str):
        # JSON's escapes are TOML's; DEL alone needs one in TOML only.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return _inline({name: _value(inner) for name, inner in value.items()})
    if isinstance(value, list | tuple):
        return _list(map(_value, value))
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value)


def _inline(pairs: Mapping[str, str]) -> str:
    inside = ", ".join(f"{_key(name)} = {value}" for name, value in pairs.items())
    return f"{{ {inside} }}" if inside else "{}"


def _list(values: Any) -> str:
    return f"[{', '.join(values)}]"


def _has_null(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_null, value.values()))
    return value is None or (isinstance(value, list | tuple) and any(map(_has_null, value)))
