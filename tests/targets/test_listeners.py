"""Real processes that listen."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from bench.targets.listeners import listener

_LISTEN = r"""
import os, pathlib, socket, sys
pathlib.Path("/proc/self/comm").write_text(sys.argv[1])
server = socket.create_server(("127.0.0.1", 0))
for _ in range(int(sys.argv[2])):
    if not os.fork():
        break
os.write(1, b"%d\n" % server.getsockname()[1])
sys.stdin.read()
"""


@contextmanager
def serving(name: str, workers: int = 0) -> Iterator[tuple[int, int]]:
    """(pid, port) of a process called `name` that shares its socket with so many children."""
    command = [sys.executable, "-c", _LISTEN, name, str(workers)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ports = {int(process.stdout.readline()) for _ in range(workers + 1)}
        yield process.pid, ports.pop()
        process.communicate("")


pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="renames itself through /proc")


@pytest.mark.parametrize(("part", "name"), [("kato", "python3.12"), ("redis", "valkey-server")])
@pytest.mark.parametrize("workers", [0, 2])
def test_the_root_of_those_that_listen(part: str, name: str, workers: int) -> None:
    with serving(name, workers) as (pid, port):
        assert listener(part, port).pid == pid


@pytest.mark.parametrize("name", ["docker-proxy", "nginx", "ssh"])
def test_a_forwarder_is_not_the_part(name: str) -> None:
    with serving(name) as (_, port):
        found = listener("kato", port)
        assert found.pid is None
        assert name in (found.note or "")


def test_processes_that_are_not_related() -> None:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.bind(("127.0.0.1", 0))
        one.listen()
        port = one.getsockname()[1]
        command = (
            "import socket, sys; s = socket.socket(); "
            "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1); "
            f"s.bind(('127.0.0.1', {port})); s.listen(); print(flush=True); sys.stdin.read()"
        )
        with subprocess.Popen(
            [sys.executable, "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as other:
            assert other.stdout is not None
            other.stdout.readline()
            # This process is the other's parent, so that both count as one tree: its own.
            assert listener("kato", port).note == (
                "it runs in a process of kato-bench's own, whose CPU time is not its own"
            )
            other.communicate("")


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert "kato-bench" in (listener("kato", port).note or "")
    assert "cannot be seen" in (listener("kato", port).note or "")
    assert listener("kato", port).pid != os.getpid()


def test_a_parent_that_may_not_be_looked_into_is_no_listener(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a server's is that init has adopted, for everybody but root."""
    look = psutil.Process.net_connections

    def guarded(process: psutil.Process, kind: str = "inet") -> object:
        if process.pid == os.getpid():
            raise psutil.AccessDenied(process.pid)
        return look(process, kind)

    monkeypatch.setattr(psutil.Process, "net_connections", guarded)
    with serving("python3") as (pid, port):
        assert listener("kato", port).pid == pid
