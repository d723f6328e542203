"""What KATO 3.10.1 sends: its collections, its points and its searches."""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import pytest
from qdrant_client import QdrantClient, models
from qdrant_data import EUCLID, clustered, nearest, refused

DIMENSION = 768

CREATION: dict[str, Any] = {
    "on_disk_payload": True,
    "hnsw_config": models.HnswConfigDiff(m=16, ef_construct=128, full_scan_threshold=10000),
    "optimizers_config": models.OptimizersConfigDiff(
        deleted_threshold=0.2,
        vacuum_min_vector_number=1000,
        default_segment_number=4,
        max_segment_size=500000,
        memmap_threshold=20000,
        indexing_threshold=10000,
        flush_interval_sec=5,
    ),
}
QUANTIZATIONS: dict[str, Any] = {
    "none": None,
    "scalar": models.ScalarQuantization(
        scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.99, always_ram=True)
    ),
    "product": models.ProductQuantization(
        product=models.ProductQuantizationConfig(compression=models.CompressionRatio.X16)
    ),
    "binary": models.BinaryQuantization(binary=models.BinaryQuantizationConfig()),
}


def symbol(i: int) -> str:
    return f"VCTR|{i:040x}"


def learn(client: QdrantClient, name: str, i: int, vector: list[float]) -> None:
    """One upsert a vector, waited for."""
    identity = str(uuid5(NAMESPACE_DNS, symbol(i)))
    point = models.PointStruct(id=identity, vector=vector, payload={"vctr_name": symbol(i)})
    assert client.upsert(name, [point], wait=True).status == models.UpdateStatus.COMPLETED


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
def test_learned_vectors_are_found_by_the_three_nearest(
    client: QdrantClient, name: str, quantization: str
) -> None:
    settings = CREATION | {"quantization_config": QUANTIZATIONS[quantization]}
    vectors_config = models.VectorParams(size=DIMENSION, distance=EUCLID)
    assert client.create_collection(name, vectors_config=vectors_config, **settings)
    rows = clustered(20, DIMENSION)
    for i, row in enumerate(rows):
        learn(client, name, i, row.tolist())
    points = client.query_points(name, query=rows[4].tolist(), limit=3, with_payload=True).points
    found = [point.payload["vctr_name"] for point in points]
    assert found[0] == symbol(4)
    if quantization == "none":
        assert found == [symbol(i) for i in nearest(rows, rows[4], 3)]
    assert points[0].score == pytest.approx(0, abs=1e-3)
    info = client.get_collection(name)
    assert (info.status, info.points_count) == (models.CollectionStatus.GREEN, 20)
    assert info.config.optimizer_config.memmap_threshold == 20000


def test_the_first_vector_locks_the_size(client: QdrantClient, name: str) -> None:
    client.create_collection(name, vectors_config=models.VectorParams(size=4, distance=EUCLID), **CREATION)
    said = refused(400, learn, client, name, 0, [1.0, 2.0])
    assert said == "Wrong input: Vector dimension error: expected dim: 4, got 2"


def test_a_second_worker_meets_the_collection_of_the_first(client: QdrantClient, name: str) -> None:
    vectors_config = models.VectorParams(size=4, distance=EUCLID)
    client.create_collection(name, vectors_config=vectors_config, **CREATION)
    said = refused(409, client.create_collection, name, vectors_config=vectors_config, **CREATION)
    assert "already exists" in said
    assert client.collection_exists(name)


def test_an_operator_patches_the_collection_of_a_node(client: QdrantClient, name: str) -> None:
    client.create_collection(name, vectors_config=models.VectorParams(size=4, distance=EUCLID), **CREATION)
    learn(client, name, 1, [0.0, 0.0, 0.0, 1.0])
    assert client.update_collection(
        name,
        hnsw_config=models.HnswConfigDiff(m=32, ef_construct=256),
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=20000),
        quantization_config=QUANTIZATIONS["scalar"],
    )
    config = client.get_collection(name).config
    assert (config.hnsw_config.m, config.hnsw_config.full_scan_threshold) == (32, 10000)
    assert config.quantization_config == QUANTIZATIONS["scalar"]
    assert client.query_points(name, query=[0.0] * 4, limit=3).points[0].payload["vctr_name"] == symbol(1)
