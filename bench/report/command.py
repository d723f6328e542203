"""The command that repeats a run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from bench.gate.objectives import bounds_wrong
from bench.knobs.catalogue import find
from bench.knobs.checkout import refusal
from bench.plan import CollectorsPlan, Phases, session_value
from bench.planfile.writing import nulls, to_toml

if TYPE_CHECKING:
    from bench.plan import LoadersPlan, Plan, TargetPlan

_WIDTH = 88
#: Ends a plan file in a command.
_END = "PLAN"
#: Flags without a value.
_SWITCHES = frozenset({"--keep-data", "--kato-venv", "--verify"})


def command_line(plan: Plan) -> str:
    """The command for a POSIX shell, quoted where it must be, on lines of a readable length. A plan that
    flags cannot tell is the command's input."""
    if plan.phases.parts or plan.collectors != CollectorsPlan() or plan.phases.drain != Phases().drain:
        return _with_plan_file(plan)
    first, second, *flags = arguments(plan)
    lines = [f"{first} {second}"]
    for flag in _with_values(flags):
        if len(lines[-1]) + 1 + len(flag) <= _WIDTH:
            lines[-1] += f" {flag}"
        else:
            lines.append(f"  {flag}")
    return " \\\n".join(lines)


def _with_plan_file(plan: Plan) -> str:
    """`kato-bench run -` with the plan file behind it. None of its lines is the word that ends it."""
    unwritten = nulls(plan.session)
    writable = {name: value for name, value in plan.session.items() if name not in unwritten}
    flags = [f" --session {shlex.quote(f'{name}={_config(plan.session[name])}')}" for name in unwritten]
    text = to_toml(plan.model_copy(update={"session": writable}))
    return f"kato-bench run -{''.join(flags)} <<'{_END}'\n{text}{_END}"


def arguments(plan: Plan) -> list[str]:
    """`kato-bench run` with the flags that make this plan again, where flags can tell it: all that shape the
    load are spelled out, so that other defaults of a later version change nothing. Those that are off by
    default are left out."""
    return ["kato-bench", "run", *_load(plan), *_target(plan), *_rest(plan)]


def with_changes(plan: Plan, arguments: str) -> Plan:
    """The plan once the `--set` and `--session` arguments of an advice's patch (`set.txt`) are applied, each
    instead of what the plan had; those that its target cannot be given are left out. Raises ValueError for
    arguments that are none of these."""
    knobs, session = dict(plan.target.knobs), dict(plan.session)
    words = iter(shlex.split(arguments))
    for flag in words:
        name, _, value = next(words, "").partition("=")
        if flag == "--set":
            if _takes(plan.target, name):
                knobs[name] = value
        elif flag == "--session":
            session[name] = session_value(value)
        else:
            raise ValueError(f"{flag} changes no plan")
    target = plan.target.model_copy(update={"knobs": knobs})
    return plan.model_copy(update={"target": target, "session": session})


def _takes(target: TargetPlan, name: str) -> bool:
    """Whether a knob can be set on a target that is started: a checkout has none of the reference API's, and
    what runs already has settings of its own."""
    knob = find(name)
    return knob.system not in target.stores and (target.source is None or refusal(knob) is None)


def follow_up(plan: Plan, command: Literal["search", "growth"]) -> str:
    """`kato-bench capacity search` or `growth` on one line, for this plan's scenario, data and target."""
    flags = ["--scenario", plan.scenario]
    if command == "search":
        for objective in plan.objectives:
            # A search does not ask its predictions again.
            if not bounds_wrong([objective]):
                flags += ["--objective", objective]
    for name, value in plan.data.items():
        # Growth has sizes of its own.
        if command == "search" or name != "patterns":
            flags += ["--data", f"{name}={_option(value)}"]
    for name, config in plan.session.items():
        flags += ["--session", f"{name}={_config(config)}"]
    if plan.corpus is not None:
        flags += ["--corpus", plan.corpus]
    return shlex.join(["kato-bench", "capacity", command, *flags, *_target(plan)])


def _with_values(flags: list[str]) -> Iterator[str]:
    """Each flag with its value, quoted."""
    rest = iter(flags)
    for flag in rest:
        yield flag if flag in _SWITCHES else f"{flag} {shlex.quote(next(rest))}"


def _load(plan: Plan) -> Iterator[str]:
    arrivals, phases = plan.arrivals, plan.phases
    yield from ("--scenario", plan.scenario)
    if arrivals.kind == "closed":
        yield from ("--users", str(arrivals.users), "--think", _number(arrivals.think))
    else:
        yield from ("--arrivals", arrivals.kind, "--rate", _number(arrivals.rate or 0.0))
    yield from ("--warmup", _number(phases.warmup), "--duration", _number(phases.measure))
    yield from ("--seed", str(plan.seed), "--timeout", _number(plan.timeout))
    if plan.connections is not None:
        yield from ("--connections", str(plan.connections))
    yield from _loaders(plan.loaders)
    for name, value in plan.data.items():
        yield from ("--data", f"{name}={_option(value)}")
    for name, config in plan.session.items():
        yield from ("--session", f"{name}={_config(config)}")
    if plan.corpus is not None:
        yield from ("--corpus", plan.corpus)


def _loaders(loaders: LoadersPlan) -> Iterator[str]:
    if loaders.bind is not None:
        yield from ("--expect-workers", str(loaders.number), "--master-bind", loaders.bind)
        yield from ("--worker-wait", _number(loaders.wait))
    elif loaders.number != 1:
        yield from ("--processes", str(loaders.number))


def _target(plan: Plan) -> Iterator[str]:
    target = plan.target
    if target.where is not None:
        yield from ("--target", target.where)
        yield from _stores(target)
        return
    if target.source is not None:
        yield from ("--kato-source", target.source.folder)
        if target.source.python is not None:
            yield from ("--kato-python", target.source.python)
        if target.source.venv:
            yield "--kato-venv"
    yield from _stores(target)
    yield from ("--profile", target.profile)
    for name, value in target.knobs.items():
        yield from ("--set", f"{name}={value}")
    for name, value in target.faults.items():
        yield from ("--fault", f"{name}={value}")


def _stores(target: TargetPlan) -> Iterator[str]:
    for name, address in target.stores.items():
        yield from (f"--{name}-url", address)


def _rest(plan: Plan) -> Iterator[str]:
    for objective in plan.objectives:
        yield from ("--objective", objective)
    for name, value in plan.tags.items():
        yield from ("--tag", f"{name}={value}")
    if plan.keep_data:
        yield "--keep-data"
    if plan.verify:
        yield "--verify"


def _number(value: float) -> str:
    """All digits: 40, 0.1, 1e-07."""
    return repr(float(value)).removesuffix(".0")


def _option(value: int | float | str | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return _number(value) if isinstance(value, float) else str(value)


def _config(value: object) -> str:
    """A text as it is where it is no JSON, all else as JSON: what `--session` reads back as the same."""
    if isinstance(value, str):
        try:
            json.loads(value)
        except ValueError:
            return value
    return json.dumps(value)
