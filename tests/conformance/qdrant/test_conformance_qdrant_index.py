"""The index: built in the background, rebuilt by a patch, quantized, and searched all the while."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from qdrant_client import QdrantClient, models
from qdrant_data import EUCLID, clustered, nearest, store, wait_for

COUNT, DIMENSION = 3000, 32
ROWS = clustered(COUNT, DIMENSION)
QUERIES = clustered(25, DIMENSION, seed=1)
GREEN, YELLOW = models.CollectionStatus.GREEN, models.CollectionStatus.YELLOW

# In KB, so low that a few thousand small vectors are searched through a graph.
THRESHOLD = 100


def build(client: QdrantClient, name: str, **settings: Any) -> models.CollectionInfo:
    """A collection of ROWS whose index was built of all of them at once."""
    client.create_collection(
        name,
        vectors_config=models.VectorParams(size=DIMENSION, distance=EUCLID),
        hnsw_config=models.HnswConfigDiff(m=16, ef_construct=100, full_scan_threshold=10),
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=0),
        **settings,
    )
    store(client, name, ROWS, lambda i: {"kind": "ab"[i % 2]})
    client.update_collection(
        name, optimizers_config=models.OptimizersConfigDiff(indexing_threshold=THRESHOLD)
    )
    return wait_for(client, name, GREEN)


def recall(client: QdrantClient, name: str, **params: Any) -> float:
    """The share of the true ten nearest that a search finds."""
    search = models.SearchParams(**params) if params else None
    requests = [models.QueryRequest(query=query.tolist(), limit=10, params=search) for query in QUERIES]
    answers = client.query_batch_points(name, requests)
    hits = [
        len({point.id for point in answer.points} & set(nearest(ROWS, query, 10)))
        for query, answer in zip(QUERIES, answers, strict=True)
    ]
    return sum(hits) / (10 * len(QUERIES))


@pytest.fixture(scope="module")
def indexed(client: QdrantClient) -> Iterator[str]:
    name = "vectors_conformance_indexed"
    client.delete_collection(name)
    info = build(client, name)
    assert info.indexed_vectors_count == info.points_count == COUNT
    yield name
    client.delete_collection(name)


def test_an_index_finds_nearly_all_and_exact_search_all(client: QdrantClient, indexed: str) -> None:
    assert recall(client, indexed, exact=True) == 1
    assert recall(client, indexed, hnsw_ef=128) > 0.98
    assert recall(client, indexed, hnsw_ef=10) < recall(client, indexed, hnsw_ef=256)


def test_filters_hold_in_the_index(client: QdrantClient, indexed: str) -> None:
    client.create_payload_index(indexed, "kind", models.PayloadSchemaType.KEYWORD)
    condition = models.Filter(must=[models.FieldCondition(key="kind", match=models.MatchValue(value="b"))])
    found = client.query_points(
        indexed,
        query=QUERIES[0].tolist(),
        query_filter=condition,
        limit=10,
        search_params=models.SearchParams(hnsw_ef=256),
    ).points
    odd = np.arange(1, COUNT, 2)
    expected = {int(odd[row]) for row in nearest(ROWS[odd], QUERIES[0], 10)}
    assert len({point.id for point in found} & expected) >= 9


def test_a_patch_is_built_while_searches_go_on(client: QdrantClient, name: str) -> None:
    build(client, name)
    client.update_collection(name, hnsw_config=models.HnswConfigDiff(m=32, ef_construct=200))
    searches = 0
    while (info := client.get_collection(name)).status == YELLOW:
        assert info.config.hnsw_config.m == 32
        found = client.query_points(name, query=ROWS[searches % COUNT].tolist(), limit=1).points[0]
        assert found.id == searches % COUNT
        searches += 1
    assert searches > 3
    assert info.status == GREEN
    assert info.optimizer_status == models.OptimizersStatusOneOf.OK
    assert (info.points_count, info.indexed_vectors_count) == (COUNT, COUNT)
    assert recall(client, name) > 0.98


def test_what_is_written_during_a_build_is_there_after_it(client: QdrantClient, name: str) -> None:
    build(client, name)
    client.update_collection(name, hnsw_config=models.HnswConfigDiff(ef_construct=200))
    client.upsert(name, [models.PointStruct(id=COUNT, vector=[50.0] * DIMENSION, payload={"new": True})])
    client.set_payload(name, {"set": 1}, [5])
    client.delete(name, [6])
    assert client.get_collection(name).status == YELLOW
    wait_for(client, name, GREEN)
    assert client.count(name).count == COUNT
    assert client.query_points(name, query=[50.0] * DIMENSION, limit=1).points[0].id == COUNT
    assert client.retrieve(name, [5])[0].payload == {"kind": "b", "set": 1}
    assert client.retrieve(name, [6]) == []


QUANTIZATIONS: dict[str, Any] = {
    "scalar": models.ScalarQuantization(
        scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.99, always_ram=True)
    ),
    "product": models.ProductQuantization(
        product=models.ProductQuantizationConfig(compression=models.CompressionRatio.X8)
    ),
    "binary": models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True)),
}


@pytest.mark.parametrize("kind", QUANTIZATIONS)
def test_quantization_acts_and_its_parameters_too(client: QdrantClient, name: str, kind: str) -> None:
    build(client, name, quantization_config=QUANTIZATIONS[kind])
    assert client.get_collection(name).config.quantization_config == QUANTIZATIONS[kind]

    def searched(**quantization: Any) -> models.SearchParams:
        return models.SearchParams(hnsw_ef=128, quantization=models.QuantizationSearchParams(**quantization))

    def scores(params: models.SearchParams) -> list[float]:
        points = client.query_points(name, query=QUERIES[0].tolist(), search_params=params).points
        return [point.score for point in points]

    exact = scores(models.SearchParams(exact=True, quantization=models.QuantizationSearchParams(ignore=True)))
    assert scores(searched(ignore=True)) == pytest.approx(exact, rel=1e-4)
    assert scores(searched(rescore=False)) != pytest.approx(exact, rel=1e-4)
    ignored = recall(client, name, hnsw_ef=128, quantization=models.QuantizationSearchParams(ignore=True))
    assert ignored > 0.98
    plain = models.QuantizationSearchParams(rescore=False)
    over = models.QuantizationSearchParams(rescore=True, oversampling=8.0)
    assert recall(client, name, hnsw_ef=128, quantization=plain) <= recall(
        client, name, hnsw_ef=128, quantization=over
    )


def test_quantization_comes_and_goes_by_patch(client: QdrantClient, name: str) -> None:
    build(client, name)
    client.update_collection(name, quantization_config=QUANTIZATIONS["scalar"])
    assert wait_for(client, name, GREEN).config.quantization_config == QUANTIZATIONS["scalar"]
    client.update_collection(name, quantization_config=models.Disabled.DISABLED)
    info = wait_for(client, name, GREEN)
    assert info.config.quantization_config is None
    assert info.indexed_vectors_count == COUNT


def test_every_named_vector_is_indexed(client: QdrantClient, name: str) -> None:
    client.create_collection(
        name,
        vectors_config={
            "large": models.VectorParams(size=DIMENSION, distance=EUCLID),
            "small": models.VectorParams(size=4, distance=EUCLID, hnsw_config=models.HnswConfigDiff(m=4)),
        },
        hnsw_config=models.HnswConfigDiff(full_scan_threshold=10),
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=0),
    )
    small = clustered(COUNT, 4, seed=2)
    for start in range(0, COUNT, 500):
        rows = slice(start, start + 500)
        batch = models.Batch(
            ids=list(range(start, start + 500)),
            vectors={"large": ROWS[rows].tolist(), "small": small[rows].tolist()},
        )
        client.upsert(name, batch, wait=True)
    client.update_collection(
        name, optimizers_config=models.OptimizersConfigDiff(indexing_threshold=THRESHOLD)
    )
    assert wait_for(client, name, GREEN).indexed_vectors_count == 2 * COUNT
    change = {"small": models.VectorParamsDiff(hnsw_config=models.HnswConfigDiff(m=24))}
    client.update_collection(name, vectors_config=change)
    assert wait_for(client, name, GREEN).config.params.vectors["small"].hnsw_config.m == 24
    for using, rows in (("large", ROWS), ("small", small)):
        found = client.query_points(name, query=rows[7].tolist(), using=using, limit=1).points[0]
        assert (found.id, found.score) == (7, pytest.approx(0, abs=1e-3))
