"""The vector part as a real process on a free loopback port."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest
from qdrant_client import QdrantClient

MODULE = "bench.targets.embedded.vectors"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 30.0) -> Any:
    """The first truthy value of `condition`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.005)
    raise AssertionError(f"not within {seconds} s: {what}")


class Front:
    """One process of the vector part on one data folder; may be stopped and started again."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=self.url, timeout=30)
        self._client: QdrantClient | None = None
        self.process: subprocess.Popen[str] | None = None

    @property
    def client(self) -> QdrantClient:
        if self._client is None:
            self._client = QdrantClient(url=self.url, timeout=30)
        return self._client

    def start(self) -> Front:
        argv = [sys.executable, "-m", MODULE, "--port", str(self.port), "--data", str(self.data)]
        self.process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
        wait_until(self._answers, "ready")
        return self

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            assert self.process.stderr is not None
            raise AssertionError(f"ended at the start: {self.process.stderr.read()}")
        try:
            return self.http.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> tuple[int, str]:
        """End it with SIGTERM; its exit code and what it wrote to standard error."""
        assert self.process is not None
        self.process.terminate()
        _, errors = self.process.communicate(timeout=20)
        return self.process.returncode, errors

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.communicate(timeout=20)

    def info(self, name: str) -> dict[str, Any]:
        answer = self.http.get(f"/collections/{name}")
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()["result"]
        return result

    def wait_status(self, name: str, *statuses: str) -> dict[str, Any]:
        def reached() -> dict[str, Any] | None:
            info = self.info(name)
            return info if info["status"] in statuses else None

        info: dict[str, Any] = wait_until(reached, f"{name} is {' or '.join(statuses)}", 60)
        return info

    def close(self) -> None:
        self.http.close()
        if self._client is not None:
            self._client.close()
        if self.process is not None and self.process.poll() is None:
            self.stop()


@pytest.fixture(scope="session")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """One process for every test that leaves it alive."""
    front = Front(tmp_path_factory.mktemp("vectors")).start()
    yield front
    front.close()


@pytest.fixture
def own_front(tmp_path: Path) -> Iterator[Front]:
    """A process that the test may end."""
    front = Front(tmp_path).start()
    yield front
    front.close()


@pytest.fixture
def name(front: Front) -> Iterator[str]:
    """A collection name that is free, and free again afterwards."""
    name = f"vectors_{uuid4().hex[:8]}"
    yield name
    front.http.delete(f"/collections/{name}")


def clustered(count: int, dimension: int, seed: int = 0) -> np.ndarray:
    """Vectors of low intrinsic dimension with noise, as embeddings are."""
    random = np.random.default_rng(seed)
    basis = np.random.default_rng(99).normal(size=(12, dimension))
    noise = 0.5 * random.normal(size=(count, dimension))
    return (random.normal(size=(count, 12)) @ basis + noise).astype(np.float32)


def nearest(vectors: np.ndarray, query: np.ndarray, k: int) -> list[int]:
    """The k nearest by Euclidean distance, by brute force."""
    distances = ((vectors - query) ** 2).sum(axis=1)
    return [int(i) for i in np.argsort(distances, kind="stable")[:k]]
