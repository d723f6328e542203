"""Files of variables: `.env` and those that `env_file` names, as Compose reads them
(https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/#env-file-syntax)."""

from __future__ import annotations

import re

from bench.errors import UsageError
from bench.targets.compose.interpolation import InterpolationError, Lookup, interpolate

_NAME = re.compile(r"(?:export[ \t]+)?(?P<name>[A-Za-z0-9_.\-\[\]]+)[ \t]*(?P<sign>[=:]?)[ \t]*")
_BLANK = re.compile(r"(?:\s+|#[^\n]*)*")
_REST_OF_LINE = re.compile(r"[^\n]*")
#: Nothing but a comment may stand behind a quoted value.
_AFTER_QUOTES = re.compile(r"[ \t\r]*(?:#[^\n]*)?(?=\n|\Z)")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "'": "'"}


def parse(text: str, file: str, lookup: Lookup, *, raw: bool = False) -> dict[str, str]:
    """Name -> value. `lookup` knows variables from elsewhere: they win over earlier ones of the file in what
    values refer to, and give a name without a value its own. `raw`: as `docker run --env-file` reads it,
    without quotes and variables.

    Raises UsageError with file and line."""
    return _raw(text, lookup) if raw else _Parser(text.removeprefix("\ufeff"), file, lookup).parse()


def _raw(text: str, lookup: Lookup) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in text.removeprefix("\ufeff").splitlines():
        name, sign, value = line.lstrip().partition("=")
        if not name or name.startswith("#"):
            continue
        given = value if sign else lookup(name)
        if given is not None:
            found[name] = given
    return found


class _Parser:
    def __init__(self, text: str, file: str, lookup: Lookup) -> None:
        self._text = text
        self._file = file
        self._lookup = lookup
        self._at = 0
        self._found: dict[str, str] = {}

    def parse(self) -> dict[str, str]:
        while self._skip_blank() < len(self._text):
            name = _NAME.match(self._text, self._at)
            if name is None:
                raise self._wrong("a line is NAME=VALUE, and a name has letters, digits and underscores")
            start, self._at = self._at, name.end()
            if name["sign"]:
                self._found[name["name"]] = self._value()
            elif self._text[self._at : self._at + 1] in ("", "\n", "\r", "#"):
                given = self._lookup(name["name"])
                if given is not None:
                    self._found[name["name"]] = given
            else:
                self._at = start
                raise self._wrong("a line is NAME=VALUE, and a name has no space")
        return self._found

    def _skip_blank(self) -> int:
        blank = _BLANK.match(self._text, self._at)
        self._at = blank.end() if blank is not None else self._at
        return self._at

    def _value(self) -> str:
        quote = self._text[self._at : self._at + 1]
        if quote in ("'", '"'):
            return self._quoted(quote)
        line = _REST_OF_LINE.match(self._text, self._at)
        assert line is not None
        value = re.split(r"[ \t]#", line[0], maxsplit=1)[0].rstrip()
        value = self._complete(value)
        self._at = line.end()
        return value

    def _quoted(self, quote: str) -> str:
        start = self._at
        end = start + 1
        while end < len(self._text) and self._text[end] != quote:
            end += 2 if self._text[end] == "\\" else 1
        if end >= len(self._text):
            raise self._wrong("a quoted value does not end")
        inside = self._text[start + 1 : end]
        value = self._complete(_unescaped(inside)) if quote == '"' else inside.replace("\\'", "'")
        self._at = end + 1
        after = _AFTER_QUOTES.match(self._text, self._at)
        if after is None:
            raise self._wrong("something stands behind a quoted value")
        self._at = after.end()
        return value

    def _complete(self, value: str) -> str:
        try:
            return interpolate(value, self._known)
        except InterpolationError as error:
            raise self._wrong(str(error)) from error

    def _known(self, name: str) -> str | None:
        value = self._lookup(name)
        return self._found.get(name) if value is None else value

    def _wrong(self, sentence: str) -> UsageError:
        line = self._text.count("\n", 0, self._at) + 1
        return UsageError(f"{self._file}, line {line}: {sentence}.")


def _unescaped(text: str) -> str:
    """Only the escapes that Compose knows; a backslash before anything else stays."""
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[0]), text, flags=re.DOTALL)
