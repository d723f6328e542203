"""Are two answers of KATO to the same question the same? Field by field, and by value where KATO promises no
more.

Left out: what names the request and not its answer (session, processor, times). Numbers are the same within
`RELATIVE` and `ABSOLUTE`: the order in which a sum is made changes its last digits. Predictions are matched
by name and futures by what they hold, because the order of equals in a ranking is nobody's promise; nor is
which of several equals the last place of a full list goes to.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

RELATIVE, ABSOLUTE = 1e-6, 1e-9

#: Fields of an answer that differ from request to request.
_OF_THE_REQUEST = frozenset({"session_id", "processor_id", "time", "unique_id"})
#: What KATO ranks predictions by; fields by which it chooses which of them to answer with.
_RANK, _CHOSEN_BY = "potential", ("potential", "similarity")
#: More differences of one answer tell nothing new.
_MOST = 100

#: Fields that are lists with an order of their own.
_LISTS = ("predictions", "future_potentials")

_Entry = Mapping[str, Any]
_List = Sequence[_Entry]
_Key = Callable[[_Entry], str | None]


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs: `predictions[<name>].potential`, and its two values, None where there is no
    such field."""

    field: str
    expected: object
    got: object


def differences(expected: bytes, got: bytes, limit: int | None = None) -> list[Difference]:
    """The fields in which an answer to `GET predictions` differs from the expected one; empty = the same.

    `limit`: most predictions of an answer, None = unknown. A list that is shorter has left nothing out."""
    one, other = _parsed(expected), _parsed(got)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        with contextlib.suppress(RecursionError):
            return list(itertools.islice(_answers(one, other, limit), _MOST))
    return [] if expected == got else [Difference("answer", _text(expected), _text(got))]


def _answers(expected: _Entry, got: _Entry, limit: int | None) -> Iterator[Difference]:
    lists = {name: (expected.get(name), got.get(name)) for name in _LISTS}
    predictions = _entries(*lists["predictions"], key=_name)
    rivals = predictions is not None and _differ_by_equals(*predictions, limit)
    if predictions is None:
        yield from _values("predictions", *lists["predictions"])
    else:
        yield from _ranked("predictions", *predictions, key=_name, rank=_RANK, rivals=rivals)
    futures = _entries(*lists["future_potentials"], key=_future)
    # They are sums over the predictions: where one equal stands for another, the sums are others, too.
    if futures is None:
        yield from _values("future_potentials", *lists["future_potentials"])
    elif not rivals:
        yield from _ranked("future_potentials", *futures, key=_future, rank="aggregate_potential")
    for name in dict.fromkeys((*expected, *got)):
        if name not in _LISTS and name not in _OF_THE_REQUEST:
            yield from _values(name, expected.get(name), got.get(name))


def _entries(expected: object, got: object, key: _Key) -> tuple[_List, _List] | None:
    """Both lists, if all entries of each have a key of their own."""
    for entries in (expected, got):
        if not isinstance(entries, list) or not all(isinstance(one, Mapping) for one in entries):
            return None
        keys = [key(one) for one in entries]
        if None in keys or len(set(keys)) < len(keys):
            return None
    return cast("tuple[_List, _List]", (expected, got))


def _name(entry: _Entry) -> str | None:
    name = entry.get("name")
    return name if isinstance(name, str) else None


def _future(entry: _Entry) -> str | None:
    return json.dumps(entry["future"]) if "future" in entry else None


def _differ_by_equals(expected: _List, got: _List, limit: int | None) -> bool:
    """Do two full lists differ only in which of several equals got the last place?"""
    missing, added = _only_in(expected, got), _only_in(got, expected)
    return (
        len(expected) == len(got)
        and (limit is None or len(expected) >= limit)
        and bool(missing)
        and all(_could_be_left_out(one, expected) for one in missing)
        and all(_could_be_left_out(one, got) for one in added)
    )


def _only_in(entries: _List, others: _List) -> list[_Entry]:
    names = {_name(one) for one in others}
    return [one for one in entries if _name(one) not in names]


def _could_be_left_out(entry: _Entry, entries: _List) -> bool:
    """Is it the last of the list by one of the fields that decide who is in it?"""
    for field in _CHOSEN_BY:
        values: list[Any] = [one.get(field) for one in entries]
        if all(_is_number(value) for value in values) and _same_number(entry.get(field), min(values)):
            return True
    return False


def _ranked(
    path: str,
    expected: _List,
    got: _List,
    *,
    key: _Key,
    rank: str,
    rivals: bool = False,
) -> Iterator[Difference]:
    ours, theirs = ({key(one): one for one in entries} for entries in (expected, got))
    for name in dict.fromkeys((*ours, *theirs)):
        if name in ours and name in theirs:
            yield from _values(f"{path}[{name}]", ours[name], theirs[name])
        elif not rivals:
            yield Difference(f"{path}[{name}]", ours.get(name), theirs.get(name))
    if ours.keys() == theirs.keys() and _falls(expected, rank):
        for place, (one, other) in enumerate(zip(expected, got, strict=True), start=1):
            if key(one) != key(other) and not _same_number(one[rank], other.get(rank)):
                yield Difference(f"{path}, place {place}", key(one), key(other))
                return


def _falls(entries: _List, field: str) -> bool:
    """Is the list ordered by this field, the highest first?"""
    values: list[Any] = [one.get(field) for one in entries]
    return all(_is_number(value) for value in values) and all(
        one >= other or _same_number(one, other) for one, other in itertools.pairwise(values)
    )


def _values(path: str, expected: object, got: object) -> Iterator[Difference]:
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        for name in dict.fromkeys((*expected, *got)):
            yield from _values(f"{path}.{name}", expected.get(name), got.get(name))
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for place, (one, other) in enumerate(zip(expected, got, strict=True)):
            yield from _values(f"{path}[{place}]", one, other)
    elif _is_number(expected) and _is_number(got):
        if not _same_number(expected, got):
            yield Difference(path, expected, got)
    elif type(expected) is not type(got) or expected != got:
        yield Difference(path, expected, got)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same_number(one: Any, other: Any) -> bool:
    if not _is_number(other):
        return False
    both_undefined = math.isnan(one) and math.isnan(other)
    return both_undefined or math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE)


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _text(body: bytes) -> str:
    return body[:200].decode(errors="replace")
