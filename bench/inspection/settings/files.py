"""Texts of configuration files."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

#: The settings of KATO_VECTOR_CONFIG_FILE that have a variable too.
_VECTOR_VARIABLES = {
    "qdrant.host": "QDRANT_HOST",
    "qdrant.port": "QDRANT_PORT",
    "qdrant.api_key": "QDRANT_API_KEY",
    "qdrant.https": "QDRANT_HTTPS",
    "similarity_metric": "KATO_SIMILARITY_METRIC",
    "quantization.enabled": "KATO_QUANTIZATION_ENABLED",
    "quantization.type": "KATO_QUANTIZATION_TYPE",
}
#: Directives that may stand in several lines, which add up.
_ADDING_UP = frozenset({"save"})


@dataclass(frozen=True)
class RedisConf:
    """`values`: directive -> text. `whole`: no other file is included that may say more."""

    values: Mapping[str, str]
    whole: bool = True


def redis_conf(text: str) -> RedisConf:
    """The directives of a redis.conf. A line that cannot be read is left out."""
    values: dict[str, str] = {}
    whole = True
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            name, *words = shlex.split(line)
        except ValueError:
            continue
        name = name.lower()
        whole &= name != "include"
        value = " ".join(words)
        # An empty save takes back those before it.
        values[name] = (
            f"{values[name]} {value}" if name in _ADDING_UP and values.get(name) and value else value
        )
    return RedisConf(values, whole)


def kato_config(content: object) -> dict[str, str] | None:
    """The settings of a KATO_CONFIG_FILE, sections of settings, by the names of their variables; None where
    it is something else."""
    if not isinstance(content, dict):
        return None
    return {path.rpartition(".")[2].upper(): _text(value) for path, value in _leaves(content)}


def vector_config(content: object) -> dict[str, str] | None:
    """Those of a KATO_VECTOR_CONFIG_FILE that have a variable too."""
    if not isinstance(content, dict):
        return None
    leaves = dict(_leaves(content))
    return {variable: _text(leaves[path]) for path, variable in _VECTOR_VARIABLES.items() if path in leaves}


def _leaves(content: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", value


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
