"""Each way in which a request can fail, from a server that fails in exactly that way, down to the row that is
kept and the words that a reader gets."""

from __future__ import annotations

import contextlib
import math
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import gevent
import pytest
from gevent import socket as gevent_socket

from bench.loadgen import operations
from bench.loadgen.client import Exchange, HttpClient
from bench.loadgen.operations import Request
from bench.loadgen.recorder import Recorder
from bench.loadgen.session import Session, Turn
from bench.loadgen.traffic import Traffic
from bench.record import frames
from bench.record.tables import rows_from_frame
from bench.record.vocabulary import ERRORS, LOST
from bench.report.sentences import failures

TIMEOUT = 0.4

Answer = Callable[[socket.socket], None]


class _Silence:
    _handlers = ()

    def fire(self, **_: Any) -> None:
        pass


class SilentEvents:
    request = _Silence()


class Server:
    """Does to each request what it is told; one thread a connection."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while connection.recv(65_536):
                self._answer(connection)

    def close(self) -> None:
        self._listener.close()


def says(status: str, body: bytes = b"{}") -> Answer:
    text = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    return lambda connection: connection.sendall(text)


def breaks_off(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    connection.shutdown(socket.SHUT_RDWR)


def stays_silent(connection: socket.socket) -> None:
    time.sleep(3 * TIMEOUT)


def one_request(url: str, request: Request, session_id: str = "s1") -> tuple[Exchange, dict[str, Any]]:
    """Send it through the real traffic and recorder; what came of it, and its row."""
    ours, theirs = gevent_socket.socketpair()
    recorder = Recorder(theirs, 0.0, 0)
    traffic = Traffic(HttpClient(url, 2, TIMEOUT), SilentEvents(), recorder, 10.0)
    now = time.monotonic()
    turn = Turn(now, now, "measure")
    recorder.begin(turn)
    exchange = traffic.send(Session(0, 0, "node", session_id), request, turn)
    recorder.finish()
    return exchange, row_of(ours)


def row_of(received: gevent_socket.socket) -> dict[str, Any]:
    """The one row that a recorder sent."""
    content = b""
    while data := received.recv(65_536):
        content += data
    (payload,) = [payload for kind, payload in frames.FrameReader().feed(content) if kind == frames.ROWS]
    return {name: column[0] for name, column in rows_from_frame(payload).items()}


CASES = [
    ("overload", says("503 Service Unavailable"), operations.predict(), 503),
    ("lost_session", says("404 Not Found"), operations.predict(), 404),
    ("not_found", says("404 Not Found"), operations.create("node", {}), 404),
    ("client_error", says("422 Unprocessable Entity"), operations.observe(["a"]), 422),
    ("client_error", says("400 Bad Request"), operations.learn(), 400),
    ("server_error", says("500 Internal Server Error"), operations.predict(), 500),
    ("server_error", says("502 Bad Gateway"), operations.predict(), 502),
    ("invalid", says("200 OK", b'{"something": "else"}'), operations.predict(), 200),
    ("invalid", says("200 OK", b"<html>no KATO</html>"), operations.predict(), 200),
    ("invalid", says("200 OK", b""), operations.observe(["a"]), 200),
    ("invalid", says("200 OK", b'{"session_id": 7}'), operations.create("node", {}), 200),
    ("timeout", stays_silent, operations.predict(), 0),
    ("reset", breaks_off, operations.predict(), 0),
    ("reset", lambda connection: connection.close(), operations.predict(), 0),
    ("reset", lambda connection: connection.sendall(b"SSH-2.0-OpenSSH\r\n"), operations.predict(), 0),
]


@pytest.mark.parametrize(("kind", "answer", "request_", "status"), CASES)
def test_a_failure_is_called_what_it_is(kind: str, answer: Answer, request_: Request, status: int) -> None:
    server = Server(answer)
    try:
        exchange, row = one_request(server.url, request_)
    finally:
        server.close()
    assert (exchange.error, ERRORS[row["error"]]) == (kind, kind)
    assert row["status"] == status
    # It was sent, so that it counts in every percentile: with its time, or as slower than any.
    assert not math.isnan(row["sent"])
    assert math.isnan(row["done"]) == (kind in LOST)
    assert row["items"] == -1


def test_a_good_answer_is_none() -> None:
    server = Server(says("200 OK", b'{"predictions": [], "count": 0}'))
    exchange, row = one_request(server.url, operations.predict())
    server.close()
    assert (exchange.error, row["error"], row["items"]) == ("", 0, 0)


def test_a_time_out_is_censored_at_the_time_out_and_not_dropped() -> None:
    server = Server(stays_silent)
    began = time.monotonic()
    exchange, row = one_request(server.url, operations.predict())
    server.close()
    assert TIMEOUT <= time.monotonic() - began < TIMEOUT + 2
    assert exchange.error == "timeout"
    assert row["due"] <= row["picked"] <= row["sent"]
    assert "timeout" in LOST


def test_no_connection_is_no_time_out() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        exchange, row = one_request(f"http://127.0.0.1:{unused.getsockname()[1]}", operations.predict())
    assert (exchange.error, ERRORS[row["error"]]) == ("connect", "connect")
    assert math.isnan(row["sent"])


def test_a_session_that_could_not_be_made_sends_nothing() -> None:
    exchange, row = one_request("http://127.0.0.1:9", operations.predict(), session_id="")
    assert (exchange.error, ERRORS[row["error"]]) == ("dropped", "dropped")


def test_a_request_that_is_open_at_the_end_is_unanswered() -> None:
    server = Server(stays_silent)
    ours, theirs = gevent_socket.socketpair()
    recorder = Recorder(theirs, 0.0, 0)
    traffic = Traffic(HttpClient(server.url, 1, 10.0), SilentEvents(), recorder, 10.0)
    now = time.monotonic()
    turn = Turn(now, now, "measure")
    recorder.begin(turn)
    asking = gevent.spawn(traffic.send, Session(0, 0, "n", "s"), operations.predict(), turn)
    gevent.sleep(0.1)
    asking.kill()
    recorder.finish()
    row = row_of(ours)
    server.close()
    assert ERRORS[row["error"]] == "unanswered"
    assert not math.isnan(row["sent"])
    assert math.isnan(row["done"])


def test_every_kind_has_plain_words() -> None:
    for kind in ERRORS[1:]:
        said = failures({kind: 2})
        assert said.startswith("2 ")
        assert said.removeprefix("2 ") != kind
    assert failures({"timeout": 2, "overload": 1234}) == "1 234 refused by admission (503), 2 timed out"
