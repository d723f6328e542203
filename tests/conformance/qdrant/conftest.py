"""Qdrant's own client against a server: the one that KATO_BENCH_QDRANT_URL names, else our vector front.

Nothing of ours is imported: the suite runs in any environment that has pytest and a qdrant-client."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from qdrant_client import QdrantClient

_ROOT = Path(__file__).resolve().parents[3]
_SECONDS_TO_START = 30


def _interpreter() -> str:
    """One that has the engine: the environment of the tests need not."""
    project = _ROOT / ".venv" / "bin" / "python"
    return os.environ.get("KATO_BENCH_PYTHON") or (str(project) if project.exists() else sys.executable)


def _wait_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the vector front ended with exit code {process.returncode} at its start")
        try:
            with urllib.request.urlopen(f"{url}/readyz"):
                return
        except urllib.error.URLError:
            time.sleep(0.02)
    raise RuntimeError(f"the vector front at {url} is not ready after {_SECONDS_TO_START} s")


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the server under test answers."""
    if given := os.environ.get("KATO_BENCH_QDRANT_URL"):
        yield given.rstrip("/")
        return
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    data = tmp_path_factory.mktemp("qdrant")
    argv = [_interpreter(), "-m", "bench.targets.embedded.vectors", "--port", str(port), "--data", str(data)]
    process = subprocess.Popen(argv, cwd=_ROOT)
    try:
        _wait_ready(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


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
