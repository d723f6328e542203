"""The pattern store: ClickHouse's `patterns_data` over its HTTP interface."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson

from bench.targets.embedded.kato import minhash
from bench.targets.embedded.kato.domain import Pattern
from bench.targets.embedded.kato.memory import flatten

_ROWS_PER_INSERT = 1000
_CONCURRENT_INSERTS = 2


_WaitingRow = tuple[bytes, asyncio.Future[None]]


class PatternStoreError(Exception):
    """ClickHouse refused a statement; carries its answer."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition that candidates must meet in the store: SQL and the parameters it names."""

    sql: str
    parameters: Mapping[str, Any]


class PatternStore:
    """Reads and writes the patterns of nodes.

    `add` returns when the server has acknowledged the row, so a learned pattern is visible to every later
    read. Rows that arrive while an insert is under way go together in the next one (group commit): one
    client waits for one insert, many clients share one."""

    def __init__(self, http: httpx.AsyncClient, url: str, database: str, user: str, password: str) -> None:
        self._http = http
        self._url = url
        self._table = f"{database}.patterns_data"
        self._headers = {"X-ClickHouse-User": user}
        if password:
            self._headers["X-ClickHouse-Key"] = password
        self._waiting: list[_WaitingRow] = []
        self._writers: set[asyncio.Task[None]] = set()

    async def add(self, kb: str, pattern: Pattern) -> None:
        """Raises PatternStoreError or httpx.HTTPError if the row could not be stored."""
        stored = asyncio.get_running_loop().create_future()
        self._waiting.append((orjson.dumps(_row(kb, pattern)), stored))
        if len(self._writers) < _CONCURRENT_INSERTS:
            self._writers.add(asyncio.create_task(self._write_waiting()))
        await stored

    async def candidates(self, kb: str, filters: Sequence[Filter] = ()) -> list[Pattern]:
        """All patterns of the node that pass the filters."""
        conditions = "".join(f" AND {one.sql}" for one in filters)
        parameters = {key: value for one in filters for key, value in one.parameters.items()}
        body = await self._post(
            f"SELECT name, pattern_data FROM {self._table} WHERE kb_id = {{kb:String}}{conditions}"
            " FORMAT JSONCompactEachRow",
            {"kb": kb, **parameters},
        )
        return [Pattern(*orjson.loads(line)) for line in body.splitlines()]

    async def drop(self, kb: str) -> None:
        """Forgets every pattern of the node."""
        await self._post(f"ALTER TABLE {self._table} DROP PARTITION {literal(kb)}")

    async def _write_waiting(self) -> None:
        writer = asyncio.current_task()
        try:
            while self._waiting:
                batch = self._waiting[:_ROWS_PER_INSERT]
                del self._waiting[:_ROWS_PER_INSERT]
                try:
                    await self._insert([row for row, _ in batch])
                except (PatternStoreError, httpx.HTTPError) as error:
                    _settle(batch, error)
                else:
                    _settle(batch, None)
        finally:
            if writer is not None:
                self._writers.discard(writer)

    async def _insert(self, rows: list[bytes]) -> None:
        statement = f"INSERT INTO {self._table} FORMAT JSONEachRow\n".encode()
        await self._post(statement + b"\n".join(rows))

    async def _post(self, statement: str | bytes, parameters: Mapping[str, Any] | None = None) -> bytes:
        response = await self._http.post(
            self._url,
            content=statement,
            params={f"param_{key}": text(value) for key, value in (parameters or {}).items()},
            headers=self._headers,
        )
        if response.status_code != httpx.codes.OK:
            raise PatternStoreError(response.text.strip())
        return response.content


def _settle(batch: list[_WaitingRow], error: Exception | None) -> None:
    for _, stored in batch:
        if stored.done():  # its client has gone
            continue
        if error is None:
            stored.set_result(None)
        else:
            stored.set_exception(error)


def starts_with(symbol: str) -> Filter:
    return Filter("first_token = {first:String}", {"first": symbol})


def named(name: str) -> Filter:
    return Filter("name = {name:String}", {"name": name})


def length_filter(tokens: Sequence[str], min_ratio: float, max_ratio: float) -> Filter:
    """Patterns whose length lies between the two multiples of the query's."""
    return Filter(
        "length BETWEEN {shortest:UInt32} AND {longest:UInt32}",
        {
            "shortest": math.floor(len(tokens) * min_ratio),
            "longest": math.ceil(len(tokens) * max_ratio),
        },
    )


def jaccard_filter(tokens: Sequence[str], threshold: float, min_overlap: int) -> Filter:
    """Patterns that share at least `min_overlap` tokens with the query, and whose Jaccard index reaches
    `threshold`."""
    shared = "length(arrayIntersect(token_set, {tokens:Array(String)}))"
    return Filter(
        f"{shared} >= {{overlap:UInt32}} AND {shared} >= {{jaccard:Float64}}"
        f" * (token_count + {{distinct:UInt32}} - {shared})",
        {
            "tokens": sorted(set(tokens)),
            "overlap": min_overlap,
            "jaccard": threshold,
            "distinct": len(set(tokens)),
        },
    )


def minhash_filter(tokens: Sequence[str], threshold: float) -> Filter:
    """Patterns that share an LSH band with the query, and whose estimated Jaccard index reaches
    `threshold`."""
    minima = minhash.signature(set(tokens))
    agreeing = "arraySum(arrayMap((x, y) -> x = y, minhash_sig, {minima:Array(UInt32)}))"
    return Filter(
        "hasAny(lsh_bands, {bands:Array(UInt64)})"
        f" AND {agreeing} >= {{minhash:Float64}} * {minhash.HASHES}",
        {"bands": minhash.bands(minima), "minima": minima, "minhash": threshold},
    )


def text(value: Any) -> str:
    """A query parameter in ClickHouse's text form; inside an array, strings are quoted."""
    if isinstance(value, str):
        return _escape(value)
    if isinstance(value, list | tuple):
        items = (literal(item) if isinstance(item, str) else text(item) for item in value)
        return f"[{','.join(items)}]"
    return str(value)


def literal(value: str) -> str:
    """A string as an SQL literal."""
    return f"'{_escape(value)}'"


_ESCAPES = str.maketrans(
    {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0", "\b": "\\b", "\f": "\\f"}
)


def _escape(value: str) -> str:
    return value.translate(_ESCAPES)


def _row(kb: str, pattern: Pattern) -> dict[str, Any]:
    tokens = flatten(pattern.events)
    distinct = sorted(set(tokens))
    minima = minhash.signature(distinct)
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return {
        "kb_id": kb,
        "name": pattern.name,
        "pattern_data": pattern.events,
        "length": len(tokens),
        "token_set": distinct,
        "token_count": len(distinct),
        "minhash_sig": minima,
        "lsh_bands": minhash.bands(minima),
        "first_token": tokens[0],
        "last_token": tokens[-1],
        "created_at": now,
        "updated_at": now,
    }
