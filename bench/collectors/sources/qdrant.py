"""Qdrant over REST: its own metrics, and the state of its collections."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, ClassVar, Self
from urllib.parse import quote

import httpx

from bench.collectors import http, prometheus
from bench.collectors.base import WHOLE, Collector, Context, Discovery, Knob, Metric, Row, counter, gauge
from bench.record.vocabulary import KNOBS
from bench.targets.base import PartFacts

#: KATO makes one collection a node; asking for all of 90 each second would cost the target more than the
#: numbers are worth, so they take turns.
_COLLECTIONS_PER_SAMPLE = 4

#: Numbers for Qdrant's words; grey: an optimisation is due, but does not run.
_STATUS = {"green": 0.0, "yellow": 1.0, "red": 2.0, "grey": 3.0}

#: Knob -> where a collection's `config` has it.
_KNOBS = {
    "qdrant.hnsw.m": ("hnsw_config", "m"),
    "qdrant.hnsw.ef_construct": ("hnsw_config", "ef_construct"),
    "qdrant.hnsw.full_scan_threshold": ("hnsw_config", "full_scan_threshold"),
    "qdrant.optimizers.indexing_threshold": ("optimizer_config", "indexing_threshold"),
}

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
        "dimension": gauge("components of a vector; instance = collection"),
        "quantised": gauge("1 if searches use quantised vectors; instance = collection"),
        "status": gauge("0 green, 1 yellow (optimising), 2 red, 3 grey; instance = collection"),
    }
    min_interval: ClassVar[float] = 0.0

    def __init__(self, address: str, note: Callable[..., None]) -> None:
        self._client = http.client(address)
        self._note = note
        self._turn = 0
        self._configs: dict[str, dict[str, Any]] = {}
        self._noted: dict[str, Knob] = {}

    @classmethod
    def create(cls, context: Context) -> Self | None:
        part = context.facts.part("qdrant")
        return None if part is None or part.address is None else cls(part.address, context.note)

    def discover(self) -> Discovery:
        answer = self._client.get("/").raise_for_status().json()
        part = PartFacts("qdrant", engine="Qdrant", version=answer.get("version"))
        described = [self._describe(name) for name in self._names()[:_COLLECTIONS_PER_SAMPLE]]
        configs = [one["config"] for one in described if one is not None]
        self._noted = dict(_knobs(configs))
        return Discovery(part, self._noted)

    def sample(self) -> list[Row]:
        answer = self._client.get("/metrics").raise_for_status()
        # A counter that Qdrant has not begun to count is left out of its answer.
        sums = {metric: 0.0 for metric, kind in _METRICS.values() if kind.kind == "counter"}
        for name, _, value in prometheus.samples(answer.text):
            if name in _METRICS:
                metric = _METRICS[name][0]
                sums[metric] = sums.get(metric, 0.0) + value
        rows = [(metric, WHOLE, value) for metric, value in sums.items()]
        names = self._names()
        self._configs = {name: self._configs[name] for name in names if name in self._configs}
        for name in self._next(names):
            if (info := self._describe(name)) is not None:
                rows.extend(_collection_rows(name, info))
                self._configs[name] = info["config"]
        self._note_new_knobs()
        return rows

    def _note_new_knobs(self) -> None:
        """Before the load there may be no collection that could tell its settings: they come as an event
        when they are known, and again when they change (None: collections differ by now)."""
        if not self._configs:
            return
        known = dict(_knobs(self._configs.values()))
        known |= {knob: None for knob in self._noted if knob not in known}
        changed = {knob: value for knob, value in known.items() if self._noted.get(knob) != value}
        if changed:
            self._note(KNOBS, source=self.source, values=changed)
            self._noted |= changed

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
    config = info["config"]
    # Several named vectors have several sizes; KATO makes one without a name.
    vector = config["params"].get("vectors") or {}
    if isinstance(vector.get("size"), int):
        yield "dimension", name, float(vector["size"])
    quantised = vector.get("quantization_config") or config.get("quantization_config")
    yield "quantised", name, 1.0 if quantised else 0.0


def _knobs(configs: Collection[Mapping[str, Any]]) -> Iterator[tuple[str, Knob]]:
    """A value is known where all collections agree on it."""
    for knob, (section, field) in _KNOBS.items():
        values = {config[section].get(field) for config in configs}
        if len(values) == 1:
            yield knob, values.pop()


COLLECTOR: type[Collector] = QdrantCollector
