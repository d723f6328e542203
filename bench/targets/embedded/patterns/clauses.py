"""What a statement says beside its own business: its SETTINGS clause, the table that an insert goes to."""

from __future__ import annotations

import re

from bench.targets.embedded.patterns.statement import Statement, tokens

_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"0": b"\0", b"b": b"\b", b"f": b"\f"}
_ESCAPED = re.compile(rb"\\(.)|''", re.DOTALL)


def settings(text: bytes) -> dict[str, str]:
    """The settings of a statement's own SETTINGS clause; those of subqueries are the engine's business."""
    if b"SETTINGS" not in text.upper():
        return {}
    found: dict[str, str] = {}
    words = [token[0] for token in tokens(text)]
    depth = 0
    for at, word in enumerate(words):
        depth += (word == b"(") - (word == b")")
        if depth == 0 and word.upper() == b"SETTINGS":
            found |= _assignments(words[at + 1 :])
    return found


def _assignments(words: list[bytes]) -> dict[str, str]:
    """`name = value, name = value` at the front of `words`, until something else begins."""
    found: dict[str, str] = {}
    at = 0
    while at + 2 < len(words) and words[at + 1] == b"=":
        end = at + 2
        while end < len(words) and words[end] != b"," and not _begins_clause(words, end):
            end += 1
        name = words[at].decode(errors="replace").lower()
        found[name] = _value(b"".join(words[at + 2 : end]))
        if end >= len(words) or words[end] != b",":
            break
        at = end + 1
    return found


def _begins_clause(words: list[bytes], at: int) -> bool:
    return words[at].upper() in {b"FORMAT", b"VALUES", b"SELECT", b"WITH", b";"}


def _value(literal: bytes) -> str:
    if literal[:1] == b"'" and literal[-1:] == b"'" and len(literal) > 1:
        literal = _ESCAPED.sub(lambda m: _ESCAPES.get(m[1], m[1]) if m[1] else b"'", literal[1:-1])
    text = literal.decode(errors="replace")
    return {"true": "1", "false": "0"}.get(text.lower(), text)


def insert_target(statement: Statement) -> tuple[str, str]:
    """Database ('' = the query's) and table of an INSERT, without quotes; nothing of a table function."""
    words = [token[0] for token in tokens(statement.text)]
    position = 1
    for optional in (b"INTO", b"TABLE"):
        position += words[position : position + 1] != [] and words[position].upper() == optional
    name = words[position : position + 3]
    if not name or name[0].upper() == b"FUNCTION":
        return "", ""
    if len(name) == 3 and name[1] == b".":
        return _name(name[0]), _name(name[2])
    return "", _name(name[0])


def _name(word: bytes) -> str:
    return (word[1:-1] if word[:1] in b'`"' else word).decode(errors="replace")
