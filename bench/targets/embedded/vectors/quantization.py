"""Quantization: Qdrant's JSON, checked, and as the engine's objects."""

from __future__ import annotations

from typing import Any

import qdrant_edge as engine

from .errors import malformed
from .rules import FLAG, Json, Rule, checked

#: The word that takes quantization away in an update request.
DISABLED = "Disabled"

MEMORY = {name: getattr(engine.Memory, name.capitalize()) for name in ("cold", "cached", "pinned")}
MEMORY_RULE = Rule(str, choices=tuple(MEMORY))

_ENUMS: dict[str, dict[str, Any]] = {
    "type": {"int8": engine.ScalarType.Int8},
    "compression": {f"x{n}": getattr(engine.CompressionRatio, f"X{n}") for n in (4, 8, 16, 32, 64)},
    "encoding": {
        "one_bit": engine.BinaryQuantizationEncoding.OneBit,
        "two_bits": engine.BinaryQuantizationEncoding.TwoBits,
        "one_and_half_bits": engine.BinaryQuantizationEncoding.OneAndHalfBits,
    },
    "query_encoding": {
        "default": engine.BinaryQuantizationQueryEncoding.Default,
        "binary": engine.BinaryQuantizationQueryEncoding.Binary,
        "scalar4bits": engine.BinaryQuantizationQueryEncoding.Scalar4Bits,
        "scalar8bits": engine.BinaryQuantizationQueryEncoding.Scalar8Bits,
    },
    "bits": {
        name: getattr(engine.TurboQuantBitSize, name.capitalize())
        for name in ("bits1", "bits1_5", "bits2", "bits4", "bits8")
    },
    "memory": MEMORY,
}


def _word(field: str) -> Rule:
    return Rule(str, choices=tuple(_ENUMS[field]))


_PLACE = {"always_ram": FLAG, "memory": MEMORY_RULE}
_RULES = {
    "scalar": {"type": _word("type"), "quantile": Rule(float, 0.5, 1)} | _PLACE,
    "product": {"compression": _word("compression")} | _PLACE,
    "binary": {"encoding": _word("encoding"), "query_encoding": _word("query_encoding")} | _PLACE,
    "turbo": {"bits": _word("bits")} | _PLACE,
}
_REQUIRED = {"scalar": "type", "product": "compression"}
_ENGINES = {
    "scalar": engine.ScalarQuantizationConfig,
    "product": engine.ProductQuantizationConfig,
    "binary": engine.BinaryQuantizationConfig,
    "turbo": engine.TurboQuantQuantizationConfig,
}


def checked_quantization(given: object) -> Json | None:
    """`{kind: options}`, or None for none. Raises ApiError for what Qdrant would refuse, too."""
    if given is None or given == DISABLED:
        return None
    if not isinstance(given, dict) or len(given) != 1 or next(iter(given)) not in _RULES:
        raise malformed(f"quantization_config: expected one of {', '.join(_RULES)}")
    kind, options = next(iter(given.items()))
    where = f"quantization_config.{kind}"
    kept = checked(options or {}, _RULES[kind], where)
    required = _REQUIRED.get(kind)
    if required is not None and required not in kept:
        raise malformed(f"{where}: missing field `{required}`")
    return {kind: kept}


def engine_quantization(quantization: Json | None) -> Any:
    """What the engine takes for a checked configuration; None stands for none."""
    if quantization is None:
        return None
    kind, options = next(iter(quantization.items()))
    return _ENGINES[kind](
        **{name: _ENUMS[name][value] if name in _ENUMS else value for name, value in options.items()}
    )
