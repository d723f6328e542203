"""WebSockets to servers that answer, redirect, break off and fall silent."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from websockets.sync.server import ServerConnection, serve

from bench.loadgen.client import Exchange, HttpClient
from bench.loadgen.sockets import EVENTS, Sockets

Handle = Callable[[ServerConnection], None]


@contextmanager
def listening(handle: Handle) -> Iterator[str]:
    """The base URL of a server of WebSockets."""
    with serve(handle, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """The base URL of a server that answers the handshake of one connection with these bytes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_one() -> None:
            accepted, _ = listener.accept()
            with accepted:
                accepted.recv(65_536)
                accepted.sendall(answer)

        thread = threading.Thread(target=answer_one)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def visit(base: str, timeout: float = 5.0) -> Exchange:
    exchange = Exchange()
    Sockets(base, HttpClient(base, 1, timeout), timeout).visit(EVENTS, timeout, exchange)
    return exchange


def greet(connection: ServerConnection) -> None:
    connection.send('{"event_type": "state.snapshot"}')
    for text in connection:
        if text == "ping":
            connection.send('{"event_type": "session.created"}')
            connection.send("pong")


def test_the_first_message_is_the_answer() -> None:
    with listening(greet) as base:
        exchange = visit(base)
    assert (exchange.error, exchange.status) == ("", 101)
    assert exchange.body == b'{"event_type": "state.snapshot"}'


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY"])
def test_no_proxy_stands_between(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy, listening(greet) as base:
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        monkeypatch.setenv("no_proxy", "example.org")
        assert visit(base).error == ""


def test_no_redirection_is_followed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.setblocking(False)
        location = f"ws://127.0.0.1:{elsewhere.getsockname()[1]}/"
        head = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        with answering(head.encode()) as base:
            assert visit(base).error == "connect"
        with pytest.raises(BlockingIOError):
            elsewhere.accept()


@pytest.mark.parametrize(
    ("answer", "error", "status"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "overload", 503),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "not_found", 404),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "invalid", 200),
        (b"", "connect", 0),
        (b"-ERR unknown command\r\n", "connect", 0),
    ],
)
def test_handshakes_that_fail(answer: bytes, error: str, status: int) -> None:
    with answering(answer) as base:
        exchange = visit(base)
    assert (exchange.error, exchange.status) == (error, status)


def test_a_socket_that_breaks_off_and_one_that_says_nothing() -> None:
    with listening(lambda connection: connection.close()) as base:
        assert visit(base).error == "reset"
    over = threading.Event()
    with listening(lambda connection: over.wait(20)) as base:
        assert visit(base, timeout=0.3).error == "timeout"
        over.set()


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert visit(f"http://127.0.0.1:{port}").error == "connect"
