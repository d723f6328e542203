"""How a KATO is told where its stores are."""

from __future__ import annotations

from collections.abc import Mapping

from bench.addresses import Address
from bench.errors import UsageError
from bench.targets.embedded.ports import HOST

_SERVICE_NAME = "kato"


def on_loopback(scheme: str, port: int) -> Address:
    return Address(scheme, HOST, port, "")


def variables(stores: Mapping[str, Address]) -> dict[str, str]:
    """KATO's environment for the addresses by `redis`, `qdrant`, `clickhouse`. Raises UsageError for an
    address that KATO cannot be given."""
    redis, qdrant, clickhouse = (stores[name] for name in ("redis", "qdrant", "clickhouse"))
    for name, address in (("qdrant", qdrant), ("clickhouse", clickhouse)):
        if address.path:
            raise UsageError(f"--{name}-url {address.base}: KATO takes a host and a port only, and no path.")
    return {
        "REDIS_URL": redis.base if redis.path else f"{redis.base}/0",
        "REDIS_ENABLED": "true",
        "CLICKHOUSE_HOST": _host(clickhouse),
        "CLICKHOUSE_PORT": str(clickhouse.port),
        "QDRANT_HOST": _host(qdrant),
        "QDRANT_PORT": str(qdrant.port),
        "SERVICE_NAME": _SERVICE_NAME,
        **({"CLICKHOUSE_SECURE": "true"} if clickhouse.scheme == "https" else {}),
        **({"QDRANT_HTTPS": "true"} if qdrant.scheme == "https" else {}),
    }


def _host(address: Address) -> str:
    return f"[{address.host}]" if ":" in address.host else address.host
