"""A table of a plan file: its values by key, checked one by one, with the line of what is wrong."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bench.durations import parse_seconds
from bench.errors import UsageError
from bench.planfile.locate import Path
from bench.planfile.stated import place


class Table:
    """`title`: what sentences call it, such as "a phase"; empty for the file itself."""

    def __init__(
        self,
        values: Mapping[str, Any],
        name: str,
        lines: Mapping[Path, int],
        path: Path = (),
        title: str = "",
    ) -> None:
        self.values = values
        self._name = name
        self._lines = lines
        self._path = path
        self._title = title

    def wrong(self, sentence: str, *path: str | int) -> UsageError:
        """The refusal of what stands at `path` in this table."""
        return UsageError(f"{self.place(*path)}: {sentence}")

    def place(self, *path: str | int) -> str:
        return place(self._name, self._lines, (*self._path, *path))

    def require_known(self, known: Iterable[str]) -> None:
        """Refuse keys that this table does not have, with the nearest that it has."""
        names = list(known)
        for key in self.values:
            if key not in names:
                near = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
                hint = f" Did you mean {near[0]}?" if near else ""
                inside = f" in {self._title}" if self._title else ""
                raise self.wrong(f"there is no {key!r}{inside}.{hint} There are: {', '.join(names)}.", key)

    def table(self, key: str, title: str | None = None) -> Table | None:
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self._mistyped(key, f"a table, such as [{key}] with a line for each of its keys")
        return Table(value, self._name, self._lines, (*self._path, key), title or f"[{key}]")

    def tables(self, key: str, title: str) -> list[Table]:
        """The tables of [[key]], in order."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise self._mistyped(key, f"[[{key}]] before each")
        return [
            Table(one, self._name, self._lines, (*self._path, key, number), title)
            for number, one in enumerate(value)
        ]

    def text(self, key: str) -> str | None:
        value = self.values.get(key)
        if isinstance(value, str) and "\0" in value:
            raise self.wrong(f"{key} holds a character that ends texts elsewhere; leave it out.", key)
        if value is None or isinstance(value, str):
            return value
        raise self._mistyped(key, f'text in quotes, such as {key} = "…"')

    def texts(self, key: str, example: str) -> list[str]:
        value = self.values.get(key, [])
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return value
        raise self._mistyped(key, f"texts in brackets, such as {key} = [{json.dumps(example)}]")

    def switch(self, key: str) -> bool | None:
        value = self.values.get(key)
        if value is None or isinstance(value, bool):
            return value
        raise self._mistyped(key, "true or false")

    def whole(self, key: str) -> int | None:
        value = self.values.get(key)
        if value is None:
            return None
        if not _is_number(value, int):
            raise self._mistyped(key, f"a whole number, such as {key} = 4")
        return int(value)

    def number(self, key: str) -> float | None:
        value = self.values.get(key)
        if value is None:
            return None
        if not _is_number(value, int, float):
            raise self._mistyped(key, f"a number, such as {key} = 40")
        return _float(value)

    def numbers(self, key: str) -> tuple[float, ...] | None:
        return self._each(key, lambda one: _float(one) if _is_number(one, int, float) else None, "[20, 40]")

    def seconds(self, key: str) -> float | None:
        """A time as a number of seconds, or as text with a unit."""
        value = self.values.get(key)
        if value is None:
            return None
        found = _seconds(value)
        if found is None:
            raise self._mistyped(key, f'a time, such as {key} = "30s", "500ms", "5m" or "1h"')
        return found

    def many_seconds(self, key: str) -> tuple[float, ...] | None:
        return self._each(key, _seconds, '["10s", "1m"]')

    def _each(self, key: str, read: Callable[[Any], float | None], example: str) -> tuple[float, ...] | None:
        value = self.values.get(key)
        if value is None:
            return None
        found = [read(one) for one in value] if isinstance(value, list) else [None]
        if None in found:
            raise self._mistyped(key, f"a list, such as {key} = {example}")
        return tuple(one for one in found if one is not None)

    def _mistyped(self, key: str, wanted: str) -> UsageError:
        return self.wrong(f"{key} = {shown(self.values[key])}: give {wanted}.", key)


def shown(value: object) -> str:
    """A value as the file may have it, shortened."""
    if isinstance(value, bool):
        return str(value).lower()
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _seconds(value: Any) -> float | None:
    if isinstance(value, str):
        return parse_seconds(value)
    return _float(value) if _is_number(value, int, float) else None


def _is_number(value: object, *kinds: type) -> bool:
    """Python calls true a number."""
    return isinstance(value, kinds) and not isinstance(value, bool)


def _float(value: float) -> float:
    """Infinite where a whole number has no end to speak of, which every range refuses."""
    try:
        return float(value)
    except OverflowError:
        return float("inf")
