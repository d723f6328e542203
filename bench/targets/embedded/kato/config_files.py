"""The two files that KATO reads settings from, as variables of its environment.

KATO_CONFIG_FILE holds sections of settings and wins over the environment. KATO_VECTOR_CONFIG_FILE takes the
place of every setting of the vector store: what it leaves out has KATO's default, whatever the environment
says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.targets.embedded.kato.settings import SettingsError

_VECTOR_VARIABLES = {
    "qdrant.host": "QDRANT_HOST",
    "qdrant.port": "QDRANT_PORT",
    "qdrant.api_key": "QDRANT_API_KEY",
    "qdrant.https": "QDRANT_HTTPS",
    "similarity_metric": "KATO_SIMILARITY_METRIC",
    "quantization.enabled": "KATO_QUANTIZATION_ENABLED",
    "quantization.type": "KATO_QUANTIZATION_TYPE",
}


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """`env` with what the files named in it say in its place.

    Raises SettingsError for a file that cannot be read, or that asks for what this API cannot do."""
    merged = dict(env)
    if path := env.get("KATO_VECTOR_CONFIG_FILE"):
        for variable in _VECTOR_VARIABLES.values():
            merged.pop(variable, None)
        for name, value in _leaves(_read("KATO_VECTOR_CONFIG_FILE", path)):
            if name not in _VECTOR_VARIABLES:
                raise SettingsError(
                    f"KATO_VECTOR_CONFIG_FILE: leave {name} out; the reference API has no such setting."
                )
            merged[_VECTOR_VARIABLES[name]] = _text(value)
    if path := env.get("KATO_CONFIG_FILE"):
        for name, value in _leaves(_read("KATO_CONFIG_FILE", path)):
            merged[name.rpartition(".")[2].upper()] = _text(value)
    return merged


def _read(variable: str, path: str) -> dict[str, Any]:
    import yaml  # a superset of JSON; only who has such a file pays for it

    try:
        content = yaml.safe_load(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(
            f"{variable} names {path}, which cannot be read: {_first_line(error)}."
        ) from error
    if not isinstance(content, dict):
        raise SettingsError(f"{variable} names {path}, which must hold sections of settings.")
    return content


def _leaves(content: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is set, under its dotted name."""
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", value


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
