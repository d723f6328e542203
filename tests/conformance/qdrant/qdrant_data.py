"""What the suite stores, and what it expects to find of it, by brute force."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

COSINE, DOT = models.Distance.COSINE, models.Distance.DOT
EUCLID, MANHATTAN = models.Distance.EUCLID, models.Distance.MANHATTAN


def clustered(count: int, dimension: int, seed: int = 0) -> np.ndarray:
    """Vectors of low intrinsic dimension with noise, as embeddings are."""
    random = np.random.default_rng(seed)
    basis = np.random.default_rng(99).normal(size=(12, dimension))
    noise = 0.5 * random.normal(size=(count, dimension))
    return (random.normal(size=(count, 12)) @ basis + noise).astype(np.float32)


_SCORES: dict[Any, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    COSINE: lambda rows, query: rows @ query / np.linalg.norm(rows, axis=1) / np.linalg.norm(query),
    DOT: lambda rows, query: rows @ query,
    EUCLID: lambda rows, query: np.linalg.norm(rows - query, axis=1),
    MANHATTAN: lambda rows, query: np.abs(rows - query).sum(axis=1),
}


def ranked(rows: np.ndarray, query: np.ndarray, distance: models.Distance) -> list[tuple[int, float]]:
    """(row, score) of all rows, the best first."""
    scores = _SCORES[distance](rows.astype(np.float64), query.astype(np.float64))
    order = np.argsort(scores if distance in (EUCLID, MANHATTAN) else -scores, kind="stable")
    return [(int(row), float(scores[row])) for row in order]


def nearest(rows: np.ndarray, query: np.ndarray, k: int, distance: models.Distance = EUCLID) -> list[int]:
    return [row for row, _ in ranked(rows, query, distance)[:k]]


def create(client: QdrantClient, name: str, size: int = 4, distance: models.Distance = EUCLID) -> None:
    client.create_collection(name, vectors_config=models.VectorParams(size=size, distance=distance))


def store(
    client: QdrantClient, name: str, rows: np.ndarray, payload: Callable[[int], dict[str, Any]] | None = None
) -> None:
    """Rows by their number as id, in requests of 500."""
    for start in range(0, len(rows), 500):
        ids = list(range(start, min(start + 500, len(rows))))
        payloads = None if payload is None else [payload(i) for i in ids]
        batch = models.Batch(ids=ids, vectors=rows[ids].tolist(), payloads=payloads)
        client.upsert(name, batch, wait=True)


def wait_for(client: QdrantClient, name: str, status: models.CollectionStatus) -> models.CollectionInfo:
    """The collection's info once it has that status."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        info = client.get_collection(name)
        if info.status == status:
            return info
        time.sleep(0.02)
    raise AssertionError(f"{name} is {info.status} after 60 s, not {status}")


def refused(status: int, call: Callable[..., Any], *arguments: Any, **options: Any) -> str:
    """What the server says of a call that it must refuse with that HTTP status, in Qdrant's envelope."""
    with pytest.raises(UnexpectedResponse) as caught:
        call(*arguments, **options)
    assert caught.value.status_code == status, caught.value.content
    envelope = caught.value.structured()
    assert set(envelope) >= {"status", "time"}
    said: str = envelope["status"]["error"]
    return said
