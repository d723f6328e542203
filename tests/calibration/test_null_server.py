"""The server that does nothing still speaks HTTP and KATO's contract."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import httpx
import pytest


@pytest.fixture
def start() -> Iterator[Callable[..., str]]:
    servers: list[subprocess.Popen[str]] = []

    def begin(*flags: str) -> str:
        command = [sys.executable, "-m", "bench.loadgen.null_server", *flags]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        servers.append(server)
        assert server.stdout is not None
        return server.stdout.readline().strip()

    yield begin
    for server in servers:
        server.kill()
        server.wait()


@pytest.mark.parametrize(
    ("method", "path", "key"),
    [
        ("GET", "/", "version"),
        ("GET", "/health", "status"),
        ("POST", "/sessions", "session_id"),
        ("POST", "/sessions/x/observe", "stm_length"),
        ("POST", "/sessions/x/observe-sequence", "observations_processed"),
        ("POST", "/sessions/x/learn", "pattern_name"),
        ("GET", "/sessions/x/predictions", "predictions"),
        ("GET", "/sessions/x/stm", "stm"),
        ("POST", "/sessions/x/clear-stm", "status"),
        ("DELETE", "/sessions/x", "status"),
    ],
)
def test_every_operation_has_what_a_good_answer_holds(
    start: Callable[..., str], method: str, path: str, key: str
) -> None:
    answer = httpx.request(method, start() + path, json={} if method == "POST" else None)
    assert answer.status_code == 200
    assert key in answer.json()


def test_predictions_may_be_large(start: Callable[..., str]) -> None:
    answer = httpx.get(start("--size", "20000") + "/sessions/x/predictions")
    assert 20_000 <= len(answer.content) <= 20_050
    assert answer.json()["count"] == 0


def test_requests_may_come_in_pieces_or_several_at_once(start: Callable[..., str]) -> None:
    address = start().removeprefix("http://").split(":")
    body = b'{"strings":["a"]}'
    post = b"POST /sessions/x/observe HTTP/1.1\r\nHost: x\r\nCONTENT-LENGTH: %d\r\n\r\n" % len(body) + body
    get = b"GET /sessions/x/predictions HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection((address[0], int(address[1])), timeout=5) as connection:
        connection.sendall(post[:40])
        connection.sendall(post[40:70])
        connection.sendall(post[70:] + get + get)
        received = b""
        while received.count(b'"count"') < 2:
            data = connection.recv(65_536)
            assert data
            received += data
    bodies = [json.loads(part.split(b"\r\n\r\n")[1]) for part in received.split(b"HTTP/1.1 200 OK")[1:]]
    assert ["stm_length" in bodies[0], "count" in bodies[1], "count" in bodies[2]] == [True] * 3
