"""ClickHouse: settings in force, KATO's table, and the patterns of each node."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPException
from typing import Any

import httpx

from bench.collectors import http
from bench.inspection.seen import NodeRows, ServerSetting
from bench.knobs import catalogue, fixed
from bench.knobs.homes import Home

#: Nodes that are told by name; of all others only the number.
_MOST_NODES = 100

_SETTINGS = {
    "settings": ("clickhouse profile", "system.settings"),
    "server": ("clickhouse server", "system.server_settings"),
    "table": ("clickhouse table", "system.merge_tree_settings"),
}
_OF_TABLE = f"database = '{fixed.DATABASE}' AND table = '{fixed.PATTERNS}'"


def about(address: str) -> Iterator[tuple[str, Any]]:
    """The fields of `seen.ClickHouse`, and `version`."""
    client = http.client(address)
    try:
        yield "version", _ask(client, "SELECT version()")[0][0]
        yield "open", _obeys_anybody(address)
        engine = _ask(
            client,
            f"SELECT engine FROM system.tables WHERE database = '{fixed.DATABASE}' AND name = "
            f"'{fixed.PATTERNS}'",
        )
        yield "has_table", bool(engine)
        if engine:
            yield "engine", engine[0][0]
        nodes = _ask(
            client,
            "SELECT partition, sum(rows), sum(bytes_on_disk), count() FROM system.parts WHERE active AND "
            f"{_OF_TABLE} GROUP BY partition ORDER BY sum(rows) DESC, partition LIMIT {_MOST_NODES}",
        )
        yield (
            "nodes",
            tuple(NodeRows(kb, int(rows), int(size), int(parts)) for kb, rows, size, parts in nodes),
        )
        number = _ask(client, f"SELECT uniqExact(partition) FROM system.parts WHERE active AND {_OF_TABLE}")
        yield "number", int(number[0][0])
        for field, (home, table) in _SETTINGS.items():
            yield field, _settings(client, table, home)  # type: ignore[arg-type]
    finally:
        client.close()


def _settings(client: httpx.Client, table: str, home: Home) -> dict[str, ServerSetting]:
    """The settings that the catalogue lists; a table that an old server lacks has none."""
    names = ", ".join(f"'{knob.spelled}'" for knob in catalogue.knobs() if knob.home == home)
    try:
        rows = _ask(client, f"SELECT name, value, changed FROM {table} WHERE name IN ({names})")
    except httpx.HTTPStatusError:
        return {}
    return {name: ServerSetting(value, changed not in ("0", "false")) for name, value, changed in rows}


def _ask(client: httpx.Client, query: str) -> list[list[str]]:
    answer = client.post("/", content=f"{query} FORMAT TabSeparated".encode()).raise_for_status()
    return [line.split("\t") for line in answer.text.splitlines()]


def _obeys_anybody(address: str) -> bool | None:
    """Whether a client without user and password gets an answer; None where that cannot be tried."""
    try:
        with http.Site(address if "://" in address else f"http://{address}").connect() as connection:
            status, _ = connection.get("/?query=SELECT+1")
    except (OSError, HTTPException):
        return None
    return status == httpx.codes.OK
