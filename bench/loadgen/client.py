"""HTTP/1.1 to the target: one request, one answer, nothing sent twice.

A pool of keep-alive connections apart from the sessions, with a hard cap: KATO answers *every* request with
503 once more connections are open than its limit. A socket that was idle for more than `MAX_IDLE` seconds, or
that the server has closed, is replaced before use, because KATO closes idle connections after 5 s and a POST
that meets the close must not be repeated behind the user's back.
"""

from __future__ import annotations

import errno
import itertools
import json
import time
from collections import deque
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import gevent
import httptools
from gevent import socket, ssl
from gevent.event import AsyncResult

MAX_IDLE = 4.0
_RECEIVE = 262_144


@dataclass(slots=True)
class Exchange:
    """What became of one request. `sent` and `done` are `time.monotonic()` values; None = did not happen,
    so that `done` is None wherever no whole answer came.
    `error` is one of `bench.record.vocabulary.ERRORS`, judged on the transport and the status alone."""

    sent: float | None = None
    done: float | None = None
    status: int = 0
    body: bytes = b""
    error: str = ""
    connection: int = -1

    def json(self) -> Any:
        return json.loads(self.body)


class _Answer:
    """Collects one response from httptools' callbacks."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.parser = httptools.HttpResponseParser(self)
        self.complete = False
        self.keeps_alive = False
        self._headers_complete = False
        self._has_length = False

    @property
    def ends_with_connection(self) -> bool:
        """True where the body has no length of its own: the server's close is its proper end."""
        return self._headers_complete and not self._has_length

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._has_length = True

    def on_headers_complete(self) -> None:
        self._headers_complete = True

    def on_body(self, data: bytes) -> None:
        self.parts.append(data)

    def on_message_complete(self) -> None:
        self.complete = True
        # Once the parser has returned it answers for the next message, and always no.
        self.keeps_alive = self.parser.should_keep_alive()


class Connection:
    """One keep-alive connection; `number` counts the connections that the pool has opened."""

    def __init__(
        self, number: int, address: tuple[str, int], timeout: float, tls: ssl.SSLContext | None
    ) -> None:
        self.number = number
        self.last_used = time.monotonic()
        self._encrypted = tls is not None
        plain = socket.create_connection(address, timeout=timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = tls.wrap_socket(plain, server_hostname=address[0]) if tls else plain
        self._socket.settimeout(None)

    def is_fresh(self) -> bool:
        """False where the server may have closed, or has closed, this connection."""
        if time.monotonic() - self.last_used > MAX_IDLE:
            return False
        if self._encrypted:
            # Readable bytes may be the protocol's own, and say nothing of a close.
            return True
        try:
            # Anything readable between two requests is the server's close, or bytes that answer nothing.
            self._socket._sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def exchange(self, request: bytes, into: Exchange) -> bool:
        """Send and read one answer into `into`; True if the connection can carry another request.

        Raises OSError where the connection breaks before the answer is complete."""
        into.connection = self.number
        into.sent = time.monotonic()
        self._socket.sendall(request)
        answer = _Answer()
        while not answer.complete:
            data = self._socket.recv(_RECEIVE)
            if not data and answer.ends_with_connection:
                break
            if not data:
                raise ConnectionResetError(errno.ECONNRESET, "closed before the answer was complete")
            try:
                answer.parser.feed_data(data)
            except httptools.HttpParserError as error:
                raise ConnectionResetError(errno.EPROTO, f"no HTTP answer: {error}") from None
        into.done = self.last_used = time.monotonic()
        into.status = answer.parser.get_status_code()
        into.body = answer.parts[0] if len(answer.parts) == 1 else b"".join(answer.parts)
        return answer.keeps_alive

    def close(self) -> None:
        self._socket.close()


class HttpClient:
    """Requests to one base URL over at most `connections` connections; who waits is served in order."""

    def __init__(self, base_url: str, connections: int, timeout: float) -> None:
        url = urlsplit(base_url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError(f"not an HTTP URL: {base_url}")
        self._tls = ssl.create_default_context() if url.scheme == "https" else None
        self._address = (url.hostname, url.port or (443 if self._tls else 80))
        self._prefix = url.path.rstrip("/")
        self._host = url.netloc.rpartition("@")[2].encode()
        self._timeout = timeout
        self._idle: list[Connection] = []
        self._free = connections
        self._waiting: deque[AsyncResult[None]] = deque()
        self._numbers = itertools.count()

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        patience: float | None = None,
        into: Exchange | None = None,
    ) -> Exchange:
        """One exchange, written into `into` as it goes: a caller who is ended can see how far it came.

        Waits for a free connection first, at most `patience` seconds (then the request is `dropped`): that
        wait ends at `sent`. Never raises for what the target or the network does, never repeats a request."""
        message = self._message(method, path, body)
        exchange = Exchange() if into is None else into
        if not self._acquire(patience):
            exchange.error = "dropped"
            return exchange
        connection: Connection | None = None
        reusable = False
        try:
            with gevent.Timeout(self._timeout):
                connection = self._connection()
                reusable = connection.exchange(message, exchange)
        except gevent.Timeout:
            exchange.error = "timeout"
        except OSError:
            exchange.error = "connect" if connection is None else "reset"
        finally:
            if connection is not None:
                if reusable:
                    self._idle.append(connection)
                else:
                    connection.close()
            self._release()
        if not exchange.error:
            exchange.error = status_error(exchange.status)
        return exchange

    def hurry(self, seconds: float) -> None:
        """From now on no request may take longer than this."""
        self._timeout = min(self._timeout, seconds)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _message(self, method: str, path: str, body: bytes | None) -> bytes:
        head = f"{method} {self._prefix}{path} HTTP/1.1\r\nHost: ".encode() + self._host
        if body is None:
            # An empty POST still has to say so: a server may wait for a body otherwise.
            return head + (b"\r\nContent-Length: 0\r\n\r\n" if method != "GET" else b"\r\n\r\n")
        return head + b"\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    def _acquire(self, patience: float | None) -> bool:
        if self._free > 0 and not self._waiting:
            self._free -= 1
            return True
        turn: AsyncResult[None] = AsyncResult()
        self._waiting.append(turn)
        try:
            turn.get(timeout=patience)
        except BaseException as error:
            # The caller has waited enough, or was ended: its turn must go to the next one.
            if turn in self._waiting:
                self._waiting.remove(turn)
            else:
                self._release()
            if isinstance(error, gevent.Timeout):
                return False
            raise
        return True

    def _release(self) -> None:
        if self._waiting:
            self._waiting.popleft().set(None)
        else:
            self._free += 1

    def _connection(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_fresh():
                return connection
            connection.close()
        return Connection(next(self._numbers), self._address, self._timeout, self._tls)


def status_error(status: int) -> str:
    """The error word for an answer's status; "" for 2xx and 3xx."""
    if status < 400:
        return ""
    if status == 503:
        return "overload"
    if status == 404:
        return "not_found"
    return "client_error" if status < 500 else "server_error"
