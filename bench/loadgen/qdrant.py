"""Qdrant's REST interface, as far as scenarios reach for it past KATO: one request at a time."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import gevent

from bench.loadgen.client import HttpClient

#: Seconds for one request; an upsert that waits for its points may take that long on a busy machine.
_TIMEOUT = 30.0
#: A collection counts as settled once nothing about its index has changed for this many seconds: between two
#: optimisations it is green, too.
_STILL, _POLL = 1.0, 0.2


class StoreError(Exception):
    """A store does not do what the scenario needs; the text says what and why."""


@dataclass(frozen=True)
class Collection:
    """A collection as Qdrant describes it. `higher_is_nearer`: how its scores read. `config` is Qdrant's."""

    name: str
    status: str
    points: int
    indexed: int
    dimension: int
    quantised: bool
    higher_is_nearer: bool
    config: dict[str, Any]


@dataclass(frozen=True)
class Found:
    """What a search found, the nearest first, and how long it took in seconds."""

    ids: tuple[str | int, ...]
    scores: tuple[float, ...]
    seconds: float


class Qdrant:
    """Every method raises StoreError where Qdrant does not answer well."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._http = HttpClient(address, 1, _TIMEOUT)

    def collection_of(self, node: str) -> str | None:
        """The collection that KATO has made for a node, None if there is none yet.

        KATO adds a suffix to the node's name that only its operator knows."""
        names = [one["name"] for one in self._ask("GET", "/collections")["collections"]]
        return next((name for name in names if name.startswith(f"vectors_{node}_")), None)

    def describe(self, name: str) -> Collection:
        info = self._ask("GET", _path(name))
        config = info["config"]
        vector = config["params"]["vectors"]
        return Collection(
            name,
            status=info["status"],
            points=info.get("points_count") or 0,
            indexed=info.get("indexed_vectors_count") or 0,
            dimension=vector["size"],
            quantised=bool(vector.get("quantization_config") or config.get("quantization_config")),
            higher_is_nearer=vector["distance"] in ("Cosine", "Dot"),
            config=config,
        )

    def configure(self, name: str, change: dict[str, Any]) -> None:
        self._ask("PATCH", _path(name), change)

    def upsert(self, name: str, points: Sequence[dict[str, Any]]) -> None:
        """Insert or replace points (`id`, `vector`, `payload`), and wait until they are there."""
        self._ask("PUT", f"{_path(name)}/points?wait=true", {"points": points})

    def search(
        self, name: str, vector: Sequence[float], limit: int, params: dict[str, Any] | None = None
    ) -> Found:
        """The nearest points, asked as KATO asks. `params` are Qdrant's; KATO sends none."""
        body: dict[str, Any] = {"query": vector, "limit": limit, "with_payload": True}
        if params is not None:
            body["params"] = params
        message = json.dumps(body, separators=(",", ":")).encode()
        exchange = self._http.request("POST", f"{_path(name)}/points/query", message)
        points = self._result(exchange, "a search")["points"]
        assert exchange.sent is not None
        assert exchange.done is not None
        return Found(
            tuple(point["id"] for point in points),
            tuple(point["score"] for point in points),
            exchange.done - exchange.sent,
        )

    def drop(self, name: str) -> None:
        self._ask("DELETE", _path(name))

    def settle(self, name: str, patience: float) -> Collection:
        """Wait until the collection is green and its index stays as it is, at most `patience` seconds."""
        deadline = time.monotonic() + patience
        seen: tuple[str, int] | None = None
        since = time.monotonic()
        while True:
            now = self.describe(name)
            if now.status == "red":
                raise StoreError(f"collection {name} of Qdrant is red: it could not be optimised")
            if (now.status, now.indexed) != seen:
                seen, since = (now.status, now.indexed), time.monotonic()
            if now.status == "green" and time.monotonic() - since >= _STILL:
                return now
            if time.monotonic() >= deadline:
                raise StoreError(
                    f"collection {name} of Qdrant is still {now.status} after {patience:.0f} s, with "
                    f"{now.indexed} of {now.points} vectors indexed"
                )
            gevent.sleep(_POLL)

    def close(self) -> None:
        self._http.close()

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        message = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        return self._result(self._http.request(method, path, message), f"{method} {path}")

    def _result(self, exchange: Any, what: str) -> Any:
        if exchange.error:
            answer = exchange.body[:200].decode(errors="replace")
            why = f"{exchange.status} {answer}".strip() if exchange.status else exchange.error
            raise StoreError(f"Qdrant at {self.address} does not answer {what}: {why}")
        try:
            return exchange.json()["result"]
        except (ValueError, KeyError, TypeError):
            raise StoreError(f"What answers {what} at {self.address} is no Qdrant") from None


def _path(name: str) -> str:
    return f"/collections/{quote(name, safe='')}"
