"""redis-py against a server: the one that KATO_BENCH_REDIS_URL names, else the deployment's own.

Only what is written here is deleted, so a server with data of others will do; what full memory does is asked
of an empty server only."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis

# The deployment's choice of a server, asked of an interpreter that has it.
_FIND = "from bench.targets.embedded.redis import find_server; print(find_server())"


@pytest.fixture(scope="session")
def url(
    tmp_path_factory: pytest.TempPathFactory,
    serve: Any,
    interpreter: str,
    root: Path,
    free_port: Callable[[], int],
) -> Iterator[str]:
    """Where the server under test answers."""
    if given := os.environ.get("KATO_BENCH_REDIS_URL"):
        yield given
        return
    found = subprocess.run([interpreter, "-c", _FIND], cwd=root, check=True, capture_output=True, text=True)
    port, folder = free_port(), tmp_path_factory.mktemp("redis")
    options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    options += ["--logfile", str(folder / "log")]
    address = f"redis://127.0.0.1:{port}/0"
    with serve("the Redis server", [found.stdout.strip(), *options], lambda: _answers(address)):
        yield address


def _answers(address: str) -> bool:
    with redis.Redis.from_url(address) as client:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False


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
