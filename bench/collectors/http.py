"""HTTP clients of the collectors."""

from __future__ import annotations

import ssl
from http.client import HTTPConnection, HTTPSConnection
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx

#: A source that takes longer says nothing in this sample; the loop around it must come round.
TIMEOUT = 2.0


def client(base_url: str) -> httpx.Client:
    """A client with one connection and a short timeout that ignores proxies from the environment: what is
    measured must be the part itself."""
    return httpx.Client(
        base_url=base_url if "://" in base_url else f"http://{base_url}",
        timeout=TIMEOUT,
        trust_env=False,
        limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
        headers={"User-Agent": "kato-bench"},
    )


class Site:
    """Where connections of one's own are opened: a pool would decide by itself which of them to use again."""

    def __init__(self, base_url: str) -> None:
        self._url = urlsplit(base_url)
        # Costs some 20 ms, so once for all connections.
        self._tls = ssl.create_default_context() if self._url.scheme == "https" else None

    def connect(self) -> Connection:
        """A new TCP connection, opened by the first request."""
        host, port = self._url.hostname or "", self._url.port
        if self._tls is not None:
            return Connection(HTTPSConnection(host, port, timeout=TIMEOUT, context=self._tls), self._url.path)
        return Connection(HTTPConnection(host, port, timeout=TIMEOUT), self._url.path)


class Connection:
    """One TCP connection, closed with the `with` block."""

    def __init__(self, connection: HTTPConnection, prefix: str) -> None:
        self._connection = connection
        self._prefix = prefix.rstrip("/")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._connection.close()

    @property
    def open(self) -> bool:
        """False before the first request, and once the server has said that it closes."""
        return self._connection.sock is not None

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body. Raises OSError (TimeoutError among them) and http.client.HTTPException."""
        self._connection.request("GET", self._prefix + path, headers={"User-Agent": "kato-bench"})
        # Never a second connection in place of this one: another worker might answer there.
        self._connection.auto_open = 0
        answer = self._connection.getresponse()
        return answer.status, answer.read()
