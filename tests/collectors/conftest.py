"""Fixtures over the rig."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from collector_rig import ROOT, Child, Front, Kato, Valkey

from bench.collectors.base import Collector, Row
from bench.collectors.child import Spec
from bench.targets.base import TargetFacts


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


@pytest.fixture
def kato() -> Iterator[Kato]:
    server = Kato()
    yield server
    server.process.kill()
    server.process.wait()
