"""The vector part as a real process on a free loopback port."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
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

    def __init__(self, data: Path, *options: str) -> None:
        self.data = data
        self.options = options
        self.log = data.with_suffix(".log")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=self.url, timeout=30)
        self._client: QdrantClient | None = None
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def client(self) -> QdrantClient:
        if self._client is None:
            self._client = QdrantClient(url=self.url, timeout=30, check_compatibility=False)
        return self._client

    def start(self) -> Front:
        argv = [sys.executable, "-m", MODULE, "--port", str(self.port), "--data", str(self.data)]
        argv += self.options
        with self.log.open("w") as log:
            self.process = subprocess.Popen(argv, stderr=log)
        wait_until(self._answers, "ready")
        return self

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"ended at the start: {self.log.read_text()}")
        try:
            return self.http.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> tuple[int, str]:
        """End it with SIGTERM; its exit code and what it wrote to standard error."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(20), self.log.read_text()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(20)

    def info(self, name: str) -> dict[str, Any]:
        answer = self.http.get(f"/collections/{name}")
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()["result"]
        return result

    def wait_status(self, name: str, *statuses: str, seconds: float = 60) -> dict[str, Any]:
        def reached() -> dict[str, Any] | None:
            info = self.info(name)
            return info if info["status"] in statuses else None

        info: dict[str, Any] = wait_until(reached, f"{name} is {' or '.join(statuses)}", seconds)
        return info

    def close(self) -> None:
        self.http.close()
        if self._client is not None:
            self._client.close()
        if self.process is not None and self.process.poll() is None:
            self.stop()


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
