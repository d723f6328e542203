"""All knobs of all systems: to find one, to read what a user set, to say what is then in force.

A module of this package that has `KNOBS` takes part; its `unlisted(name)`, if it has one, answers for names
that no list can hold."""

from __future__ import annotations

import difflib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module

import bench.knobs
from bench import words
from bench.knobs.knob import Home, Knob, KnobError, Profile, UnknownKnob, Value

#: The homes that whoever starts the embedded target decides on.
SETTABLE: tuple[Home, ...] = (
    "uvicorn command line",
    "environment",
    "redis config",
    "qdrant collection",
    "clickhouse profile",
)


@cache
def knobs() -> tuple[Knob, ...]:
    """Every listed knob, system by system."""
    return tuple(knob for module in _modules() for knob in getattr(module, "KNOBS", ()))


def find(name: str) -> Knob:
    """The knob of this canonical name or alias. Raises UnknownKnob with the nearest names."""
    listed = _by_name().get(name)
    if listed is not None:
        return listed
    for unlisted in _unlisted():
        knob = unlisted(name)
        if knob is not None:
            return knob
    near = _nearest(name)
    raise UnknownKnob(
        f"no knob is called {name!r}"
        + (f"; the nearest are {', '.join(near)}" if near else "; `kato-bench knobs` lists them")
    )


def matching(name: str) -> tuple[Knob, ...]:
    """The knobs that a name stands for: the one that is called so, else all whose names begin with it, else
    one of those that no list can hold. Raises UnknownKnob with the nearest names."""
    if (listed := _by_name().get(name)) is not None:
        return (listed,)
    beginning = tuple(knob for knob in knobs() if knob.name.startswith(name))
    return beginning or (find(name),)


def misnomers(name: str) -> tuple[str, ...]:
    """What documents wrongly call the knob of this canonical name: settings that nothing reads in its
    place."""
    return tuple(knob.spelled for knob in knobs() if knob.instead == name)


def parse(assignments: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE` texts → canonical name → value as its home reads it.

    Raises KnobError for an unknown name, a value outside the legal range, and two different values for one
    knob, be it under one name or under two."""
    chosen: dict[str, Value] = {}
    said: dict[str, str] = {}
    for assignment in assignments:
        name, sign, text = assignment.partition("=")
        if not sign or not name:
            raise KnobError(f"a setting is written KNOB=VALUE, not {assignment!r}")
        knob = find(name.strip())
        value = knob.read(text)
        if chosen.setdefault(knob.name, value) != value:
            raise KnobError(
                f"{knob.name} is set to two different values: {said[knob.name]!r} and {assignment!r}"
            )
        said.setdefault(knob.name, assignment)
    return {name: find(name).write(value) for name, value in chosen.items()}


def in_words(name: str, value: Value | None) -> str:
    """A value of a knob as people write it, sizes in binary units. The name may be of no knob."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return str(value).lower()
    if value == "":
        return '""'
    try:
        is_size = find(name).kind == "bytes"
    except KnobError:
        is_size = False
    return words.size(value) if is_size and isinstance(value, int | float) else str(value)


def refusal(knob: Knob) -> str | None:
    """Why `--set` cannot give a knob to the embedded target, and what to do instead; None = it can."""
    return knob.refusal


def resolve(
    profile: Profile,
    chosen: Mapping[str, str],
    cores: int,
    refusal: Callable[[Knob], str | None] = refusal,
) -> dict[str, Value]:
    """Canonical name → value that a deployment starts with: the profile's, overruled by the chosen ones.

    What neither the profile nor the user decides is left out (the system's own default then holds), and so
    is what cannot be set on it. `refusal`: why a knob cannot, None where it can. Raises KnobError for a
    chosen value that cannot be set, or that is outside the legal range."""
    values: dict[str, Value] = {}
    for knob in knobs():
        default = knob.default(profile, cores)
        if default is not None and refusal(knob) is None:
            values[knob.name] = default
    for name, text in chosen.items():
        knob = find(name)
        if (reason := refusal(knob)) is not None:
            raise KnobError(reason)
        values[knob.name] = knob.read(text)
    return values


@cache
def _modules() -> tuple[object, ...]:
    names = sorted(module.name for module in pkgutil.iter_modules(bench.knobs.__path__))
    return tuple(import_module(f"{bench.knobs.__name__}.{name}") for name in names if name != "catalogue")


@cache
def _unlisted() -> tuple[Callable[[str], Knob | None], ...]:
    return tuple(module.unlisted for module in _modules() if hasattr(module, "unlisted"))


@cache
def _by_name() -> dict[str, Knob]:
    return {name: knob for knob in knobs() for name in (knob.name, *knob.aliases)}


def _nearest(name: str) -> list[str]:
    """Up to three canonical names of knobs that act and resemble `name`, also by their last part alone."""
    spellings: dict[str, str] = {}
    for knob in (one for one in knobs() if one.acts):
        for spelling in (knob.name, knob.name.rpartition(".")[2], *knob.aliases):
            spellings.setdefault(spelling.lower(), knob.name)
    close = difflib.get_close_matches(name.lower(), spellings, n=6, cutoff=0.6)
    return list(dict.fromkeys(spellings[spelling] for spelling in close))[:3]
