"""Two deployments side by side, from two commands: what one learns, forgets or ends, the other never sees."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pytest
import redis

NODE = "shared_name"


@dataclass
class Deployment:
    command: subprocess.Popen[str]
    facts: dict[str, Any]

    def part(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(one for one in self.facts["parts"] if one["name"] == name)
        return found

    def processes(self) -> list[psutil.Process]:
        return psutil.Process(self.command.pid).children(recursive=True)

    def folder(self) -> Path:
        """The one that all of its parts live below."""
        above = {Path(psutil.Process(part["pid"]).cwd()).parent for part in self.facts["parts"]}
        assert len(above) == 1
        return above.pop()

    def ask(self, base: str, method: str, path: str, body: Any = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            base + path, data, {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            answer: bytes = response.read()
        return answer

    def kato(self, method: str, path: str, body: Any = None) -> Any:
        return json.loads(self.ask(self.facts["base_url"], method, path, body))

    def learn(self) -> str:
        """Teaches the node a pattern with a vector; the path of the session that did."""
        session = f"/sessions/{self.kato('POST', '/sessions', {'node_id': NODE})['session_id']}"
        self.kato("POST", f"{session}/observe", {"strings": ["a"], "vectors": [[0.5, 0.25]]})
        self.kato("POST", f"{session}/observe", {"strings": ["b"]})
        self.kato("POST", f"{session}/learn")
        return session

    def stored(self) -> tuple[int, int, int]:
        """Keys of Redis, rows of patterns, collections of vectors that belong to the node."""
        host, _, port = self.part("redis")["address"].rpartition(":")
        with redis.Redis(host=host, port=int(port)) as client:
            keys = sum(1 for _ in client.scan_iter(match=f"*{NODE}*", count=1000))
        rows = self.ask(
            self.part("clickhouse")["address"],
            "GET",
            "/?query=" + quote(f"SELECT count() FROM kato.patterns_data WHERE kb_id LIKE '%{NODE}%'"),
        )
        listed = json.loads(self.ask(self.part("qdrant")["address"], "GET", "/collections"))
        return keys, int(rows), sum(NODE in one["name"] for one in listed["result"]["collections"])


@pytest.fixture
def pair() -> Iterator[tuple[Deployment, Deployment]]:
    with ExitStack() as stack:
        commands = []
        for _ in range(2):
            command = subprocess.Popen(
                [sys.executable, "-m", "bench.cli", "up", "--workers", "1", "--json"],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            stack.callback(command.wait, 30)
            stack.callback(command.terminate)
            commands.append(command)
        # Both come up at the same time, so that they compete for ports.
        both = []
        for command in commands:
            assert command.stdout is not None
            both.append(Deployment(command, json.loads(command.stdout.readline())))
        yield both[0], both[1]


def test_two_deployments_never_meet(pair: tuple[Deployment, Deployment]) -> None:
    one, other = pair
    addresses = [{part["address"] for part in each.facts["parts"]} for each in pair]
    assert not addresses[0] & addresses[1]
    for each in pair:
        assert each.facts["start_seconds"] > 0
        assert 0 < each.facts["memory_bytes"] < 10**9
    home, elsewhere = one.folder(), other.folder()
    assert home != elsewhere

    one.learn()
    keys, rows, collections = one.stored()
    assert keys > 0
    assert (rows, collections) == (1, 1)
    assert other.stored() == (0, 0, 0)

    session = other.learn()
    one.kato("POST", f"{one.learn()}/clear-all")
    assert one.stored()[1] == 0
    assert other.stored()[1] == 1

    ended = one.processes()
    one.command.terminate()
    one.command.wait(30)
    psutil.wait_procs(ended, timeout=10)
    assert not [process for process in ended if process.is_running()]
    assert not home.exists()
    assert elsewhere.exists()
    assert other.kato("GET", f"{session}/stm")["session_id"]
    assert other.stored()[1] == 1
