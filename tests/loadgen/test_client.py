"""The HTTP client against servers that close, stall, babble and break off."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

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
        with contextlib.suppress(OSError):
            # Else the thread that accepts keeps the port.
            self._listener.shutdown(socket.SHUT_RDWR)
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


def test_what_had_not_left_goes_out_on_a_new_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server resets the connection after the check that it is open, and before a byte is sent."""

    def serve(connection: socket.socket, server: Server) -> None:
        server.request(connection)
        connection.sendall(OK)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with serving(serve) as server:
        client = HttpClient(server.url, 1, 5)
        assert client.request("POST", "/x", b"{}").error == ""
        (idle,) = client._idle
        deadline = time.monotonic() + 5
        while idle.is_fresh() and time.monotonic() < deadline:
            gevent.sleep(0.005)
        monkeypatch.setattr(client_module.Connection, "is_fresh", lambda self: True)
        exchange = client.request("POST", "/x", b"{}")
        assert (exchange.error, exchange.connection) == ("", 1)
        assert server.requests == server.connections == 2


def test_a_reset_connection_whose_server_is_gone_is_no_request_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def serve(connection: socket.socket, server: Server) -> None:
        server.request(connection)
        connection.sendall(OK)
        server.close()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with serving(serve) as server:
        client = HttpClient(server.url, 1, 5)
        assert client.request("GET", "/x").error == ""
        (idle,) = client._idle
        deadline = time.monotonic() + 5
        while idle.is_fresh() and time.monotonic() < deadline:
            gevent.sleep(0.005)
        monkeypatch.setattr(client_module.Connection, "is_fresh", lambda self: True)
        exchange = client.request("GET", "/x")
        assert (exchange.error, exchange.sent, exchange.connection) == ("connect", None, -1)


def silent(connection: socket.socket, server: Server) -> None:
    while server.request(connection):
        pass


def test_each_request_has_its_own_deadline() -> None:
    with serving(silent) as server:
        client = HttpClient(server.url, 20, 0.5)

        def call() -> float:
            began = time.monotonic()
            assert client.request("GET", "/x").error == "timeout"
            return time.monotonic() - began

        callers = [gevent.spawn_later(number * 0.02, call) for number in range(20)]
        took = [caller.get(timeout=10) for caller in callers]
    assert min(took) > 0.45
    assert max(took) < 1.0


def test_who_hurries_does_not_wait_for_requests_that_began_before() -> None:
    with serving(silent) as server:
        client = HttpClient(server.url, 2, 30)
        patient = gevent.spawn(client.request, "GET", "/x")
        gevent.sleep(0.05)
        client.hurry(0.2)
        began = time.monotonic()
        assert client.request("GET", "/x").error == "timeout"
        assert 0.15 < time.monotonic() - began < 2
        assert not patient.ready()
        patient.kill()


def test_a_deadline_ends_with_its_request() -> None:
    with serving(answering(OK)) as server:
        client = HttpClient(server.url, 1, 0.2)
        assert client.request("GET", "/x").error == ""
        # Raises if the deadline of the request that is over still hits its greenlet.
        gevent.sleep(0.5)
        assert client.request("GET", "/x").error == ""
        assert server.connections == 1


def test_who_is_ended_while_a_request_is_open_leaves_its_place() -> None:
    with serving(silent) as server:
        client = HttpClient(server.url, 1, 0.3)
        exchange = client_module.Exchange()
        caller = gevent.spawn(client.request, "GET", "/x", into=exchange)
        gevent.sleep(0.1)
        caller.kill()
        assert exchange.sent is not None
        assert (exchange.done, exchange.error) == (None, "")
        assert client.request("GET", "/x").error == "timeout"


def test_a_body_larger_than_any_buffer_arrives_both_ways() -> None:
    body = bytes(range(256)) * 12_000

    def serve(connection: socket.socket, server: Server) -> None:
        while received := server.request(connection):
            sent = received.partition(b"\r\n\r\n")[2]
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(sent) + sent)

    with serving(serve) as server:
        exchange = HttpClient(server.url, 1, 10).request("POST", "/x", body)
    assert exchange.error == ""
    assert exchange.body == body


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for localhost that signs itself."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    folder = tmp_path_factory.mktemp("tls")
    words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    words += " -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem"
    subprocess.run(words.split(), cwd=folder, check=True, capture_output=True)
    return folder


def encrypted(folder: Path, serve: Serve) -> Serve:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")

    def over_tls(connection: socket.socket, server: Server) -> None:
        try:
            with context.wrap_socket(connection, server_side=True) as wrapped:
                serve(wrapped, server)
        except OSError:
            return

    return over_tls


def test_tls_connections_are_used_again_and_replaced_once_closed(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))

    def serve(connection: socket.socket, server: Server) -> None:
        for _ in range(3):
            if server.request(connection):
                connection.sendall(OK)

    with serving(encrypted(certificate, serve)) as server:
        client = HttpClient(server.url.replace("http://127.0.0.1", "https://localhost"), 1, 5)
        for number in range(7):
            exchange = client.request("POST", "/x", b"{}")
            assert (exchange.error, exchange.body) == ("", b"ok")
            assert server.connections == 1 + number // 3
            deadline = time.monotonic() + 5
            while number % 3 == 2 and server.open and time.monotonic() < deadline:
                gevent.sleep(0.01)


def test_a_certificate_that_nobody_trusts_is_no_connection(certificate: Path) -> None:
    with serving(encrypted(certificate, answering(OK))) as server:
        client = HttpClient(server.url.replace("http://127.0.0.1", "https://localhost"), 1, 5)
        exchange = client.request("GET", "/x")
    assert (exchange.error, exchange.sent) == ("connect", None)
    assert server.requests == 0
