"""The stores of a KATO that runs already: is what the user calls Redis, Qdrant or ClickHouse really that."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping

from bench.addresses import (
    FAILURES,
    Address,
    get,
    json_object,
    parse,
    require_loopback,
    unreachable,
)
from bench.errors import UsageError
from bench.targets.base import PartFacts

STORES = ("redis", "qdrant", "clickhouse")

_TITLES = {"redis": "Redis", "qdrant": "Qdrant", "clickhouse": "ClickHouse"}
_EXAMPLES = {
    "redis": "redis://localhost:6379",
    "qdrant": "http://localhost:6333",
    "clickhouse": "http://localhost:8123",
}


def addresses_of(urls: Mapping[str, str]) -> dict[str, Address]:
    """The addresses by store. Raises UsageError for one that is malformed, or of no store of KATO's."""
    for store in urls:
        if store not in STORES:
            raise UsageError(f"{store} is no store of KATO's: there are {', '.join(STORES)}.")
    return {
        store: parse(
            f"--{store}-url",
            url,
            ("redis",) if store == "redis" else ("http", "https"),
            f"not a URL such as {_EXAMPLES[store]}",
        )
        for store, url in urls.items()
    }


def check_store(store: str, address: Address, timeout: float) -> PartFacts:
    """The facts of a store that answers on loopback. Raises UnreachableError where nothing does, UsageError
    where it is something else, or on another machine; no single step takes longer than `timeout` seconds."""
    try:
        require_loopback(address)
        _CHECKS[store](address, timeout)
    except FAILURES as error:
        raise unreachable(address, error) from error
    return PartFacts(store, address=client_address(store, address))


def client_address(store: str, address: Address) -> str:
    """What a client of the store connects to: host:port for Redis, a URL for the others."""
    if store != "redis":
        return address.base
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{address.port}"


def _check_redis(address: Address, timeout: float) -> None:
    with socket.create_connection((address.host, address.port), timeout) as connection:
        connection.sendall(b"PING\r\n")
        answer = connection.recv(200)
    if answer.startswith(b"-NOAUTH"):
        raise UsageError(f"Redis at {address.base} wants a password, and none can be given yet.")
    if not answer.startswith(b"+PONG"):
        raise _not(address, "redis", "it does not answer PING")


def _check_qdrant(address: Address, timeout: float) -> None:
    status, body = get(address, "/collections", timeout)
    if status in (401, 403):
        raise UsageError(f"Qdrant at {address.base} wants an API key, and none can be given yet.")
    result = (json_object(body) or {}).get("result")
    if status != 200 or not isinstance(result, dict) or "collections" not in result:
        raise _not(address, "qdrant", f"it answers GET /collections with {_what(status)}")


def _check_clickhouse(address: Address, timeout: float) -> None:
    status, body = get(address, "/ping", timeout)
    if status != 200 or body.strip() != b"Ok.":
        raise _not(address, "clickhouse", f"it answers GET /ping with {_what(status)}")


def _what(status: int) -> str:
    return "something else" if status == 200 else str(status)


def _not(address: Address, store: str, why: str) -> UsageError:
    return UsageError(f"{address.base} is not {_TITLES[store]}: {why}.")


_CHECKS: dict[str, Callable[[Address, float], None]] = {
    "redis": _check_redis,
    "qdrant": _check_qdrant,
    "clickhouse": _check_clickhouse,
}
