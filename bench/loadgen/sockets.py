"""KATO's session events over WebSockets.

Import it where Locust was imported before: what waits here then lets others run.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import gevent
import websocket

from bench.loadgen.client import Exchange, HttpClient, status_error

EVENTS = "/ws/events"
_SWITCHING_PROTOCOLS = 101
#: Seconds for the other side to say goodbye.
_CLOSING = 1.0


class RefusedError(ConnectionError):
    """The target answered the handshake with an HTTP status of its own."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the handshake was answered {status}")
        self.status = status


class EventSocket:
    """One open socket."""

    def __init__(self, url: str, timeout: float) -> None:
        """Raises RefusedError, TimeoutError, or another OSError where it cannot be opened."""
        with _as_os_error():
            # Nobody redirects it to another machine.
            self._socket = websocket.create_connection(
                url, timeout=timeout, socket=_stream(url, timeout), redirect_limit=0
            )

    def receive(self) -> str:
        """The next message. Raises OSError where the socket breaks or is closed, TimeoutError where nothing
        comes within its time-out."""
        with _as_os_error():
            opcode, data = self._socket.recv_data()
        if opcode != websocket.ABNF.OPCODE_TEXT:
            raise ConnectionResetError("the target closed the socket")
        text: str = data.decode(errors="replace") if isinstance(data, bytes) else data
        return text

    def wait_for_ever(self) -> None:
        """From now on `receive` has no time-out."""
        self._socket.settimeout(None)

    def send(self, text: str) -> None:
        """Raises OSError where the socket is broken."""
        with _as_os_error():
            self._socket.send(text)

    def close(self) -> None:
        self._socket.close(timeout=_CLOSING)


def _stream(url: str, timeout: float) -> socket.socket:
    """The stream below a WebSocket. Left to itself, websocket-client takes the way through the proxy that the
    environment names, to loopback too."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    encrypted = parts.scheme == "wss"
    stream = socket.create_connection((parts.hostname, parts.port or (443 if encrypted else 80)), timeout)
    try:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if encrypted:
            return ssl.create_default_context().wrap_socket(stream, server_hostname=parts.hostname)
    except BaseException:
        stream.close()
        raise
    return stream


class Sockets:
    """Opens sockets to one target. Each takes a place among the connections that `client` may have: KATO
    counts all alike, and answers every request with 503 once there are too many."""

    def __init__(self, base_url: str, client: HttpClient, timeout: float) -> None:
        # http becomes ws, https becomes wss.
        self._base = "ws" + base_url.removeprefix("http").rstrip("/")
        self._client = client
        self._timeout = timeout

    @contextmanager
    def subscribe(self) -> Iterator[EventSocket]:
        """A socket that hears of sessions as long as the block lasts. Raises OSError where none opens."""
        if not self._client.reserve(self._timeout):
            raise TimeoutError("no connection was free")
        try:
            opened = EventSocket(self._base + EVENTS, self._timeout)
            try:
                yield opened
            finally:
                opened.close()
        finally:
            self._client.give_back()

    def visit(self, path: str, patience: float, into: Exchange) -> None:
        """Open a socket, take its first message as the answer, exchange a ping for a pong, and close it.

        Waits at most `patience` seconds for a place among the connections. Never raises for what the target
        or the network does: `into.error` says it."""
        if not self._client.reserve(patience):
            into.error = "dropped"
            return
        opened: EventSocket | None = None
        into.sent = time.monotonic()
        try:
            with gevent.Timeout(self._timeout):
                opened = EventSocket(self._base + path, self._timeout)
                into.body = opened.receive().encode()
                opened.send("ping")
                # Events of sessions may come first.
                while opened.receive() != "pong":
                    pass
            into.status = _SWITCHING_PROTOCOLS
            into.done = time.monotonic()
        except RefusedError as refusal:
            into.status = refusal.status
            into.done = time.monotonic()
            into.error = status_error(refusal.status) or "invalid"
        except (gevent.Timeout, TimeoutError):
            into.error = "timeout"
        except OSError:
            into.error = "connect" if opened is None else "reset"
        finally:
            if opened is not None:
                opened.close()
            self._client.give_back()


@contextmanager
def _as_os_error() -> Iterator[None]:
    """Errors of the WebSocket protocol as what the network's own errors are."""
    try:
        yield
    except websocket.WebSocketBadStatusException as error:
        raise RefusedError(error.status_code) from None
    except websocket.WebSocketTimeoutException as error:
        raise TimeoutError(str(error)) from None
    except websocket.WebSocketException as error:
        raise ConnectionResetError(str(error)) from None
