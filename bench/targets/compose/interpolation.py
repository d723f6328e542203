"""Variables in texts, as Compose (and, where it matters here, a shell) puts them in.

`$NAME`, `${NAME}`; `${NAME:-text}` and `${NAME-text}` (instead of nothing), `${NAME:?text}` and
`${NAME?text}` (refuse), `${NAME:+text}` and `${NAME+text}` (instead of something); with the colon, empty
counts as unset. The text may hold variables itself. `$$` is a dollar."""

from __future__ import annotations

import re
from collections.abc import Callable

#: The value of a variable, None where it is not set.
Lookup = Callable[[str], str | None]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r":?[-?+]")
#: Defaults in defaults; nobody needs more.
_DEEPEST = 20


class InterpolationError(ValueError):
    """Why a text cannot be completed, in words that hold none of its values."""


def interpolate(text: str, lookup: Lookup) -> str:
    """The text with its variables replaced; one that is not set leaves nothing.

    Raises InterpolationError for a dollar that begins no variable, and for a required one that is not set."""
    return _interpolate(text, lookup, _DEEPEST)


def _interpolate(text: str, lookup: Lookup, depth: int) -> str:
    if depth == 0:
        raise InterpolationError("its variables are nested too deeply")
    found, at = [], 0
    while (dollar := text.find("$", at)) >= 0:
        found.append(text[at:dollar])
        if text.startswith("$$", dollar):
            found.append("$")
            at = dollar + 2
        elif text.startswith("${", dollar):
            end = _closing_brace(text, dollar)
            found.append(_braced(text[dollar + 2 : end], lookup, depth))
            at = end + 1
        elif (name := _NAME.match(text, dollar + 1)) is not None:
            found.append(lookup(name[0]) or "")
            at = name.end()
        else:
            raise InterpolationError("a dollar begins no variable there; one that is meant is written $$")
    return "".join(found) + text[at:]


def _closing_brace(text: str, start: int) -> int:
    level, at = 0, start
    while at < len(text):
        if text.startswith("${", at):
            level += 1
            at += 1
        elif text[at] == "}":
            level -= 1
            if level == 0:
                return at
        at += 1
    raise InterpolationError("a ${ has no }; a dollar that is meant is written $$")


def _braced(inside: str, lookup: Lookup, depth: int) -> str:
    name = _NAME.match(inside)
    if name is None:
        raise InterpolationError("${ is followed by no name; a dollar that is meant is written $$")
    rest = inside[name.end() :]
    value = lookup(name[0])
    if not rest:
        return value or ""
    operator = _OPERATOR.match(rest)
    if operator is None:
        raise InterpolationError(f"${{{name[0]} is followed by something else than }}, -, ? or +")
    given = bool(value) if operator[0].startswith(":") else value is not None
    other = rest[operator.end() :]
    match operator[0][-1]:
        case "-":
            return (value or "") if given else _interpolate(other, lookup, depth - 1)
        case "+":
            return _interpolate(other, lookup, depth - 1) if given else ""
    if given:
        return value or ""
    reason = _interpolate(other, lookup, depth - 1)
    raise InterpolationError(f"{name[0]} is required but not set" + (f": {reason}" if reason else ""))
