"""The HTTP client against servers that close, stall, babble and break off."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent
import pytest

from bench.loadgen import client as client_module
from bench.loadgen.client import HttpClient

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Serve = Callable[[socket.socket, "Server"], None]


class Server:
    """One thread a connection; counts connections and requests."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = self.requests = self.open = self.most_open = 0
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def request(self, connection: socket.socket) -> bytes:
        """One whole request, or nothing at the end of the stream."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return b""
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (int(h.split(b":")[1]) for h in head.split(b"\r\n") if h.startswith(b"Content-Length")), 0
        )
        while len(body) < length:
            body += connection.recv(65536)
        with self._lock:
            self.requests += 1
        return head + b"\r\n\r\n" + body

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._handle, args=(connection,), daemon=True).start()

    def _handle(self, connection: socket.socket) -> None:
        with self._lock:
            self.connections += 1
            self.open += 1
            self.most_open = max(self.most_open, self.open)
        with connection:
            self._serve(connection, self)
        with self._lock:
            self.open -= 1

    def close(self) -> None:
        self._listener.close()


@contextmanager
def serving(serve: Serve) -> Iterator[Server]:
    server = Server(serve)
    yield server
    server.close()


def answering(answer: bytes) -> Serve:
    def serve(connection: socket.socket, server: Server) -> None:
        while server.request(connection):
            connection.sendall(answer)

    return serve


def test_a_connection_is_used_again() -> None:
    with serving(answering(OK)) as server:
        client = HttpClient(server.url, 4, 5)
        exchanges = [client.request("POST", "/x", b"{}") for _ in range(10)]
    assert {(e.status, e.body, e.error) for e in exchanges} == {(200, b"ok", "")}
    assert server.connections == 1
    assert server.requests == 10


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
)
def test_forms_of_answers(answer: bytes) -> None:
    with serving(answering(answer)) as server:
        exchange = HttpClient(server.url, 1, 5).request("GET", "/x")
    assert (exchange.status, exchange.body, exchange.error) == (200, b"ok", "")


def test_a_body_may_end_with_the_connection() -> None:
    def serve(connection: socket.socket, server: Server) -> None:
        server.request(connection)
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nall there is")

    with serving(serve) as server:
        exchange = HttpClient(server.url, 1, 5).request("GET", "/x")
    assert (exchange.body, exchange.error) == (b"all there is", "")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "overload"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "not_found"),
        (b"HTTP/1.1 422 Nope\r\nContent-Length: 0\r\n\r\n", "client_error"),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", "server_error"),
        (b"-ERR unknown command\r\n", "reset"),
    ],
)
def test_errors_are_told_apart(answer: bytes, error: str) -> None:
    with serving(answering(answer)) as server:
        assert HttpClient(server.url, 1, 5).request("GET", "/x").error == error


@pytest.mark.parametrize("parts", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
def test_a_post_that_breaks_off_is_not_sent_again(parts: bytes) -> None:
    def serve(connection: socket.socket, server: Server) -> None:
        if server.request(connection) and parts:
            connection.sendall(parts)

    with serving(serve) as server:
        exchange = HttpClient(server.url, 2, 5).request("POST", "/observe", b"{}")
        assert exchange.error == "reset"
        assert exchange.sent is not None
        assert server.requests == 1


def test_a_connection_that_the_server_closed_is_replaced_before_use() -> None:
    def serve(connection: socket.socket, server: Server) -> None:
        server.request(connection)
        connection.sendall(OK)

    with serving(serve) as server:
        client = HttpClient(server.url, 1, 5)
        for number in range(1, 4):
            assert client.request("POST", "/x", b"{}").error == ""
            deadline = time.monotonic() + 5
            while server.open and time.monotonic() < deadline:
                gevent.sleep(0.01)
            assert server.connections == number


def test_a_connection_that_was_idle_for_long_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "MAX_IDLE", 0.2)
    with serving(answering(OK)) as server:
        client = HttpClient(server.url, 1, 5)
        client.request("GET", "/x")
        client.request("GET", "/x")
        assert server.connections == 1
        gevent.sleep(0.3)
        assert client.request("GET", "/x").error == ""
        assert server.connections == 2


def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        exchange = HttpClient(f"http://127.0.0.1:{unused.getsockname()[1]}", 1, 5).request("GET", "/x")
    assert (exchange.error, exchange.sent) == ("connect", None)


def test_a_time_out_covers_an_answer_that_drips() -> None:
    def serve(connection: socket.socket, server: Server) -> None:
        server.request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        try:
            for _ in range(100):
                connection.sendall(b".")
                time.sleep(0.05)
        except OSError:
            return

    with serving(serve) as server:
        began = time.monotonic()
        exchange = HttpClient(server.url, 1, 0.4).request("GET", "/x")
    assert exchange.error == "timeout"
    assert 0.3 < time.monotonic() - began < 2


def test_never_more_connections_than_the_cap_and_callers_are_served_in_order() -> None:
    def serve(connection: socket.socket, server: Server) -> None:
        while server.request(connection):
            time.sleep(0.01)
            connection.sendall(OK)

    served: list[int] = []
    with serving(serve) as server:
        client = HttpClient(server.url, 3, 10)

        def call(number: int) -> None:
            assert client.request("GET", "/x").error == ""
            served.append(number)

        gevent.joinall([gevent.spawn(call, number) for number in range(60)], raise_error=True)
    assert server.most_open == server.connections == 3
    assert max(abs(place - number) for place, number in enumerate(served)) < 6


def test_who_is_ended_while_waiting_gives_up_its_turn() -> None:
    def serve(connection: socket.socket, server: Server) -> None:
        while server.request(connection):
            time.sleep(0.05)
            connection.sendall(OK)

    with serving(serve) as server:
        client = HttpClient(server.url, 1, 10)
        callers = [gevent.spawn(client.request, "GET", "/x") for _ in range(10)]
        gevent.sleep(0.02)
        gevent.killall(callers[1:9])
        assert callers[9].get(timeout=5).error == ""
        assert client.request("GET", "/x").error == ""


def test_who_waits_longer_than_its_patience_is_dropped_and_the_next_is_served() -> None:
    def serve(connection: socket.socket, server: Server) -> None:
        while server.request(connection):
            time.sleep(0.3)
            connection.sendall(OK)

    with serving(serve) as server:
        client = HttpClient(server.url, 1, 10)
        first = gevent.spawn(client.request, "GET", "/x")
        gevent.sleep(0.02)
        hasty = gevent.spawn(client.request, "GET", "/x", patience=0.05)
        patient = gevent.spawn(client.request, "GET", "/x", patience=5)
        assert (hasty.get(timeout=5).error, hasty.get().sent) == ("dropped", None)
        assert first.get(timeout=5).error == patient.get(timeout=5).error == ""
        assert server.requests == 2
