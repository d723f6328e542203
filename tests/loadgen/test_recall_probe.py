"""Probing recall, against the embedded deployment's vector store, which is Qdrant's engine."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import gevent
import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.loadgen import recall
from bench.loadgen.qdrant import Found, Qdrant, StoreError
from bench.targets.embedded.ports import free_ports

DIMENSION, COUNT = 16, 3000


@pytest.fixture(scope="module")
def qdrant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Qdrant]:
    (port,) = free_ports(1)
    folder = tmp_path_factory.mktemp("qdrant")
    argv = [
        *(sys.executable, "-m", "bench.targets.embedded.vectors"),
        "--port",
        str(port),
        "--data",
        str(folder),
    ]
    process = subprocess.Popen(argv)
    client = Qdrant(f"http://127.0.0.1:{port}")
    deadline = time.monotonic() + 30
    while True:
        try:
            client.collection_of("nobody")
            break
        except StoreError:
            assert process.poll() is None
            assert time.monotonic() < deadline
            gevent.sleep(0.05)
    yield client
    client.close()
    process.terminate()
    process.wait(20)


def vectors(count: int, seed: int) -> list[list[float]]:
    random = np.random.default_rng(seed)
    return np.round(random.normal(size=(count, DIMENSION)), 4).tolist()


def create(qdrant: Qdrant, name: str, points: list[list[float]], **settings: Any) -> None:
    body = {"vectors": {"size": DIMENSION, "distance": "Euclid"}, **settings}
    answer = httpx.put(f"{qdrant.address}/collections/{name}", json=body, trust_env=False)
    assert answer.is_success, answer.text
    qdrant.upsert(name, [{"id": i, "vector": v, "payload": {}} for i, v in enumerate(points)])


def probed(
    qdrant: Qdrant, name: str, queries: list[list[float]], patience: float = 60
) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    settled = qdrant.settle(name, 60)
    recall.probe(qdrant, settled, queries, lambda kind, **f: events.append({"kind": kind, **f}), patience)
    return events


def mean(event: dict[str, Any]) -> float:
    return sum(event["hits"]) / len(event["hits"]) / event["k"]


def test_a_poor_graph_is_told_from_its_ef_sweep(qdrant: Qdrant) -> None:
    create(
        qdrant,
        "vectors_poor_kato",
        vectors(COUNT, 1),
        hnsw_config={"m": 4, "ef_construct": 8, "full_scan_threshold": 10},
        optimizers_config={"indexing_threshold": 10},
    )
    assert qdrant.collection_of("poor") == "vectors_poor_kato"
    assert qdrant.collection_of("po") is None
    events = probed(qdrant, "vectors_poor_kato", vectors(50, 2))
    by_way = {(event["k"], event["ef"]): event for event in events}
    assert list(by_way)[:2] == [(10, None), (3, None)]
    assert (10, 4) not in by_way
    own, best = by_way[10, None], by_way[10, 512]
    assert (own["points"], own["dimension"], len(own["hits"]), len(own["seconds"])) == (
        COUNT,
        DIMENSION,
        50,
        50,
    )
    assert own["indexed"] > 0.9 * COUNT
    assert mean(own) < 0.8
    assert mean(by_way[10, 16]) < mean(best)
    assert all(not event["quantisation_ignored"] for event in events)


def test_quantised_searches_are_probed_both_ways(qdrant: Qdrant) -> None:
    create(
        qdrant,
        "vectors_small_kato",
        vectors(500, 3),
        quantization_config={"scalar": {"type": "int8", "always_ram": True}},
    )
    events = probed(qdrant, "vectors_small_kato", vectors(20, 4))
    assert [(event["k"], event["ef"], event["quantisation_ignored"]) for event in events] == [
        (10, None, False),
        (3, None, False),
        (10, None, True),
        (3, None, True),
    ]
    assert mean(events[2]) == mean(events[3]) == 1.0


def test_duplicates_cost_no_recall(qdrant: Qdrant) -> None:
    create(qdrant, "vectors_twins_kato", vectors(5, 5) * 20)
    assert {mean(event) for event in probed(qdrant, "vectors_twins_kato", vectors(20, 6))} == {1.0}


def test_what_cannot_be_probed_is_noted(qdrant: Qdrant) -> None:
    create(qdrant, "vectors_five_kato", vectors(5, 7))
    ten, three = probed(qdrant, "vectors_five_kato", vectors(5, 8))
    assert "fewer than 10 vectors" in ten["reason"]
    assert (three["k"], mean(three)) == (3, 1.0)
    (ended,) = probed(qdrant, "vectors_twins_kato", vectors(5, 8), patience=-1)
    assert "was ended" in ended["reason"]


def test_a_store_that_fails_says_so(qdrant: Qdrant) -> None:
    with pytest.raises(StoreError, match="404"):
        qdrant.describe("vectors_nobody")
    (port,) = free_ports(1)
    with pytest.raises(StoreError, match="connect"):
        Qdrant(f"http://127.0.0.1:{port}").collection_of("x")


def test_an_index_that_is_never_built_is_not_waited_for_for_ever(qdrant: Qdrant) -> None:
    create(
        qdrant,
        "vectors_stuck_kato",
        vectors(COUNT, 1),
        optimizers_config={"indexing_threshold": 10, "max_optimization_threads": 0},
    )
    with pytest.raises(StoreError, match="still grey after 1 s, with 0 of 3000"):
        qdrant.settle("vectors_stuck_kato", 1)


@given(st.lists(st.integers(0, 30), min_size=10, max_size=10, unique=True), st.integers(1, 10))
def test_hits_are_the_neighbours_that_both_name(ids: list[int], k: int) -> None:
    truth = Found(tuple(range(10)), tuple(float(i) for i in range(10)), 0.0)
    found = Found(tuple(ids), tuple(float(i) for i in ids), 0.0)
    assert recall.hits(found, truth, k) == len(set(ids[:k]) & set(range(k)))


def test_another_point_as_near_as_the_last_counts() -> None:
    truth = Found((1, 2, 3), (0.1, 0.2, 0.3), 0.0)
    assert recall.hits(Found((1, 2, 9), (0.1, 0.2, 0.3), 0.0), truth, 3) == 3
    assert recall.hits(Found((1, 2, 9), (0.1, 0.2, 0.31), 0.0), truth, 3) == 2
