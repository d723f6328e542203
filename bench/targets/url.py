"""A KATO deployment that already runs, known by the URL of its API alone."""

from __future__ import annotations

import http.client
import ipaddress
import json
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from bench.errors import BenchError, UnreachableError, UsageError
from bench.targets.base import PartFacts, TargetFacts

_STORES = ("redis", "qdrant", "clickhouse")


class UrlTarget:
    """Checks that KATO answers at `url`. It starts nothing and so ends nothing.

    `nodes`: how many nodes the run will add; refused where a KATO worker would evict others for them, and
    delete their vectors. `timeout`: seconds for the whole check, name resolution included."""

    def __init__(self, url: str, timeout: float = 5.0, nodes: int = 0) -> None:
        self._url = url
        self._nodes = nodes
        self._timeout = timeout

    def start(self) -> TargetFacts:
        """What KATO says of itself. Raises UnreachableError where nothing answers in time, UsageError where
        the URL is malformed, not on loopback, or answered by something else than KATO."""
        address = _parse(self._url)
        check = _Check(address, self._timeout, self._nodes)
        # A thread, because neither name resolution nor a server that drips its answer ends in time otherwise.
        thread = threading.Thread(target=check.run, name="target check", daemon=True)
        thread.start()
        thread.join(self._timeout)
        if check.failure is not None:
            raise check.failure
        if thread.is_alive():
            raise UnreachableError(f"{self._url} did not answer within {self._timeout:g} s.")
        kato = PartFacts("kato", version=check.version, address=address.base)
        return TargetFacts(
            kind="url",
            base_url=address.base,
            kato_version=check.version,
            parts=(kato, *(PartFacts(store, note="its address is not given") for store in _STORES)),
        )

    def check(self) -> None:
        """Nothing was started that could have died."""

    def close(self) -> None:
        """Nothing was started that could be ended."""


@dataclass(frozen=True)
class _Address:
    secure: bool
    host: str
    port: int
    path: str

    @property
    def base(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}{self.path}"


def _parse(url: str) -> _Address:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"The target {url!r} is not a URL ({error}).") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"The target {url!r} is neither 'embedded' nor a URL such as http://localhost:8000.")
    if parts.query or parts.fragment or parts.username is not None:
        raise UsageError(f"The target {_without_password(parts)!r} may hold a host, a port and a path only.")
    secure = parts.scheme == "https"
    return _Address(
        secure, parts.hostname, (443 if secure else 80) if port is None else port, parts.path.rstrip("/")
    )


def _without_password(parts: SplitResult) -> str:
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


class _Check:
    """The questions to the target; the outcome is in `version` or `failure`."""

    def __init__(self, address: _Address, timeout: float, nodes: int) -> None:
        self._address = address
        self._timeout = timeout
        self._nodes = nodes
        self.version: str | None = None
        self.failure: Exception | None = None

    def run(self) -> None:
        base = self._address.base
        try:
            self._require_loopback()
            if "status" not in self._get("/health"):
                raise UsageError(f"{base} is not KATO: its /health tells no status.")
            self.version = self._version()
            self._require_room_for_nodes()
        except BenchError as error:
            self.failure = error
        except (OSError, UnicodeError, http.client.HTTPException) as error:
            self.failure = UnreachableError(f"{base} cannot be reached: {_reason(error)}.")
        except Exception as error:
            self.failure = error

    def _version(self) -> str | None:
        """What KATO says at GET /; None where a proxy keeps that to itself."""
        try:
            version = self._get("/").get("version")
        except UsageError:
            return None
        return version if isinstance(version, str) else None

    def _require_room_for_nodes(self) -> None:
        """What is no KATO, or does not tell, cannot be asked."""
        try:
            processors = self._get("/metrics").get("processor_manager")
        except UsageError:
            return
        if not isinstance(processors, dict):
            return
        there, most = processors.get("total_processors"), processors.get("max_processors")
        if isinstance(there, int) and isinstance(most, int) and there + self._nodes > most:
            raise UsageError(
                f"KATO at {self._address.base} holds {there} nodes and at most {most} per worker: "
                f"{self._nodes} more would make it drop the oldest, and delete their vectors. Use fewer with "
                "--data nodes=N."
            )

    def _require_loopback(self) -> None:
        found = socket.getaddrinfo(self._address.host, self._address.port, type=socket.SOCK_STREAM)
        if not all(ipaddress.ip_address(address[0]).is_loopback for *_, address in found):
            raise UsageError(
                f"{self._address.host} is another machine, and loading other hosts than loopback is not "
                "offered yet: forward its port to this machine, or name localhost."
            )

    def _get(self, path: str) -> dict[str, Any]:
        address = self._address
        kind = http.client.HTTPSConnection if address.secure else http.client.HTTPConnection
        connection = kind(address.host, address.port, timeout=self._timeout)
        try:
            connection.request("GET", address.path + path, headers={"Accept": "application/json"})
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if response.status == 503:
            raise UnreachableError(
                f"{address.base} answers 503 to GET {path}: as many connections are open as it allows."
            )
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if response.status != 200 or not isinstance(answer, dict):
            what = "something else than a JSON object" if response.status == 200 else str(response.status)
            raise UsageError(f"{address.base} is not KATO: it answers GET {path} with {what}.")
        return answer


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
