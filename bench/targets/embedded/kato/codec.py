"""JSON as KATO's clients may send it: fast, and without a text or a number that cannot be kept."""

from __future__ import annotations

import json
from typing import Any

import orjson


def dumps(value: Any) -> bytes:
    """Whole numbers beyond 64 bits and lone surrogates, which orjson refuses, take the slow way."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode()


def is_text(value: Any) -> bool:
    """Whether the value is a text that UTF-8, and so every store, can hold: one without lone surrogates."""
    if not isinstance(value, str):
        return False
    try:
        return value.isascii() or bool(value.encode())
    except UnicodeEncodeError:
        return False


def loads(text: bytes | str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)
