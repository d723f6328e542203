"""The index: when it is built, what it finds, and what happens to writes meanwhile."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qdrant_client import models
from vectors_front import Front, clustered, nearest, wait_until

DIMENSION = 32
COUNT = 3000

# Thresholds in KB, so low that a few thousand small vectors are searched through the graph.
SMALL = models.HnswConfigDiff(m=4, ef_construct=16, full_scan_threshold=10)

GOOD = models.HnswConfigDiff(m=16, ef_construct=100, full_scan_threshold=10)


def fill(front: Front, name: str, vectors: np.ndarray, first: int = 0, **payload: Any) -> None:
    for start in range(0, len(vectors), 500):
        part = vectors[start : start + 500]
        ids = list(range(first + start, first + start + len(part)))
        front.client.upsert(name, models.Batch(ids=ids, vectors=part.tolist(), payloads=[payload] * len(ids)))


def build(
    front: Front, name: str, vectors: np.ndarray, hnsw: models.HnswConfigDiff = SMALL, threshold: int = 100
) -> dict[str, Any]:
    """A collection whose index, if one is due, was built of all its points at once."""
    front.client.create_collection(
        name,
        models.VectorParams(size=vectors.shape[1], distance=models.Distance.EUCLID),
        hnsw_config=hnsw,
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=0),
    )
    fill(front, name, vectors)
    if threshold:
        set_threshold(front, name, threshold)
    return front.wait_status(name, "green")


def set_threshold(front: Front, name: str, threshold: int) -> None:
    front.client.update_collection(
        name, optimizers_config=models.OptimizersConfigDiff(indexing_threshold=threshold)
    )


def recall(front: Front, name: str, vectors: np.ndarray, queries: np.ndarray, **params: Any) -> float:
    """The share of the true ten nearest that a search finds."""
    search = models.SearchParams(**params) if params else None
    requests = [models.QueryRequest(query=query.tolist(), limit=10, params=search) for query in queries]
    answers = front.client.query_batch_points(name, requests)
    hits = [
        len({p.id for p in answer.points} & set(nearest(vectors, query, 10)))
        for query, answer in zip(queries, answers, strict=True)
    ]
    return sum(hits) / (10 * len(queries))


def exact_nearest(front: Front, name: str, query: np.ndarray) -> models.ScoredPoint:
    search = models.SearchParams(exact=True)
    return front.client.query_points(name, query=query.tolist(), limit=1, search_params=search).points[0]


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return clustered(COUNT, DIMENSION)


@pytest.fixture(scope="module")
def queries() -> np.ndarray:
    return clustered(40, DIMENSION, seed=1)


@pytest.fixture(scope="module")
def indexed(front: Front, vectors: np.ndarray) -> str:
    info = build(front, "vectors_indexed", vectors)
    assert info["indexed_vectors_count"] == info["points_count"] == COUNT
    return "vectors_indexed"


def test_below_the_threshold_there_is_no_index(front: Front, name: str, vectors: np.ndarray) -> None:
    info = build(front, name, vectors[:700])  # 87.5 KB of 100
    assert (info["points_count"], info["indexed_vectors_count"]) == (700, 0)
    assert info["segments_count"] == 1


def test_exact_search_is_exact(front: Front, indexed: str, vectors: np.ndarray, queries: np.ndarray) -> None:
    assert recall(front, indexed, vectors, queries, exact=True) == 1.0


def test_ef_acts_and_its_default_is_ef_construct(
    front: Front, indexed: str, vectors: np.ndarray, queries: np.ndarray
) -> None:
    found = {ef: recall(front, indexed, vectors, queries, hnsw_ef=ef) for ef in (10, 16, 256)}
    assert found[10] < found[256]
    assert found[16] < found[256]
    assert found[256] > 0.95
    assert recall(front, indexed, vectors, queries) == found[16]


def test_a_good_index_finds_nearly_everything(
    front: Front, name: str, vectors: np.ndarray, queries: np.ndarray
) -> None:
    build(
        front,
        name,
        vectors,
        hnsw=GOOD,
    )
    assert recall(front, name, vectors, queries, hnsw_ef=128) > 0.98


def test_a_set_below_the_full_scan_threshold_is_scanned(
    front: Front, name: str, vectors: np.ndarray, queries: np.ndarray
) -> None:
    settings = SMALL.model_copy(update={"full_scan_threshold": 10_000})
    build(front, name, vectors, hnsw=settings)
    assert recall(front, name, vectors, queries, hnsw_ef=10) == 1.0


def test_patching_the_graph_builds_a_new_one(
    front: Front, name: str, vectors: np.ndarray, queries: np.ndarray
) -> None:
    build(front, name, vectors)
    before = recall(front, name, vectors, queries)
    front.client.update_collection(name, hnsw_config=models.HnswConfigDiff(m=24, ef_construct=200))
    assert front.info(name)["status"] == "yellow"
    info = front.wait_status(name, "green")
    assert (info["config"]["hnsw_config"]["m"], info["config"]["hnsw_config"]["ef_construct"]) == (24, 200)
    assert info["config"]["hnsw_config"]["full_scan_threshold"] == 10
    assert info["indexed_vectors_count"] == COUNT
    assert recall(front, name, vectors, queries) > max(before, 0.98)


def test_patching_the_threshold_starts_the_build_that_is_now_due(
    front: Front, name: str, vectors: np.ndarray
) -> None:
    assert build(front, name, vectors, threshold=0)["indexed_vectors_count"] == 0
    set_threshold(front, name, 50)
    info = front.wait_status(name, "green")
    assert info["indexed_vectors_count"] == COUNT
    assert info["config"]["optimizer_config"]["indexing_threshold"] == 50


def test_patching_the_threshold_leaves_an_index_as_it_is(
    front: Front, name: str, vectors: np.ndarray
) -> None:
    build(front, name, vectors)
    set_threshold(front, name, 10_000)
    info = front.info(name)
    assert (info["status"], info["indexed_vectors_count"]) == ("green", COUNT)
    assert info["config"]["optimizer_config"]["indexing_threshold"] == 10_000


def test_a_patch_of_an_empty_collection_holds_at_once(front: Front, name: str, vectors: np.ndarray) -> None:
    build(front, name, vectors[:0])
    front.client.update_collection(name, hnsw_config=models.HnswConfigDiff(m=8))
    info = front.info(name)
    assert (info["status"], info["config"]["hnsw_config"]["m"]) == ("green", 8)


def test_without_optimization_threads_the_index_stays_due(
    front: Front, name: str, vectors: np.ndarray
) -> None:
    optimizers = models.OptimizersConfigDiff(indexing_threshold=100, max_optimization_threads=0)
    front.client.create_collection(
        name,
        models.VectorParams(size=DIMENSION, distance=models.Distance.EUCLID),
        hnsw_config=SMALL,
        optimizers_config=optimizers,
    )
    fill(front, name, vectors)
    info = front.info(name)
    assert (info["status"], info["indexed_vectors_count"]) == ("grey", 0)


QUANTIZATIONS: list[Any] = [
    {"scalar": {"type": "int8", "quantile": 0.99, "always_ram": True}},
    {"binary": {"always_ram": True}},
    {"product": {"compression": "x16"}},
    {"turbo": {"bits": "bits4"}},
]


def test_quantizations_replace_each_other_and_go_by_patch(
    front: Front, name: str, vectors: np.ndarray, queries: np.ndarray
) -> None:
    build(front, name, vectors, hnsw=GOOD)
    path = f"/collections/{name}"

    def scores() -> list[float]:
        params = {"quantization": {"rescore": False}, "hnsw_ef": 128}
        body = {"query": queries[0].tolist(), "params": params}
        points = front.http.post(f"{path}/points/query", json=body).json()["result"]["points"]
        return [p["score"] for p in points]

    def patch(quantization: Any) -> Any:
        assert front.http.patch(path, json={"quantization_config": quantization}).status_code == 200
        return front.wait_status(name, "green")["config"]["quantization_config"]

    seen = [scores()]
    for quantization in QUANTIZATIONS:
        assert patch(quantization) == quantization
        seen.append(scores())
        oversampled = models.QuantizationSearchParams(rescore=True, oversampling=8.0)
        assert recall(front, name, vectors, queries, hnsw_ef=128, quantization=oversampled) > 0.6
        ignored = models.QuantizationSearchParams(ignore=True)
        assert recall(front, name, vectors, queries, hnsw_ef=128, quantization=ignored) > 0.95
    assert len({tuple(found) for found in seen}) == len(seen)
    assert patch("Disabled") is None
    assert scores() == pytest.approx(seen[0])


def test_quantization_goes_by_patch_from_points_without_an_index(front: Front, name: str) -> None:
    rows = clustered(200, 64)
    front.client.create_collection(
        name,
        models.VectorParams(size=64, distance=models.Distance.EUCLID),
        quantization_config=models.BinaryQuantization(binary=models.BinaryQuantizationConfig()),
    )
    fill(front, name, rows)

    def score() -> float:
        params = models.SearchParams(quantization=models.QuantizationSearchParams(rescore=False))
        found = front.client.query_points(name, query=rows[3].tolist(), limit=1, search_params=params)
        return found.points[0].score

    assert score() != pytest.approx(0, abs=1e-3)
    front.client.update_collection(name, quantization_config=models.Disabled.DISABLED)
    assert front.wait_status(name, "green")["points_count"] == 200
    assert score() == pytest.approx(0, abs=1e-3)


def test_a_patch_of_an_empty_collection_keeps_its_payload_indexes(front: Front, name: str) -> None:
    build(front, name, np.empty((0, DIMENSION)))
    number = models.IntegerIndexParams(type=models.IntegerIndexType.INTEGER, lookup=True, range=False)
    front.client.create_payload_index(name, "n", number)
    front.client.create_payload_index(name, "kind", models.PayloadSchemaType.KEYWORD)
    before = front.info(name)["payload_schema"]
    front.client.update_collection(
        name, quantization_config=models.BinaryQuantization(binary=models.BinaryQuantizationConfig())
    )
    info = front.info(name)
    assert (info["status"], info["payload_schema"]) == ("green", before)
    fill(front, name, clustered(3, DIMENSION), kind="a", n=1)
    assert front.info(name)["payload_schema"]["n"]["points"] == 3


def test_many_replacements_of_indexed_points_are_indexed_again(
    front: Front, name: str, vectors: np.ndarray, queries: np.ndarray
) -> None:
    build(front, name, vectors)
    # In one request, so that one build meets all of them.
    replacements = models.Batch(ids=list(range(COUNT)), vectors=vectors[::-1].tolist())
    front.client.upsert(name, replacements)
    info = front.wait_status(name, "green")
    assert (info["points_count"], info["indexed_vectors_count"]) == (COUNT, COUNT)
    found = exact_nearest(front, name, vectors[0])
    assert (found.id, found.score) == (COUNT - 1, 0)


def test_a_much_deleted_index_is_vacuumed(front: Front, name: str, vectors: np.ndarray) -> None:
    build(front, name, vectors)
    front.client.delete(name, list(range(1000)))
    info = front.wait_status(name, "green")
    assert (info["points_count"], info["indexed_vectors_count"]) == (COUNT - 1000, COUNT - 1000)


def test_writes_during_a_build_survive_it_and_a_restart(own_front: Front) -> None:
    front, name = own_front, "vectors_busy"
    large = start_slow_build(front, name)
    expected: dict[int, int | None] = dict.fromkeys(range(6000), 0)
    rounds = 0
    # Few enough that they give no reason for a second build.
    while front.info(name)["status"] == "yellow" and rounds < 300:
        rounds += 1
        replaced, added, deleted = rounds % 6000, 10_000 + rounds, (3000 + rounds) % 6000
        fill(front, name, large[replaced : replaced + 1], replaced, round=rounds)
        fill(front, name, large[:1], added, round=rounds)
        front.client.delete(name, [deleted])
        refused = {"payload": {"round": -7}, "points": [777_777]}
        assert front.http.post(f"/collections/{name}/points/payload", json=refused).status_code == 404
        expected |= {replaced: rounds, added: rounds, deleted: None}
        assert exact_nearest(front, name, large[5999]).id == 5999
    assert rounds > 3
    front.wait_status(name, "green")

    def check() -> None:
        kept = {i: r for i, r in expected.items() if r is not None}
        points, _ = front.client.scroll(name, limit=len(expected), with_payload=True)
        assert {p.id: p.payload["round"] for p in points} == kept
        info = front.info(name)
        assert (info["points_count"], info["indexed_vectors_count"]) == (len(kept), 6000)

    check()
    # What comes after the switch is not taken for stale either.
    fill(front, name, large[:1], 1, round=-1)
    expected[1] = -1
    check()
    front.stop()
    front.start()
    front.wait_status(name, "green")
    check()


def test_dropping_a_collection_ends_its_build(own_front: Front) -> None:
    front, name = own_front, "vectors_dropped"
    start_slow_build(front, name)
    front.client.delete_collection(name)
    assert not front.client.collection_exists(name)
    assert not list((front.data / "collections").iterdir())
    assert not builders(front)


def test_a_build_that_a_restart_cut_short_is_resumed(own_front: Front) -> None:
    front, name = own_front, "vectors_resumed"
    start_slow_build(front, name)
    front.kill()
    front.start()
    info = front.wait_status(name, "yellow", "green")
    assert info["points_count"] == 6000
    assert front.wait_status(name, "green")["indexed_vectors_count"] == 6000


def test_a_failed_build_is_told_and_a_patch_tries_again(own_front: Front) -> None:
    front, name = own_front, "vectors_failed"
    start_slow_build(front, name)
    builders(front)[0].kill()
    info = front.wait_status(name, "red")
    assert "exit code -9" in info["optimizer_status"]["error"]
    assert front.client.query_points(name, query=[0.0] * 64, limit=1).points
    fill(front, name, clustered(1, 64), 6000)
    assert front.info(name)["status"] == "red"
    front.client.update_collection(name, hnsw_config=models.HnswConfigDiff(ef_construct=20))
    info = front.wait_status(name, "green")
    assert (info["optimizer_status"], info["indexed_vectors_count"]) == ("ok", 6001)


def test_a_build_dies_with_the_process_that_asked_for_it(own_front: Front) -> None:
    front, name = own_front, "vectors_orphan"
    start_slow_build(front, name)
    children = builders(front)
    assert len(children) == 1
    front.kill()
    wait_until(lambda: not alive(children[0]), "the build has ended", 5)


def test_kill_9_during_a_reindex_leaves_no_orphan_and_a_whole_collection(own_front: Front) -> None:
    front, name = own_front, "vectors_reindexed"
    large = start_slow_build(front, name, ef_construct=30)
    front.wait_status(name, "green")
    front.client.update_collection(name, hnsw_config=models.HnswConfigDiff(m=32, ef_construct=150))
    children = wait_until(lambda: builders(front), "the build has begun")
    fill(front, name, large[:1], 6000, late=True)
    front.kill()
    wait_until(lambda: not any(alive(child) for child in children), "the build has ended", 5)
    front.start()
    assert exact_nearest(front, name, large[5999]).id == 5999
    assert front.client.retrieve(name, [6000])[0].payload == {"late": True}
    info = front.wait_status(name, "green")
    assert (info["config"]["hnsw_config"]["m"], info["points_count"]) == (32, 6001)
    # Alone in a segment of its own, the late one is too little for an index.
    assert info["indexed_vectors_count"] >= 6000
    assert len(list((front.data / "collections" / name).glob("shard-*"))) == 1


def alive(process: Any) -> bool:
    return bool(process.is_running() and process.status() != "zombie")


def start_slow_build(front: Front, name: str, ef_construct: int = 300) -> np.ndarray:
    """A collection of these 6000 points whose index is being built, which takes a second or so."""
    vectors = clustered(6000, 64)
    front.client.create_collection(
        name,
        models.VectorParams(size=64, distance=models.Distance.EUCLID),
        hnsw_config=models.HnswConfigDiff(
            m=16, ef_construct=ef_construct, full_scan_threshold=10, max_indexing_threads=1
        ),
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=0),
    )
    fill(front, name, vectors, round=0)
    set_threshold(front, name, 1000)
    front.wait_status(name, "yellow")
    running = f'collection_running_optimizations{{id="{name}"}} 1'
    wait_until(lambda: running in front.http.get("/metrics").text, "the build has begun")
    return vectors


def builders(front: Front) -> list[Any]:
    import psutil

    assert front.process is not None
    return psutil.Process(front.process.pid).children(recursive=True)
