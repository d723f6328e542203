"""The vector store: Qdrant collections over REST, with the settings that KATO sends."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import orjson

from bench.targets.embedded.kato import naming

log = logging.getLogger("kato.vectors")

_NEIGHBOURS = 3

_COLLECTION: dict[str, Any] = {
    "on_disk_payload": True,
    "hnsw_config": {"m": 16, "ef_construct": 128, "full_scan_threshold": 10000},
    "optimizers_config": {
        "deleted_threshold": 0.2,
        "vacuum_min_vector_number": 1000,
        "default_segment_number": 4,
        "max_segment_size": 500000,
        "memmap_threshold": 20000,
        "indexing_threshold": 10000,
        "flush_interval_sec": 5,
    },
}


_QUANTIZATION: dict[str, Any] = {
    "scalar": {"scalar": {"type": "int8", "quantile": 0.99, "always_ram": True}},
    "product": {"product": {"compression": "x16"}},
    "binary": {"binary": {}},
}


@dataclass(frozen=True)
class CollectionSettings:
    """What an operator may choose for new collections; everything else is KATO's."""

    distance: str
    quantization: str | None

    def creation(self, dimension: int) -> dict[str, Any]:
        settings = {"vectors": {"size": dimension, "distance": self.distance}, **_COLLECTION}
        if self.quantization is not None:
            settings["quantization_config"] = _QUANTIZATION[self.quantization]
        return settings


class VectorStore:
    """Learned vectors of nodes, one collection per knowledge base, created at the first of them.

    As with KATO, a vector that Qdrant refuses (another dimension, server away) is logged and lost, and
    nobody is told."""

    def __init__(self, http: httpx.AsyncClient, url: str, api_key: str, settings: CollectionSettings) -> None:
        self._http = http
        self._url = url
        self._headers = {"Content-Type": "application/json"}
        if api_key:
            self._headers["api-key"] = api_key
        self._settings = settings
        self._created: set[str] = set()

    async def neighbours(self, kb: str, vector: list[float]) -> list[str]:
        """Symbols of the nearest learned vectors, nearest first, without search parameters."""
        body = {"query": vector, "limit": _NEIGHBOURS, "with_payload": True}
        try:
            response = await self._send("POST", f"{_path(kb)}/points/query", body)
        except httpx.HTTPError as error:
            log.error("vector search of %s failed: %r", kb, error)
            return []
        if response.status_code != httpx.codes.OK:
            if response.status_code != httpx.codes.NOT_FOUND:
                log.error("vector search of %s was refused: %s", kb, response.text)
            return []
        points = orjson.loads(response.content)["result"]["points"]
        return [point["payload"]["vctr_name"] for point in points]

    async def learn(self, kb: str, vectors: Mapping[str, list[float]]) -> None:
        """Stores each vector under its symbol, one upsert after the other."""
        for symbol, vector in vectors.items():
            try:
                await self._ensure_collection(kb, len(vector))
                point = {"id": naming.point_id(symbol), "vector": vector, "payload": {"vctr_name": symbol}}
                response = await self._send("PUT", f"{_path(kb)}/points?wait=true", {"points": [point]})
                response.raise_for_status()
            except httpx.HTTPStatusError as error:
                log.error("vector %s of %s was refused: %s", symbol, kb, error.response.text)
            except httpx.HTTPError as error:
                log.error("vector %s of %s was lost: %r", symbol, kb, error)

    async def drop(self, kb: str) -> None:
        """Deletes the node's collection, with all that it learned."""
        self._created.discard(kb)
        try:
            await self._send("DELETE", _path(kb), None)
        except httpx.HTTPError as error:
            log.error("the collection of %s could not be deleted: %r", kb, error)

    async def _ensure_collection(self, kb: str, dimension: int) -> None:
        if kb in self._created:
            return
        created = await self._send("PUT", _path(kb), self._settings.creation(dimension))
        # Another worker's collection, or an earlier run's, will do.
        if created.status_code != httpx.codes.OK and not await self._exists(kb):
            created.raise_for_status()
        self._created.add(kb)

    async def _exists(self, kb: str) -> bool:
        return (await self._http.get(self._url + _path(kb), headers=self._headers)).is_success

    async def _send(self, method: str, path: str, body: Any) -> httpx.Response:
        return await self._http.request(
            method, self._url + path, content=orjson.dumps(body), headers=self._headers
        )


def _path(kb: str) -> str:
    return f"/collections/vectors_{quote(kb, safe='')}"
