"""HTTP/1.1 to the target: one request, one answer, nothing sent twice.

A pool of keep-alive connections apart from the sessions, with a hard cap: KATO answers *every* request with
503 once more connections are open than its limit. A socket that was idle for more than `MAX_IDLE` seconds, or
that the server has closed, is replaced before use, because KATO closes idle connections after 5 s and a POST
that meets the close must not be repeated behind the user's back. Where the close is met all the same, the
request goes out on a new connection only if not one byte of it had left; else it counts as `reset`, a GET
like a POST: a client that repeats requests hides what a target does to those that do not.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import gevent
import orjson
from gevent import ssl
from gevent.event import AsyncResult

from bench.loadgen.deadlines import Deadlines, Expired
from bench.loadgen.http1 import ParsedAnswer, broken_off, ordinary
from bench.loadgen.transports import NothingSentError, Transport, connect

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
        """Raises ValueError where the body is no JSON."""
        return orjson.loads(self.body)


class Connection:
    """One keep-alive connection; `number` counts the connections that the pool has opened.

    `buffer` is where bytes arrive. All connections of a client share it: what is in it is read before anybody
    else has a turn."""

    def __init__(self, number: int, transport: Transport, buffer: bytearray) -> None:
        self.number = number
        self.last_used = time.monotonic()
        self._transport = transport
        self._buffer = buffer
        self._view = memoryview(buffer)

    def is_fresh(self) -> bool:
        """False where the server may have closed, or has closed, this connection."""
        return time.monotonic() - self.last_used <= MAX_IDLE and self._transport.is_silent()

    def exchange(self, request: bytes, into: Exchange) -> bool:
        """Send and read one answer into `into`; True if the connection can carry another request.

        Raises OSError where the connection breaks before the answer is complete, NothingSentError where it
        is certain that nothing was sent."""
        into.connection = self.number
        into.sent = time.monotonic()
        try:
            self._transport.send(request)
        except NothingSentError:
            into.connection, into.sent = -1, None
            raise
        count = self._transport.receive_into(self._buffer)
        head = ordinary(self._buffer, 0, count)
        if head is None:
            return self._parse(count, into)
        start, length, status = head.end(), int(head[2]), int(head[1])
        if count - start > length:
            return self._parse(count, into)
        body = bytes(self._view[start:count])
        reusable = True
        if len(body) < length:
            body, reusable = self._rest(body, length)
        into.done = self.last_used = time.monotonic()
        into.status = status
        into.body = body
        return reusable

    def close(self) -> None:
        self._transport.close()

    def _rest(self, body: bytes, length: int) -> tuple[bytes, bool]:
        """The whole body, of which the beginning has arrived, and whether nothing came after it."""
        parts = [body]
        missing = length - len(body)
        while missing > 0:
            count = self._transport.receive_into(self._buffer)
            if not count:
                raise broken_off()
            parts.append(bytes(self._view[: min(count, missing)]))
            missing -= count
        return b"".join(parts), missing == 0

    def _parse(self, count: int, into: Exchange) -> bool:
        """Read an answer that is not ordinary; `count` bytes of it are in the buffer."""
        answer = ParsedAnswer()
        while True:
            if count:
                answer.feed(self._view[:count])
            elif answer.ends_with_connection:
                break
            else:
                raise broken_off()
            if answer.complete:
                break
            count = self._transport.receive_into(self._buffer)
        into.done = self.last_used = time.monotonic()
        into.status = answer.status
        into.body = answer.body
        return answer.keeps_alive


class HttpClient:
    """Requests to one base URL over at most `connections` connections; who waits is served in order."""

    def __init__(self, base_url: str, connections: int, timeout: float) -> None:
        url = urlsplit(base_url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError(f"not an HTTP URL: {base_url}")
        self._tls = ssl.create_default_context() if url.scheme == "https" else None
        self._address = (url.hostname, url.port or (443 if self._tls else 80))
        self._prefix = url.path.rstrip("/")
        first = f" HTTP/1.1\r\nHost: {url.netloc.rpartition('@')[2]}\r\n"
        # An empty POST still has to say so: a server may wait for a body otherwise.
        self._end_of_get = f"{first}\r\n"
        self._end_of_empty = f"{first}Content-Length: 0\r\n\r\n"
        self._end_of_json = f"{first}Content-Type: application/json\r\nContent-Length: "
        self._timeout = timeout
        self._deadlines = Deadlines()
        self._buffer = bytearray(_RECEIVE)
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
        if self._free > 0 and not self._waiting:
            self._free -= 1
        elif not self._wait_for_turn(patience):
            exchange.error = "dropped"
            return exchange
        connection: Connection | None = None
        reusable = False
        self._deadlines.begin(self._timeout)
        try:
            connection = self._connection()
            try:
                reusable = connection.exchange(message, exchange)
            except NothingSentError:
                connection.close()
                connection = None
                connection = self._open()
                reusable = connection.exchange(message, exchange)
        except Expired:
            exchange.error = "timeout"
        except OSError:
            exchange.error = "connect" if connection is None else "reset"
        finally:
            self._deadlines.end()
            if reusable and connection is not None:
                self._idle.append(connection)
            elif connection is not None:
                connection.close()
            self._release()
        if exchange.status >= 400:
            exchange.error = status_error(exchange.status)
        return exchange

    def reserve(self, patience: float | None) -> bool:
        """Take the place of one connection for a connection of another kind; False if none became free within
        `patience` seconds. `give_back` must follow."""
        if self._free > 0 and not self._waiting:
            self._free -= 1
            return True
        return self._wait_for_turn(patience)

    def give_back(self) -> None:
        self._release()

    def hurry(self, seconds: float) -> None:
        """From now on no request may take longer than this."""
        self._timeout = min(self._timeout, seconds)

    def close(self) -> None:
        self._deadlines.close()
        while self._idle:
            self._idle.pop().close()

    def _message(self, method: str, path: str, body: bytes | None) -> bytes:
        if body is not None:
            head = f"{method} {self._prefix}{path}{self._end_of_json}{len(body)}\r\n\r\n"
            return head.encode() + body
        end = self._end_of_get if method == "GET" else self._end_of_empty
        return f"{method} {self._prefix}{path}{end}".encode()

    def _wait_for_turn(self, patience: float | None) -> bool:
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
        return self._open()

    def _open(self) -> Connection:
        return Connection(next(self._numbers), connect(self._address, self._tls), self._buffer)


def status_error(status: int) -> str:
    """The error word for an answer's status; "" for 2xx and 3xx."""
    if status < 400:
        return ""
    if status == 503:
        return "overload"
    if status == 404:
        return "not_found"
    return "client_error" if status < 500 else "server_error"
