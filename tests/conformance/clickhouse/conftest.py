"""ClickHouse's own client against the server that KATO_BENCH_CLICKHOUSE_URL names, else our pattern front.

Nothing of ours is imported: the suite runs in any environment that has pytest and a clickhouse-connect."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import clickhouse_connect
import pytest

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
            raise RuntimeError(f"the pattern front ended with exit code {process.returncode} at its start")
        try:
            with urllib.request.urlopen(f"{url}/ping"):
                return
        except urllib.error.URLError:
            time.sleep(0.02)
    raise RuntimeError(f"the pattern front at {url} is not ready after {_SECONDS_TO_START} s")


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the server under test answers."""
    if given := os.environ.get("KATO_BENCH_CLICKHOUSE_URL"):
        yield given.rstrip("/")
        return
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    data = tmp_path_factory.mktemp("clickhouse") / "data"
    # A query log of everything, as a server keeps it where KATO's profile does not raise the threshold.
    options = ["--port", str(port), "--data", str(data), "--set", "log_queries_min_query_duration_ms=0"]
    process = subprocess.Popen([_interpreter(), "-m", "bench.targets.embedded.patterns", *options], cwd=_ROOT)
    try:
        _wait_ready(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


Connect = Callable[..., Any]


@pytest.fixture(scope="session")
def address(url: str) -> dict[str, Any]:
    """The server and its user, as the client's functions take them."""
    parts = urlsplit(url)
    return {
        "host": parts.hostname,
        "port": parts.port,
        "secure": parts.scheme == "https",
        "username": unquote(parts.username or "default"),
        "password": unquote(parts.password or ""),
    }


@pytest.fixture(scope="session")
def connect(address: dict[str, Any]) -> Iterator[Connect]:
    """Opens clients as KATO opens its own; all are closed in the end."""
    opened: list[Any] = []

    def open_one(**options: Any) -> Any:
        client = clickhouse_connect.get_client(
            **{
                **address,
                "connect_timeout": 10,
                "send_receive_timeout": 30,
                "compress": True,
                **options,
            }
        )
        opened.append(client)
        return client

    yield open_one
    for client in opened:
        client.close()


@pytest.fixture(scope="session")
def client(connect: Connect) -> Any:
    return connect()


@pytest.fixture(scope="session")
def database(client: Any) -> Iterator[str]:
    """A database of this run's own, so that any server will do."""
    name = f"conformance_{uuid4().hex[:8]}"
    client.command(f"CREATE DATABASE {name}")
    yield name
    client.command(f"DROP DATABASE {name}")


@pytest.fixture
def table(client: Any, database: str) -> Iterator[str]:
    """An empty table (a String, b UInt32, c Array(String))."""
    name = f"{database}.t_{uuid4().hex[:8]}"
    client.command(f"CREATE TABLE {name} (a String, b UInt32, c Array(String)) ENGINE = MergeTree ORDER BY a")
    yield name
    client.command(f"DROP TABLE {name}")
