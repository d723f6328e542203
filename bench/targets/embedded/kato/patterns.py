"""The pattern store: ClickHouse's `patterns_data` over its HTTP interface."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson

from bench.targets.embedded.kato import minhash
from bench.targets.embedded.kato.domain import Pattern
from bench.targets.embedded.kato.filters import Filter, named
from bench.targets.embedded.kato.memory import flatten

_ROWS_PER_INSERT = 1000
_CONCURRENT_INSERTS = 2
_NAMES_PER_QUERY = 500

_WaitingRow = tuple[bytes, asyncio.Future[None]]


class PatternStoreError(Exception):
    """ClickHouse refused a statement; carries its answer."""


FAILURES = (PatternStoreError, httpx.HTTPError)
"""What a pattern store raises that refuses, hangs or is gone."""


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
        """Raises FAILURES if the row could not be stored."""
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

    async def find(self, kb: str, name: str) -> Pattern | None:
        found = await self.candidates(kb, [named([name])])
        return found[0] if found else None

    async def narrowed(self, kb: str, names: Sequence[str], condition: Filter) -> set[str]:
        """Which of these patterns pass a filter that comes after another: asked by name, 500 at a time."""
        passed: set[str] = set()
        for start in range(0, len(names), _NAMES_PER_QUERY):
            some = named(names[start : start + _NAMES_PER_QUERY])
            body = await self._post(
                f"SELECT name FROM {self._table} WHERE kb_id = {{kb:String}} AND {some.sql}"
                f" AND {condition.sql} FORMAT JSONCompactEachRow",
                {"kb": kb, **some.parameters, **condition.parameters},
            )
            passed.update(orjson.loads(line)[0] for line in body.splitlines())
        return passed

    async def flush(self) -> None:
        """Makes rows visible that the server holds back for asynchronous inserts of anybody."""
        await self._post("SYSTEM FLUSH ASYNC INSERT QUEUE")

    async def ping(self) -> None:
        await self._post("SELECT 1")

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
                except Exception as error:  # whatever it is, who waits has to learn of it
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
