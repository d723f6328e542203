"""What must be known of a statement before the engine may have it.

The engine as a library runs whatever text it is given, several statements too, and cuts the data of an insert
off at the first blank line; over HTTP a request is one statement and its data are bytes. So the text is
looked at here as far as that needs, and no further: the grammar stays the engine's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bench.targets.embedded.patterns.errors import refused

_TOKEN = re.compile(
    rb"""(?P<skip>\s+|--[^\n]*|\#[\ !][^\n]*|/\*.*?\*/)
       | (?P<quoted>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`\\]|\\.|``)*`)
       | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
       | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_TEMPORARY = re.compile(rb"\bCREATE\s+(?:OR\s+REPLACE\s+)?TEMPORARY\b", re.IGNORECASE)
_BLANKS = re.compile(rb"[ \t\f]*(?:\r?\n)?")
_COMMENT = re.compile(rb"--|/\*|#")
_OUTPUT_FORMAT = re.compile(rb"\bFORMAT\s+([A-Za-z0-9_]+)(?:\s+SETTINGS\s[^()]*)?[\s;]*$", re.IGNORECASE)
_READS = frozenset({"SELECT", "WITH", "FROM", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS", "CHECK"})
# After these words a bare FORMAT or VALUES is a table's name.
_NAME_FOLLOWS = frozenset({b"INTO", b"TABLE", b"."})


@dataclass(frozen=True)
class Statement:
    """One statement. `verb` is its first word in upper case; `output_format` is what its FORMAT clause names.

    An insert that carries its data in an input format has `input_format`, and `text` ends before FORMAT; an
    insert of VALUES keeps them in the text, since they may hold expressions and parameters; they begin at
    `values_at`."""

    text: bytes
    verb: str
    output_format: str | None = None
    input_format: str | None = None
    data: bytes = b""
    values_at: int | None = None

    @property
    def reads_only(self) -> bool:
        return self.verb in _READS

    @property
    def changes_connection(self) -> bool:
        """Whether it leaves a trace on the connection that ran it, which only a session may keep."""
        return self.verb in {"SET", "USE"} or (
            self.verb == "CREATE" and _TEMPORARY.search(self.text) is not None
        )


def parse(text: bytes) -> Statement:
    """Split a request's text into statement and data.

    Raises QueryError (SYNTAX_ERROR) for an empty text and for more than one statement."""
    verb = next((token[0].upper().decode() for token in tokens(text) if token.lastgroup == "word"), "")
    if not verb and not _significant(text):
        raise refused(62, "SYNTAX_ERROR", "Syntax error: failed at position 1 (end of query): empty query.")
    if verb == "INSERT":
        return _parse_insert(text)
    _refuse_several(text)
    return Statement(text, verb, output_format=_output_format(text))


def tokens(text: bytes) -> Iterator[re.Match[bytes]]:
    """Words, quoted texts and signs; blanks and comments are left out."""
    return (token for token in _TOKEN.finditer(text) if token.lastgroup != "skip")


def _significant(text: bytes) -> bool:
    return any(token[0] != b";" for token in tokens(text))


def _refuse_several(text: bytes) -> None:
    if b";" not in text.rstrip().rstrip(b";"):
        return
    for token in tokens(text):
        if token[0] == b";" and _significant(text[token.end() :]):
            reason = f"Syntax error (Multi-statements are not allowed): failed at position {token.end()}."
            raise refused(62, "SYNTAX_ERROR", reason)


def _output_format(text: bytes) -> str | None:
    if _COMMENT.search(text):
        text = b" ".join(token[0] for token in tokens(text))
    match = _OUTPUT_FORMAT.search(text)
    return match[1].decode() if match else None


def _parse_insert(text: bytes) -> Statement:
    depth = 0
    before = b""
    found = tokens(text)
    for token in found:
        word = token[0].upper()
        if word == b"(":
            depth += 1
        elif word == b")":
            depth -= 1
        elif depth == 0 and token.lastgroup == "word" and before not in _NAME_FOLLOWS:
            if word == b"FORMAT" and (name := next(found, None)) and name.lastgroup == "word":
                data = _data_after(text, name.end())
                return Statement(text[: token.start()], "INSERT", input_format=name[0].decode(), data=data)
            if word == b"VALUES":
                _refuse_several(text)
                return Statement(text, "INSERT", values_at=token.end())
            if word in {b"SELECT", b"WITH", b"FROM"}:
                break
        before = word
    _refuse_several(text)
    return Statement(text, "INSERT")


def _data_after(text: bytes, position: int) -> bytes:
    """The data begin behind the blanks after the format's name and the one line end that may follow them."""
    match = _BLANKS.match(text, position)
    return text[match.end() if match else position :]
