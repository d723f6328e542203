"""redis-py against a server: the one that KATO_BENCH_REDIS_URL names, else the deployment's own.

Only what is written here is deleted, so a server with data of others will do; what full memory does is asked
of an empty server only."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import redis

_ROOT = Path(__file__).resolve().parents[3]
_SECONDS_TO_START = 30

# The deployment's choice of a server, asked of an interpreter that has it.
_FIND = "from bench.targets.embedded.redis import find_server; print(find_server())"


def _interpreter() -> str:
    project = _ROOT / ".venv" / "bin" / "python"
    return os.environ.get("KATO_BENCH_PYTHON") or (str(project) if project.exists() else sys.executable)


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the server under test answers."""
    if given := os.environ.get("KATO_BENCH_REDIS_URL"):
        yield given
        return
    program = subprocess.run(
        [_interpreter(), "-c", _FIND], cwd=_ROOT, check=True, capture_output=True, text=True
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    process = subprocess.Popen([program.stdout.strip(), *options], stdout=subprocess.DEVNULL)
    address = f"redis://127.0.0.1:{port}/0"
    try:
        _wait_ready(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def _wait_ready(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    with redis.Redis.from_url(address) as client:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise RuntimeError(f"the Redis server ended with exit code {process.returncode} at its start")
            try:
                client.ping()
                return
            except redis.ConnectionError:
                time.sleep(0.02)
    raise RuntimeError(f"the Redis server at {address} is not ready after {_SECONDS_TO_START} s")


@pytest.fixture(scope="session")
def client(url: str) -> Iterator[redis.Redis]:
    """A client as KATO opens it for what it keeps for good."""
    with redis.Redis.from_url(url, decode_responses=True, max_connections=200) as opened:
        yield opened


@pytest.fixture
def kb(client: redis.Redis) -> Iterator[str]:
    """The name of a node's knowledge base; its keys are gone afterwards."""
    name = f"conformance_{uuid4().hex[:8]}_kato"
    yield name
    for key in list(client.scan_iter(match=f"*{name}*", count=1000)):
        client.unlink(key)
