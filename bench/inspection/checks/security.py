"""Who else can read or delete what KATO has learned."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from bench.inspection.checks.base import check
from bench.inspection.findings import Finding
from bench.inspection.seen import ClickHouse, Qdrant, Redis, Seen

_TITLES = {"redis": "Redis", "qdrant": "Qdrant", "clickhouse": "ClickHouse"}
_KNOBS = {
    "redis": "redis.requirepass",
    "qdrant": "qdrant.server.service.api_key",
    "clickhouse": "kato.CLICKHOUSE_PASSWORD",
}
_FIXES = {
    "redis": "Set requirepass and give KATO the password in REDIS_URL, or bind it to 127.0.0.1.",
    "qdrant": "Set service.api_key and QDRANT_API_KEY, or publish its port on 127.0.0.1 only.",
    "clickhouse": "Give the user a password and set CLICKHOUSE_PASSWORD, or publish its port on 127.0.0.1 "
    "only.",
}


@check(
    "security.password-in-status", source="KATO 3.10.1: GET /status tells REDIS_URL, its password included"
)
def password_in_status(seen: Seen) -> Iterator[Finding]:
    """KATO has no authentication: whoever reaches its port reads the password of Redis."""
    if seen.kato.password_shown is not True:
        return
    yield Finding(
        "security.password-in-status",
        "critical",
        "GET /status tells the password of Redis",
        "Whoever reaches KATO's port reads it: REDIS_URL holds a password, and /status answers with all of "
        "it.",
        "Keep /status from others at the proxy, or give KATO's Redis no password and a network of its own.",
        ("kato.REDIS_URL",),
    )


@check("security.open-store", source="KATO 3.10.1 docker-compose.yml publishes all ports without passwords")
def open_store(seen: Seen) -> Iterator[Finding]:
    """A store that obeys anybody at an address that others reach can be read and emptied by them."""
    for name, store in (("redis", seen.redis), ("qdrant", seen.qdrant), ("clickhouse", seen.clickhouse)):
        if store is None or store.open is not True:
            continue
        reached = _reached_at(seen, name, store)
        if reached is not None:
            yield Finding(
                "security.open-store",
                "critical",
                f"{_TITLES[name]} obeys anybody",
                f"{_TITLES[name]} asks for no password and {reached}: others can read and delete what it "
                "holds.",
                _FIXES[name],
                (_KNOBS[name],),
                {"store": name},
            )


def _reached_at(seen: Seen, name: str, store: Redis | Qdrant | ClickHouse) -> str | None:
    """By which address others reach it, in a clause; None where only this machine does."""
    part = next((one for one in seen.parts if one.name == name), None)
    address = part.address if part is not None else None
    host = urlsplit(address if address and "://" in address else f"//{address}").hostname if address else None
    if host and not _is_of_this_machine(host):
        return f"is reached at {host}"
    if isinstance(store, Redis) and (store.config or {}).get("protected-mode") == "yes":
        return None  # Without a password it then refuses whoever comes from elsewhere.
    others = [one for one in store.listens if not _is_of_this_machine(one)]
    return f"listens at {', '.join(others)}" if others else None


def _is_of_this_machine(host: str) -> bool:
    """A name counts as that of another machine, unless it is localhost."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback
