"""Qdrant: its collections, how many of their vectors are in a graph, and under which settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http.client import HTTPException
from typing import Any
from urllib.parse import quote

import httpx

from bench.collectors import http
from bench.inspection.seen import Collection
from bench.knobs.knob import Value

#: KATO makes one collection a node; more than a worker can hold are looked at by their number only.
_MOST_COLLECTIONS = 100


def about(address: str) -> Iterator[tuple[str, Any]]:
    """The fields of `seen.Qdrant`, and `version`."""
    client = http.client(address)
    try:
        yield "version", client.get("/").raise_for_status().json().get("version")
        yield "open", _obeys_anybody(address)
        listed = client.get("/collections").raise_for_status().json()["result"]["collections"]
        names = sorted(one["name"] for one in listed)
        yield "number", len(names)
        found: list[Collection] = []
        for name in names[:_MOST_COLLECTIONS]:
            answer = client.get(f"/collections/{quote(name, safe='')}")
            # It may be gone since it was listed.
            if answer.status_code != httpx.codes.NOT_FOUND:
                found.append(collection(name, answer.raise_for_status().json()["result"]))
            yield "collections", tuple(found)
    finally:
        client.close()


def collection(name: str, info: Mapping[str, Any]) -> Collection:
    """A collection's info as Qdrant answers it."""
    config = dict(_flat(info.get("config") or {}))
    # Collection info and PATCH call the same section by different names.
    config = {
        path.replace("optimizer_config.", "optimizers_config.", 1): value for path, value in config.items()
    }
    quantised = (info.get("config") or {}).get("quantization_config")
    config["quantization_config"] = (
        next(iter(quantised)) if isinstance(quantised, dict) and quantised else None
    )
    return Collection(
        name,
        points=_whole(info.get("points_count")),
        indexed=_whole(info.get("indexed_vectors_count")),
        segments=_whole(info.get("segments_count")),
        status=info.get("status"),
        config=config,
    )


def _flat(config: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Value | None]]:
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{name}.")
        elif value is None or isinstance(value, bool | int | float | str):
            yield f"{path}{name}", value


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _obeys_anybody(address: str) -> bool | None:
    """Whether a client without an API key gets an answer; None where that cannot be tried."""
    try:
        with http.Site(address if "://" in address else f"http://{address}").connect() as connection:
            status, _ = connection.get("/collections")
    except (OSError, HTTPException):
        return None
    return status == httpx.codes.OK
