"""Manifests against Kubernetes' own types, generated from its API's specification (`lightkube-models`)."""

from __future__ import annotations

import dataclasses
import sys
import types
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import version
from typing import Any, Union, get_args, get_origin, get_type_hints

# The types are plain dataclasses; a client that would send them somewhere is not needed to know their fields.
sys.modules["lightkube.core.schema"] = types.SimpleNamespace(  # type: ignore[assignment]
    dataclass=dataclasses.dataclass, field=dataclasses.field, DictMixin=object
)

#: Of Kubernetes. What it knows of these kinds, all of them stable, newer ones know too.
VERSION = version("lightkube-models")


def complaints(manifest: Mapping[str, Any]) -> list[str]:
    """What Kubernetes would not know in a manifest, or miss: fields, and types of values."""
    group, _, version_ = manifest["apiVersion"].rpartition("/")
    module = import_module(f"lightkube.models.{group.partition('.')[0] or 'core'}_{version_}")
    return list(_wrong(getattr(module, manifest["kind"]), manifest, manifest["kind"]))


def _wrong(kind: Any, value: object, place: str) -> Iterator[str]:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Union:
        found = [list(_wrong(one, value, place)) for one in arguments if one is not type(None)]
        if all(found):
            yield from found[0]
    elif origin is list and isinstance(value, list):
        for number, item in enumerate(value):
            yield from _wrong(arguments[0], item, f"{place}[{number}]")
    elif kind is dict and isinstance(value, dict):
        # Labels and quantities: of text, as every dictionary of the kinds that are used here.
        for name, item in value.items():
            yield from _wrong(str, item, f"{place}.{name}")
    elif dataclasses.is_dataclass(kind) and isinstance(value, dict):
        yield from _wrong_fields(kind, value, place)
    elif origin is not None or not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        yield f"{place} is {value!r}"


def _wrong_fields(kind: Any, value: Mapping[str, object], place: str) -> Iterator[str]:
    fields = _fields(kind)
    for name, item in value.items():
        if name in fields:
            yield from _wrong(fields[name][0], item, f"{place}.{name}")
        else:
            yield f"{place} has no {name}"
    for name, (_, required) in fields.items():
        if required and name not in value:
            yield f"{place} lacks {name}"


@cache
def _fields(kind: Any) -> dict[str, tuple[Any, bool]]:
    """Name in JSON → type, and whether it must be there."""
    hints = get_type_hints(kind)
    return {
        field.metadata.get("json", field.name): (
            hints[field.name],
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(kind)
    }
