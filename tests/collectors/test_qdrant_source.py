"""Against the embedded deployment's vector store, which is Qdrant's engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from bench.collectors.base import WHOLE, Collector, Context, Row
from bench.collectors.sources.qdrant import QdrantCollector
from bench.targets.base import PartFacts, TargetFacts

KNOBS = {
    "qdrant.hnsw.m": 16,
    "qdrant.hnsw.ef_construct": 128,
    "qdrant.hnsw.full_scan_threshold": 10000,
    "qdrant.optimizers.indexing_threshold": 10000,
}

Table = Callable[[Collector, list[Row]], dict[tuple[str, str], float]]


@pytest.fixture(scope="module")
def url(module_front: Callable[[str, str], object]) -> str:
    front = module_front("bench.targets.embedded.vectors", "/collections")
    return front.url  # type: ignore[attr-defined, no-any-return]


@pytest.fixture
def collector(url: str) -> QdrantCollector:
    facts = TargetFacts("embedded", "http://127.0.0.1:1", parts=(PartFacts("qdrant", address=url),))
    made = QdrantCollector.create(Context(facts))
    assert made is not None
    return made


@pytest.fixture
def create(url: str) -> Iterator[Callable[..., None]]:
    """Makes collections as KATO does, with some points in them."""
    made: list[str] = []

    def build(name: str, points: int = 0, m: int = 16) -> None:
        body = {
            "vectors": {"size": 4, "distance": "Euclid"},
            "hnsw_config": {"m": m, "ef_construct": 128, "full_scan_threshold": 10000},
        }
        path = f"{url}/collections/{name}"
        assert httpx.put(path, json=body, trust_env=False).is_success
        made.append(path)
        if points:
            batch = [{"id": number, "vector": [number, 1.0, 2.0, 3.0]} for number in range(points)]
            answer = httpx.put(f"{path}/points?wait=true", json={"points": batch}, trust_env=False)
            assert answer.is_success

    yield build
    for path in made:
        httpx.delete(path, trust_env=False)


def test_discovers_version_and_what_collections_agree_on(
    collector: QdrantCollector, create: Callable[..., None]
) -> None:
    assert dict(collector.discover().knobs) == {}
    create("vectors_a", m=16)
    found = collector.discover()
    assert found.part is not None
    assert found.part.version is not None
    assert found.part.version[0].isdigit()
    assert dict(found.knobs) == KNOBS

    create("vectors_b", m=32)
    assert dict(collector.discover().knobs) == {k: v for k, v in KNOBS.items() if k != "qdrant.hnsw.m"}


def test_settings_that_appear_while_it_samples_are_noted_once(url: str, create: Callable[..., None]) -> None:
    noted: list[tuple[str, dict[str, object]]] = []
    facts = TargetFacts("embedded", "http://127.0.0.1:1", parts=(PartFacts("qdrant", address=url),))
    collector = QdrantCollector.create(
        Context(facts, note=lambda kind, **fields: noted.append((kind, fields)))
    )
    assert collector is not None
    collector.sample()
    assert noted == []
    create("vectors_a", m=16)
    collector.sample()
    collector.sample()
    assert noted == [("knobs", {"source": "qdrant", "values": KNOBS})]

    change = {"hnsw_config": {"m": 8}}
    assert httpx.patch(f"{url}/collections/vectors_a", json=change, trust_env=False).is_success
    collector.sample()
    create("vectors_b", m=32)
    collector.sample()
    assert [fields["values"] for _, fields in noted[1:]] == [{"qdrant.hnsw.m": 8}, {"qdrant.hnsw.m": None}]


def test_points_and_requests(collector: QdrantCollector, create: Callable[..., None], table: Table) -> None:
    before = table(collector, collector.sample())
    create("vectors_a", points=10)
    after = table(collector, collector.sample())

    assert before["collections", WHOLE] == 0
    assert after["collections", WHOLE] == 1
    assert after["points", "vectors_a"] == 10
    assert after["indexed_vectors", "vectors_a"] == 0
    assert after["segments", "vectors_a"] >= 1
    assert after["dimension", "vectors_a"] == 4
    assert after["quantised", "vectors_a"] == 0
    assert after["status", "vectors_a"] in (0.0, 1.0, 2.0, 3.0)
    assert after["requests_total", WHOLE] > before["requests_total", WHOLE]
    assert after["request_seconds_total", WHOLE] > before["request_seconds_total", WHOLE]
    assert after["failed_requests_total", WHOLE] == 0


def test_many_collections_take_turns(
    collector: QdrantCollector, create: Callable[..., None], table: Table
) -> None:
    for number in range(6):
        create(f"vectors_{number}")
    rounds = [table(collector, collector.sample()) for _ in range(3)]
    described = [[name for metric, name in values if metric == "points"] for values in rounds]

    assert [len(names) for names in described] == [4, 4, 4]
    assert len({name for names in described for name in names}) == 6
