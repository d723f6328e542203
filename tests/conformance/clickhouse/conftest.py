"""ClickHouse's own client against the server that KATO_BENCH_CLICKHOUSE_URL names, else our pattern front.

Nothing of ours is imported: the suite runs in any environment that has pytest and a clickhouse-connect."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import clickhouse_connect
import pytest


@pytest.fixture(scope="session")
def url(
    tmp_path_factory: pytest.TempPathFactory,
    serve: Any,
    interpreter: str,
    free_port: Callable[[], int],
    answers: Callable[[str], bool],
) -> Iterator[str]:
    """Where the server under test answers."""
    if given := os.environ.get("KATO_BENCH_CLICKHOUSE_URL"):
        yield given.rstrip("/")
        return
    port, data = free_port(), tmp_path_factory.mktemp("clickhouse") / "data"
    address = f"http://127.0.0.1:{port}"
    # A query log of everything, as a server keeps it where KATO's profile does not raise the threshold.
    options = ["--port", str(port), "--data", str(data), "--set", "log_queries_min_query_duration_ms=0"]
    argv = [interpreter, "-m", "bench.targets.embedded.patterns", *options]
    with serve("the pattern front", argv, lambda: answers(f"{address}/ping")):
        yield address


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
