"""A real pattern store in a process of its own, and unmodified clients for it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

READY_WITHIN = 20.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Store:
    """One `python -m bench.targets.embedded.patterns`; its output is in `log`."""

    def __init__(self, data: Path, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.data = data
        # A client costs 25 ms to make, most of it for TLS, which nobody speaks here.
        self.http = httpx.Client(timeout=30, verify=False)
        self._output = data.with_suffix(".log")
        command = [sys.executable, "-m", "bench.targets.embedded.patterns"]
        with self._output.open("ab") as output:
            self.process = subprocess.Popen(
                [*command, "--port", str(self.port), "--data", str(data), *arguments],
                stdout=output,
                stderr=output,
                env={**os.environ, **(env or {})},
            )

    @property
    def log(self) -> str:
        return self._output.read_text()

    def wait_ready(self) -> Store:
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.http.get(f"{self.url}/ping").text == "Ok.\n":
                    return self
            except httpx.TransportError:
                time.sleep(0.02)
        raise AssertionError(f"the store did not become ready: {self.log}")

    def client(self, **options: Any) -> Any:
        import clickhouse_connect

        return clickhouse_connect.get_client(host="127.0.0.1", port=self.port, **options)

    def post(self, text: str | bytes, **parameters: str) -> httpx.Response:
        return self.http.post(f"{self.url}/", params=parameters, content=text)

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(timeout=15)
        self.http.close()
        return code


StartStore = Callable[..., Store]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store that all tests share; each makes tables or nodes of its own."""
    running = Store(tmp_path_factory.mktemp("patterns") / "data").wait_ready()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def new_store() -> type[Store]:
    """For fixtures that start a store which outlives one test."""
    return Store


@pytest.fixture
def start_store(tmp_path: Path) -> Iterator[StartStore]:
    """Starts stores that one test has for itself; all are ended with it."""
    started: list[Store] = []

    def start(data: Path | None = None, *arguments: str, env: Mapping[str, str] | None = None) -> Store:
        started.append(Store(data or tmp_path / "data", *arguments, env=env))
        return started[-1]

    yield start
    for running in started:
        running.stop(signal.SIGKILL)


@pytest.fixture(params=[True, False], ids=["compressed", "plain"])
def client(request: pytest.FixtureRequest, store: Store) -> Iterator[Any]:
    """clickhouse-connect as KATO uses it, with and without compression."""
    connected = store.client(compress=request.param)
    yield connected
    connected.close()
