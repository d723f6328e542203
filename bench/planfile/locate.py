"""On which line of a TOML text each of its values stands: `tomllib` reads the values and does not say."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any, TypeAlias

#: Keys, and places in arrays, from the top of the text to a value: ("phase", 0, "ramp", "from").
Path: TypeAlias = tuple[str | int, ...]

_SPACE, _BLANK = " \t", " \t\r\n"


def lines(text: str) -> dict[Path, int]:
    """Path → line, from 1, of every key, table, and item of an array. Of a table that is opened twice (as
    [a.b], then [a]) the first counts. The text must be one that `tomllib` reads."""
    return _Scanner(text).scan()


class _Scanner:
    """Walks over a text that is known to be right, so that it only has to tell where things end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line, self._counted = 1, 0
        self._found: dict[Path, int] = {}
        #: Arrays of tables: path → number of the table that is open.
        self._open: dict[Path, int] = {}

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        while self._skip_blank():
            if self._peek(2) == "[[":
                self._at += 2
                *outer, last = self._keys("]")
                array = (*self._header(outer), last)
                self._note(array)
                self._open[array] = self._open.get(array, -1) + 1
                table = (*array, self._open[array])
                self._note(table)
                self._at += 2
            elif self._peek() == "[":
                self._at += 1
                table = self._header(self._keys("]"))
                self._at += 1
            else:
                self._pair(table)
        return self._found

    def _pair(self, table: Path) -> None:
        keys = self._keys("=")
        for number in range(1, len(keys) + 1):
            self._note((*table, *keys[:number]))
        self._at += 1
        self._value((*table, *keys))

    def _value(self, path: Path) -> None:
        self._skip(_SPACE)
        start = self._peek()
        if start in ("'", '"'):
            self._skip_string()
        elif start == "[":
            for number, _ in enumerate(self._items("]")):
                self._note((*path, number))
                self._value((*path, number))
        elif start == "{":
            for _ in self._items("}"):
                self._pair(path)
        else:
            while self._peek() and self._peek() not in ",]}#\n":
                self._at += 1

    def _items(self, close: str) -> Iterator[None]:
        """Stop at each item of an array or inline table; behind its closing bracket in the end."""
        self._at += 1
        while self._skip_blank() and self._peek() != close:
            yield
            self._skip_blank()
            if self._peek() == ",":
                self._at += 1
        self._at += 1

    def _keys(self, end: str) -> list[str]:
        """The keys up to `end`, which stays unread: `a."b.c"` is a and b.c."""
        start = self._at
        while self._peek() != end:
            if self._peek() in ("'", '"'):
                self._skip_string()
            else:
                self._at += 1
        found: Any = tomllib.loads(f"{self._text[start : self._at]} = 0")
        keys = []
        while isinstance(found, dict):
            key, found = next(iter(found.items()))
            keys.append(key)
        return keys

    def _skip_string(self) -> None:
        quote = self._peek()
        if self._peek(3) != 3 * quote:
            self._at += 1
            while self._peek() != quote:
                self._at += 2 if quote == '"' and self._peek() == "\\" else 1
            self._at += 1
            return
        self._at += 3
        while self._peek(3) != 3 * quote:
            self._at += 2 if quote == '"' and self._peek() == "\\" else 1
        # A string of three quotes may end in one or two more.
        while self._peek() == quote:
            self._at += 1

    def _skip_blank(self) -> bool:
        """Go past spaces, line ends and comments; whether anything is left."""
        self._skip(_BLANK)
        while self._peek() == "#":
            while self._peek() not in ("", "\n"):
                self._at += 1
            self._skip(_BLANK)
        return bool(self._peek())

    def _skip(self, characters: str) -> None:
        while self._peek() and self._peek() in characters:
            self._at += 1

    def _peek(self, count: int = 1) -> str:
        return self._text[self._at : self._at + count]

    def _resolved(self, keys: Path) -> Path:
        """The keys with the number of the open table behind each that is an array of tables."""
        path: Path = ()
        for key in keys:
            path = (*path, key)
            if path in self._open:
                path = (*path, self._open[path])
        return path

    def _header(self, keys: list[str]) -> Path:
        """The table that a header names; those around it are noted too."""
        for number in range(1, len(keys) + 1):
            self._note(self._resolved(tuple(keys[:number])))
        return self._resolved(tuple(keys))

    def _note(self, path: Path) -> None:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        self._found.setdefault(path, self._line)
