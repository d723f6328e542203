"""Shapes of JSON: of which types a value is, and what is wrong with one that is of others.

A shape is a type (`float` takes whole numbers too, `object` anything), a text that must stand there as it is,
`[shape]` for a list, `{name: shape}` for an object that has at least these fields, or one of the three
classes below.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Shape = Any


@dataclass(frozen=True)
class Maybe:
    """Null, or `of`."""

    of: Shape


@dataclass(frozen=True)
class Map:
    """An object with any names, whose values are all of one shape."""

    of: Shape


@dataclass(frozen=True)
class Either:
    """One of two shapes; a complaint is about the first."""

    of: Shape
    other: Shape


_NAMES = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def wrong(shape: Shape, value: object, place: str = "the answer") -> str | None:
    """The first thing by which `value` is not of the shape, in words; None if it is."""
    if isinstance(shape, Maybe):
        return None if value is None else wrong(shape.of, value, place)
    if isinstance(shape, Either):
        complaint = wrong(shape.of, value, place)
        return complaint if complaint and wrong(shape.other, value, place) else None
    if isinstance(shape, Map):
        if not isinstance(value, dict):
            return _not(dict, value, place)
        return _first(wrong(shape.of, item, f"{place}.{name}") for name, item in value.items())
    if isinstance(shape, list):
        if not isinstance(value, list):
            return _not(list, value, place)
        return _first(wrong(shape[0], item, f"{place}[{i}]") for i, item in enumerate(value))
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return _not(dict, value, place)
        missing = [name for name in shape if name not in value]
        if missing:
            return f"{place} lacks {', '.join(missing)}"
        return _first(wrong(field, value[name], f"{place}.{name}") for name, field in shape.items())
    if isinstance(shape, str):
        return None if value == shape else f"{place} is {value!r:.60} and not {shape!r}"
    return None if _is(shape, value) else _not(shape, value, place)


def _is(kind: type, value: object) -> bool:
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))


def _not(kind: type, value: object, place: str) -> str:
    return f"{place} is {_NAMES[type(value)]} and not {_NAMES[kind]}"


def _first(complaints: Iterable[str | None]) -> str | None:
    return next((one for one in complaints if one), None)
