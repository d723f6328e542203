"""Servers that run already and take the place of the deployment's engines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

from bench.addresses import FAILURES, Address, get, unreachable
from bench.errors import UsageError
from bench.targets.base import PartFacts
from bench.targets.listeners import listener
from bench.targets.stores import addresses_of, check_store

#: KATO 3.10.1 writes to this table whatever CLICKHOUSE_DB says, and never makes it.
_TABLE = "kato.patterns_data"


class Replaced:
    """`urls` by `redis`, `qdrant`, `clickhouse`; `timeout`: seconds for each question to them."""

    def __init__(self, urls: Mapping[str, str], timeout: float = 5.0) -> None:
        self._urls = urls
        self._timeout = timeout
        self._facts: list[PartFacts] = []
        self.addresses: dict[str, Address] = {}
        """Known once they were looked at."""

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._urls)

    def look(self) -> None:
        """See that each is what it is said to be, and that KATO can use it. Raises UnreachableError and
        UsageError."""
        self.addresses = addresses_of(self._urls)
        self._facts = [check_store(name, where, self._timeout) for name, where in self.addresses.items()]
        if "clickhouse" in self.addresses:
            _require_table(self.addresses["clickhouse"], self._timeout)

    def facts(self) -> list[PartFacts]:
        """What is known of them, and their processes where they are on this machine."""
        found = []
        for part in self._facts:
            seen = listener(part.name, self.addresses[part.name].port)
            found.append(replace(part, pid=seen.pid, note=seen.note or part.note))
        return found


def _require_table(address: Address, timeout: float) -> None:
    try:
        status, body = get(address, f"/?query={quote(f'EXISTS TABLE {_TABLE}')}", timeout)
    except FAILURES as error:
        raise unreachable(address, error) from error
    if status != 200:
        raise UsageError(f"ClickHouse at {address.base} answers EXISTS TABLE {_TABLE} with {status}.")
    if body.strip() != b"1":
        raise UsageError(
            f"ClickHouse at {address.base} has no table {_TABLE}, which KATO does not make: run KATO's "
            "config/clickhouse/init.sql there first."
        )
