"""A small language for the shape of an answer.

A type is a value of it (`float` takes what JSON wrote with a point only; `object` takes anything), a pattern
a text that it matches as a whole, a dict exactly these fields in this order; anything else is the value
itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

SESSION_ID = re.compile(r"session-[0-9a-f]{32}-\d{13}")
ZULU = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")

#: Of a session that asked for nothing, in the order in which KATO tells it.
DEFAULT_CONFIG = {
    "max_pattern_length": 0,
    "persistence": 5,
    "recall_threshold": 0.1,
    "indexer_type": "VI",
    "max_predictions": 100,
    "sort_symbols": True,
    "process_predictions": True,
    "use_token_matching": True,
    "stm_mode": "CLEAR",
    "rank_sort_algo": "potential",
    "filter_pipeline": [],
    "length_min_ratio": 0.5,
    "length_max_ratio": 2.0,
    "jaccard_threshold": 0.3,
    "jaccard_min_overlap": 2,
    "minhash_threshold": 0.7,
    "minhash_bands": 20,
    "minhash_rows": 5,
    "minhash_num_hashes": 100,
    "bloom_false_positive_rate": 0.01,
    "max_candidates_per_stage": 100000,
    "enable_filter_metrics": True,
}


@dataclass(frozen=True)
class Nullable:
    shape: Any


@dataclass(frozen=True)
class Each:
    """A list of any length, each item of one shape."""

    shape: Any


@dataclass(frozen=True)
class Values:
    """An object with any names, each value of one shape."""

    shape: Any


@dataclass(frozen=True)
class OneOf:
    values: tuple[Any, ...]


def differences(value: Any, shape: Any, at: str = "body") -> list[str]:
    """What does not fit, one sentence each; empty if all does."""
    if isinstance(shape, Nullable):
        return [] if value is None else differences(value, shape.shape, at)
    if isinstance(shape, Values):
        return _of_object(value, dict.fromkeys(value, shape.shape) if isinstance(value, dict) else {}, at)
    if isinstance(shape, Each):
        if not isinstance(value, list):
            return [f"{at} is {value!r}, no list"]
        items = enumerate(value)
        return [one for index, item in items for one in differences(item, shape.shape, f"{at}[{index}]")]
    if isinstance(shape, OneOf):
        return [] if value in shape.values else [f"{at} is {value!r}, none of {shape.values}"]
    if isinstance(shape, type):
        return [] if shape in (object, type(value)) else [f"{at} is {value!r}, no {shape.__name__}"]
    if isinstance(shape, re.Pattern):
        fits = isinstance(value, str) and shape.fullmatch(value)
        return [] if fits else [f"{at} is {value!r}, not like {shape.pattern}"]
    if isinstance(shape, dict):
        return _of_object(value, shape, at)
    return [] if value == shape and type(value) is type(shape) else [f"{at} is {value!r}, not {shape!r}"]


def _of_object(value: Any, shape: dict[str, Any], at: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{at} is {value!r}, no object"]
    if list(value) != list(shape):
        return [f"{at} has the fields {list(value)}, not {list(shape)}"]
    return [one for name in shape for one in differences(value[name], shape[name], f"{at}.{name}")]
