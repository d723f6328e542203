"""Addresses that a user gives of what runs already: what they may hold, and where they may point."""

from __future__ import annotations

import http.client
import ipaddress
import json
import re
import socket
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from bench.errors import UnreachableError, UsageError

_PORTS = {"http": 80, "https": 443, "redis": 6379}
_HIGHEST_PORT = 65_535
_HOST_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>\d{1,5}))?")
#: Where workers look for their master: Locust's own.
MASTER_PORT = 5557


@dataclass(frozen=True)
class Address:
    """Where something listens."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def base(self) -> str:
        """The address as a URL that ends without a slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"


def parse(title: str, url: str, schemes: tuple[str, ...], otherwise: str) -> Address:
    """The parts of a URL. Raises UsageError where it is malformed, of another scheme, or holds more than a
    host, a port and a path. The sentence begins with `title`, and says of a wrong scheme that the URL is
    `otherwise`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{title} {url!r} is not a URL ({error}).") from error
    if parts.scheme not in schemes or not parts.hostname:
        raise UsageError(f"{title} {_without_password(parts)!r} is {otherwise}.")
    if parts.query or parts.fragment or parts.username is not None:
        raise UsageError(f"{title} {_without_password(parts)!r} may hold a host, a port and a path only.")
    return Address(
        parts.scheme,
        parts.hostname,
        _PORTS[parts.scheme] if port is None else port,
        parts.path.rstrip("/"),
    )


def host_and_port(title: str, text: str, otherwise: int) -> tuple[str, int]:
    """The parts of `HOST[:PORT]`; an IPv6 address keeps its brackets. Port 0 means any free one.

    Raises UsageError that begins with `title` where the text is something else."""
    match = _HOST_PORT.fullmatch(text)
    port = int(match["port"] or otherwise) if match else -1
    if match is None or not 0 <= port <= _HIGHEST_PORT:
        raise UsageError(f"{title} {text!r}: give HOST or HOST:PORT, such as 10.0.0.5:{MASTER_PORT}.")
    return match["host"], port


def _without_password(parts: SplitResult) -> str:
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def require_loopback(address: Address) -> None:
    """Raises UsageError for another machine, OSError where the name cannot be looked up."""
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    if not all(ipaddress.ip_address(place[0]).is_loopback for *_, place in found):
        raise UsageError(
            f"{address.host} is another machine, and loading other hosts than loopback is not "
            "offered yet: forward its port to this machine, or name localhost."
        )


def get(address: Address, path: str, timeout: float) -> tuple[int, bytes]:
    """Status and body of one answer. Raises OSError and http.client.HTTPException."""
    secure = address.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(address.host, address.port, timeout=timeout)
    try:
        connection.request("GET", address.path + path, headers={"Accept": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def json_object(body: bytes) -> dict[str, Any] | None:
    """A body as the JSON object that it is, None where it is something else."""
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


#: What `get`, `require_loopback` and a plain socket raise where nothing answers as it should.
FAILURES = (OSError, UnicodeError, http.client.HTTPException)


def unreachable(address: Address, error: Exception) -> UnreachableError:
    """One of `FAILURES` as a sentence."""
    return UnreachableError(f"{address.base} cannot be reached: {_reason(error)}.")


def _reason(error: Exception) -> str:
    if isinstance(error, (socket.gaierror, UnicodeError)):
        return "its name is not known"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(error, TimeoutError):
        return "it does not answer"
    if isinstance(error, ssl.SSLError):
        return f"its TLS is not accepted ({error.reason or error})"
    if isinstance(error, http.client.HTTPException):
        return "it does not speak HTTP"
    return str(getattr(error, "strerror", None) or error)
