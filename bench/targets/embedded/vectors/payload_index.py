"""Payload indexes: their schema as Qdrant writes it, and as the engine's objects."""

from __future__ import annotations

from typing import Any

import qdrant_edge as engine

from .errors import malformed, wrong_input
from .quantization import MEMORY, MEMORY_RULE
from .rules import COUNT, FLAG, TEXT, Json, Rule, checked

_TOKENIZERS = {
    kind: getattr(engine.TokenizerType, kind.capitalize())
    for kind in ("prefix", "whitespace", "word", "multilingual", "code")
}
_COMMON = {"on_disk": FLAG, "memory": MEMORY_RULE, "enable_hnsw": FLAG, "nested": TEXT}
_TEXT_OPTIONS = {
    "tokenizer": Rule(str, choices=tuple(_TOKENIZERS)),
    "min_token_len": COUNT,
    "max_token_len": COUNT,
    "lowercase": FLAG,
    "ascii_folding": FLAG,
    "phrase_matching": FLAG,
}
_ENUMS: dict[str, dict[str, Any]] = {"tokenizer": _TOKENIZERS, "memory": MEMORY}

_Kind = tuple[Any, Any, dict[str, Rule]]

#: The word -> the engine's schema without options, its class with options, and these options.
_KINDS: dict[str, _Kind] = {
    "keyword": (
        engine.PayloadSchemaType.Keyword,
        engine.KeywordIndexParams,
        {"is_tenant": FLAG, "prefix": FLAG} | _COMMON,
    ),
    "integer": (
        engine.PayloadSchemaType.Integer,
        engine.IntegerIndexParams,
        {"lookup": FLAG, "range": FLAG, "is_principal": FLAG} | _COMMON,
    ),
    "float": (engine.PayloadSchemaType.Float, engine.FloatIndexParams, {"is_principal": FLAG} | _COMMON),
    "geo": (engine.PayloadSchemaType.Geo, engine.GeoIndexParams, _COMMON),
    "text": (engine.PayloadSchemaType.Text, engine.TextIndexParams, _TEXT_OPTIONS | _COMMON),
    "bool": (engine.PayloadSchemaType.Bool, engine.BoolIndexParams, _COMMON),
    "datetime": (
        engine.PayloadSchemaType.Datetime,
        engine.DatetimeIndexParams,
        {"is_principal": FLAG} | _COMMON,
    ),
    "uuid": (engine.PayloadSchemaType.Uuid, engine.UuidIndexParams, {"is_tenant": FLAG} | _COMMON),
}


def parse_schema(given: object) -> Any:
    """A word, or an object with a `type` and options. Raises ApiError for what is not known."""
    if isinstance(given, str) and given in _KINDS:
        return _KINDS[given][0]
    kind = given.get("type") if isinstance(given, dict) else None
    if not isinstance(given, dict) or not isinstance(kind, str) or kind not in _KINDS:
        raise malformed(f"field_schema: expected one of {', '.join(_KINDS)}")
    _, params, options = _KINDS[kind]
    kept = checked(given, options, "field_schema")
    for option, value in given.items():
        if value is not None and option != "type" and option not in kept:
            raise wrong_input(f"option `{option}` of a {kind} index is not supported here")
    return params(**{name: _ENUMS[name][value] if name in _ENUMS else value for name, value in kept.items()})


def describe_index(info: Any) -> Json:
    """An index as collection info shows it: its type, its options if any were given, and its points."""
    kind = _word(info.data_type)
    shown: Json = {"data_type": kind, "points": info.points}
    if info.params is not None:
        options = {name: getattr(info.params, name) for name in _KINDS[kind][2]}
        shown["params"] = {"type": kind} | {
            name: _word(value) if name in _ENUMS else value
            for name, value in options.items()
            if value is not None
        }
    return shown


def _word(member: Any) -> str:
    """The engine's enumerations are written `Type.Member`."""
    return str(member).rpartition(".")[2].lower()
