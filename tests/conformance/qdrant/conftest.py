"""Qdrant's own client against a server: the one that KATO_BENCH_QDRANT_URL names, else our vector front.

Nothing of ours is imported: the suite runs in any environment that has pytest and a qdrant-client."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from qdrant_client import QdrantClient


@pytest.fixture(scope="session")
def url(
    tmp_path_factory: pytest.TempPathFactory,
    serve: Any,
    interpreter: str,
    free_port: Callable[[], int],
    answers: Callable[[str], bool],
) -> Iterator[str]:
    """Where the server under test answers."""
    if given := os.environ.get("KATO_BENCH_QDRANT_URL"):
        yield given.rstrip("/")
        return
    port, data = free_port(), tmp_path_factory.mktemp("qdrant")
    address = f"http://127.0.0.1:{port}"
    argv = [interpreter, "-m", "bench.targets.embedded.vectors", "--port", str(port), "--data", str(data)]
    with serve("the vector front", argv, lambda: answers(f"{address}/readyz")):
        yield address


@pytest.fixture(scope="session")
def client(url: str) -> Iterator[QdrantClient]:
    client = QdrantClient(url=url, timeout=30, check_compatibility=False)
    yield client
    client.close()


@pytest.fixture
def name(client: QdrantClient) -> Iterator[str]:
    """A collection name that is free, and free again afterwards."""
    name = f"vectors_conformance_{uuid4().hex[:8]}"
    yield name
    client.delete_collection(name)
