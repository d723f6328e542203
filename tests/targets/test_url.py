from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bench.errors import BenchError, UnreachableError, UsageError
from bench.targets.url import UrlTarget

ABOUT = {"service": "KATO API", "version": "3.10.1"}
HEALTH = {"status": "healthy", "last_collection": 1.0, "active_sessions": 0}
KATO = {"/": (200, ABOUT), "/health": (200, HEALTH)}
Answers = dict[str, tuple[int, Any]]


@contextmanager
def server(answers: Answers) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers.get(self.path, (404, {"detail": "Not Found"}))
            data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{httpd.server_port}"
        finally:
            httpd.shutdown()
            thread.join()


@contextmanager
def dripping() -> Iterator[str]:
    """A server that sends one byte of its answer every 50 ms, for ever."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while not stop.wait(0.05):
                    connection.sendall(b" ")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stop.set()
            thread.join()


def test_kato_is_told_from_its_answers() -> None:
    with server(KATO) as url:
        target = UrlTarget(url + "/")
        facts = target.start()
        target.close()
    assert facts.kind == "url"
    assert facts.base_url == url
    assert facts.kato_version == "3.10.1"
    assert facts.workers is None
    assert [part.name for part in facts.parts] == ["kato", "redis", "qdrant", "clickhouse"]
    assert [(part.note or "").split(" ", 3)[:3] for part in facts.parts] == [
        ["it", "runs", "in"],
        *[["its", "address", "is"]] * 3,
    ]
    assert {part.pid for part in facts.parts} == {None}


def test_below_a_path_and_by_name() -> None:
    answers = {f"/kato{path}": answer for path, answer in KATO.items()}
    with server(answers) as url:
        by_name = url.replace("127.0.0.1", "localhost") + "/kato/"
        assert UrlTarget(by_name).start().base_url == by_name.rstrip("/")


@pytest.mark.parametrize(
    ("answers", "kind", "words"),
    [
        ({}, UsageError, "GET /health with 404"),
        ({"/health": (200, "fine")}, UsageError, "something else than a JSON object"),
        ({"/health": (200, [1])}, UsageError, "is not KATO"),
        ({**KATO, "/health": (200, {"ok": True})}, UsageError, "/health"),
        ({**KATO, "/health": (301, {})}, UsageError, "301"),
        ({**KATO, "/": (503, "Service Unavailable")}, UnreachableError, "503"),
    ],
)
def test_something_else_answers(answers: Answers, kind: type[BenchError], words: str) -> None:
    with server(answers) as url, pytest.raises(kind) as caught:
        UrlTarget(url).start()
    assert url in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize(("there", "refused"), [(96, False), (97, True)])
def test_no_node_of_the_users_is_pushed_out(there: int, refused: bool) -> None:
    metrics = {"processor_manager": {"total_processors": there, "max_processors": 100}}
    with server({**KATO, "/metrics": (200, metrics)}) as url:
        target = UrlTarget(url, nodes=4)
        if refused:
            with pytest.raises(UsageError, match="holds 97 nodes and at most 100"):
                target.start()
        else:
            assert target.start().kind == "url"


def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(UnreachableError, match=f"{url} cannot be reached: nothing listens there"):
            UrlTarget(url).start()


def test_it_does_not_speak_http() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"-ERR unknown command\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(UnreachableError, match="does not speak HTTP"):
            UrlTarget(f"http://127.0.0.1:{listener.getsockname()[1]}").start()
        thread.join()


def test_the_whole_check_takes_no_longer_than_told() -> None:
    started = time.monotonic()
    with dripping() as url, pytest.raises(UnreachableError, match=r"within 0\.4 s"):
        UrlTarget(url, timeout=0.4).start()
    assert time.monotonic() - started < 2


def test_silence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(UnreachableError) as caught:
            UrlTarget(url, timeout=0.3).start()
    assert url in str(caught.value)


@pytest.mark.parametrize("url", ["http://no-such-host.invalid:8000", "http://a..b:8000"])
def test_an_unknown_name(url: str) -> None:
    with pytest.raises(UnreachableError) as caught:
        UrlTarget(url).start()
    assert url in str(caught.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("localhost:8000", "http://localhost:8000"),
        ("", "http://localhost:8000"),
        ("ftp://localhost", "http://localhost:8000"),
        ("http://", "http://localhost:8000"),
        ("http://localhost:99999", "not a URL"),
        ("http://[::1", "not a URL"),
        ("http://localhost:8000/?a=b", "a host, a port and a path only"),
        ("http://192.0.2.1:8000", "another machine"),
        ("http://[2001:db8::1]:8000", "another machine"),
    ],
)
def test_an_address_that_is_not_taken(url: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        UrlTarget(url).start()
    assert words in str(caught.value)


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        UrlTarget("http://me:secret@localhost:8000").start()
    assert "secret" not in str(caught.value)
