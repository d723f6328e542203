"""Qdrant over REST: its own metrics, and the state of its collections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self
from urllib.parse import quote

import httpx

from bench.collectors import http, prometheus
from bench.collectors.base import WHOLE, Collector, Context, Discovery, Knob, Metric, Row, counter, gauge
from bench.targets.base import PartFacts

#: KATO makes one collection a node; asking for all of 90 each second would cost the target more than the
#: numbers are worth, so they take turns.
_COLLECTIONS_PER_SAMPLE = 4

#: Numbers for Qdrant's words; grey: an optimisation is due, but does not run.
_STATUS = {"green": 0.0, "yellow": 1.0, "red": 2.0, "grey": 3.0}

_KNOBS = {"qdrant.hnsw.m": "m", "qdrant.hnsw.ef_construct": "ef_construct"}

#: Qdrant's metric -> ours; several samples of one name (by method, endpoint, status) are added up.
_METRICS = {
    "collections_total": ("collections", gauge("collections")),
    "collections_vector_total": ("vectors", gauge("vectors in all collections")),
    "rest_responses_total": ("requests_total", counter("answers over REST")),
    "rest_responses_fail_total": ("failed_requests_total", counter("failed answers over REST")),
    "rest_responses_duration_seconds_sum": (
        "request_seconds_total",
        counter("time in requests over REST", "seconds"),
    ),
    "memory_resident_bytes": (
        "memory_resident_bytes",
        gauge("resident memory, as it counts itself", "bytes"),
    ),
    "memory_allocated_bytes": ("memory_allocated_bytes", gauge("memory allocated", "bytes")),
}

_COLLECTION = {
    "points_count": ("points", gauge("points; instance = collection")),
    "indexed_vectors_count": ("indexed_vectors", gauge("vectors in an HNSW index; instance = collection")),
    "segments_count": ("segments", gauge("segments; instance = collection")),
}


class QdrantCollector:
    source: ClassVar[str] = "qdrant"
    metrics: ClassVar[Mapping[str, Metric]] = {
        **dict(_METRICS.values()),
        **dict(_COLLECTION.values()),
        "status": gauge("0 green, 1 yellow (optimising), 2 red, 3 grey; instance = collection"),
    }
    min_interval: ClassVar[float] = 0.0

    def __init__(self, address: str) -> None:
        self._client = http.client(address)
        self._turn = 0

    @classmethod
    def create(cls, context: Context) -> Self | None:
        part = context.facts.part("qdrant")
        return None if part is None or part.address is None else cls(part.address)

    def discover(self) -> Discovery:
        answer = self._client.get("/").raise_for_status().json()
        part = PartFacts("qdrant", engine="Qdrant", version=answer.get("version"))
        described = [self._describe(name) for name in self._names()[:_COLLECTIONS_PER_SAMPLE]]
        return Discovery(part, dict(_knobs([one for one in described if one is not None])))

    def sample(self) -> list[Row]:
        answer = self._client.get("/metrics").raise_for_status()
        # A counter that Qdrant has not begun to count is left out of its answer.
        sums = {metric: 0.0 for metric, kind in _METRICS.values() if kind.kind == "counter"}
        for name, _, value in prometheus.samples(answer.text):
            if name in _METRICS:
                metric = _METRICS[name][0]
                sums[metric] = sums.get(metric, 0.0) + value
        rows = [(metric, WHOLE, value) for metric, value in sums.items()]
        for name in self._next(self._names()):
            if (info := self._describe(name)) is not None:
                rows.extend(_collection_rows(name, info))
        return rows

    def close(self) -> None:
        self._client.close()

    def _names(self) -> list[str]:
        answer = self._client.get("/collections").raise_for_status().json()
        return sorted(collection["name"] for collection in answer["result"]["collections"])

    def _next(self, names: list[str]) -> list[str]:
        """The collections whose turn it is."""
        if len(names) <= _COLLECTIONS_PER_SAMPLE:
            return names
        start = self._turn % len(names)
        self._turn = start + _COLLECTIONS_PER_SAMPLE
        return (names + names)[start : start + _COLLECTIONS_PER_SAMPLE]

    def _describe(self, name: str) -> dict[str, Any] | None:
        """A collection's info; None if it is gone by now."""
        answer = self._client.get(f"/collections/{quote(name, safe='')}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        result: dict[str, Any] = answer.raise_for_status().json()["result"]
        return result


def _collection_rows(name: str, info: Mapping[str, Any]) -> Iterator[Row]:
    for field, (metric, _) in _COLLECTION.items():
        if (value := info.get(field)) is not None:
            yield metric, name, float(value)
    if info.get("status") in _STATUS:
        yield "status", name, _STATUS[info["status"]]


def _knobs(collections: list[dict[str, Any]]) -> Iterator[tuple[str, Knob]]:
    """A value is known where all collections agree on it."""
    for knob, field in _KNOBS.items():
        values = {one["config"]["hnsw_config"].get(field) for one in collections}
        if len(values) == 1:
            yield knob, values.pop()


COLLECTOR: type[Collector] = QdrantCollector
