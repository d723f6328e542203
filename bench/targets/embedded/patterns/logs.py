"""ClickHouse's own logs, which the engine as a library does not keep: queries and asynchronous inserts.

Rows collect here and go to `system.query_log` and `system.asynchronous_insert_log` every few seconds and at
`SYSTEM FLUSH LOGS`, as in a server. Both tables are in memory and bounded. They have those columns of a
server's whose values are known here; memory and profile events of a single query are not.
"""

from __future__ import annotations

import json
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.targets.embedded.patterns.busy import flag
from bench.targets.embedded.patterns.errors import QueryError
from bench.targets.embedded.patterns.inserts import Flush
from bench.targets.embedded.patterns.wire import Counters

_FLUSH_SECONDS = 7.5  # ClickHouse's default of flush_interval_milliseconds
_MOST_WAITING = 10_000
_MOST_KEPT = 100_000

_MEMORY = f"ENGINE = Memory SETTINGS min_rows_to_keep = {_MOST_KEPT // 2}, max_rows_to_keep = {_MOST_KEPT}"
_QUERY_LOG = """
    type Enum8('QueryStart' = 1, 'QueryFinish' = 2,
               'ExceptionBeforeStart' = 3, 'ExceptionWhileProcessing' = 4),
    event_date Date DEFAULT toDate(event_time),
    event_time DateTime,
    event_time_microseconds DateTime64(6),
    query_start_time DateTime,
    query_start_time_microseconds DateTime64(6),
    query_duration_ms UInt64,
    read_rows UInt64,
    read_bytes UInt64,
    written_rows UInt64,
    written_bytes UInt64,
    result_rows UInt64,
    result_bytes UInt64,
    current_database LowCardinality(String),
    query String,
    normalized_query_hash UInt64 DEFAULT normalizedQueryHash(query),
    query_kind LowCardinality(String),
    exception_code Int32,
    exception String,
    is_initial_query UInt8 DEFAULT 1,
    user LowCardinality(String),
    query_id String,
    address IPv6,
    port UInt16,
    initial_user LowCardinality(String) DEFAULT user,
    initial_query_id String DEFAULT query_id,
    interface UInt8 DEFAULT 2,
    http_method UInt8,
    http_user_agent LowCardinality(String),
    Settings Map(LowCardinality(String), LowCardinality(String))
"""
_INSERT_LOG = """
    event_date Date DEFAULT toDate(event_time),
    event_time DateTime,
    event_time_microseconds DateTime64(6),
    query String,
    database LowCardinality(String),
    table LowCardinality(String),
    format LowCardinality(String),
    query_id String,
    bytes UInt64,
    rows UInt64,
    exception String,
    status Enum8('Ok' = 0, 'ParsingError' = 1, 'FlushError' = 2),
    data_kind Enum8('Parsed' = 0, 'Preprocessed' = 1) DEFAULT 'Parsed',
    flush_time DateTime,
    flush_time_microseconds DateTime64(6),
    flush_query_id String,
    timeout_milliseconds UInt64
"""
QUERIES, INSERTS = "system.query_log", "system.asynchronous_insert_log"

#: Settings that decide whether a query is logged, and what of it.
NAMES = (
    "log_queries",
    "log_queries_min_query_duration_ms",
    "log_queries_min_type",
    "log_queries_cut_to_length",
)

_TYPES = ("QueryStart", "QueryFinish", "ExceptionBeforeStart", "ExceptionWhileProcessing")
_KINDS = {"WITH": "Select", "FROM": "Select", "DESC": "Describe"}
_BEFORE_START = ("UNKNOWN_", "SYNTAX_ERROR", "TYPE_MISMATCH", "ILLEGAL_", "THERE_IS_NO_COLUMN", "READONLY")


def ddl() -> tuple[str, ...]:
    """The statements that make both tables; the engine keeps its system database in memory."""
    tables = {QUERIES: _QUERY_LOG, INSERTS: _INSERT_LOG}
    return tuple(
        f"CREATE TABLE IF NOT EXISTS {name} ({columns}) {_MEMORY}" for name, columns in tables.items()
    )


@dataclass(frozen=True)
class Asked:
    """A query as it is logged. `settings` are those of the request, `in_force` all that count here."""

    query_id: str
    user: str
    database: str
    text: str
    verb: str
    settings: Mapping[str, str]
    in_force: Mapping[str, str]
    began: float
    address: tuple[str, int]
    method: str
    agent: str


class Logs:
    """Collects rows and writes them now and then. `write(table, rows as JSON lines)` blocks."""

    def __init__(self, write: Callable[[str, bytes], None]) -> None:
        self._write = write
        self._waiting: dict[str, deque[dict[str, Any]]] = {
            QUERIES: deque(maxlen=_MOST_WAITING),
            INSERTS: deque(maxlen=_MOST_WAITING),
        }
        self._flushing = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._writer = threading.Thread(target=self._write_regularly, name="system-logs", daemon=True)
        self._writer.start()

    def query(self, asked: Asked, ended: float, counters: Counters, error: QueryError | None) -> None:
        """Log a query that ended, if its settings say so."""
        milliseconds = int((ended - asked.began) * 1000)
        for kind in _kinds(asked.in_force, milliseconds, error):
            self._add(QUERIES, _query_row(asked, kind, ended, milliseconds, counters, error))

    def flushed(self, flush: Flush, asked: Asked, database: str, table: str) -> None:
        """Log a batch of asynchronous inserts: the insert itself, and every one of its parts."""
        ended = flush.began + flush.seconds
        failed = next((one.error for one in flush.outcomes if one.error is not None), None)
        all_failed = all(one.error is not None for one in flush.outcomes)
        self.query(asked, ended, flush.written, failed if all_failed else None)
        for outcome in flush.outcomes:
            self._add(
                INSERTS,
                {
                    **_moment("event_time", outcome.entry.created),
                    "query": asked.text,
                    "database": database,
                    "table": table,
                    "format": flush.query.statement.input_format or "",
                    "query_id": outcome.entry.query_id,
                    "bytes": len(outcome.entry.data),
                    "rows": outcome.rows,
                    "exception": outcome.error.text if outcome.error else "",
                    "status": _status(outcome.error is not None, outcome.unreadable),
                    **_moment("flush_time", ended),
                    "flush_query_id": asked.query_id,
                    "timeout_milliseconds": flush.timeout_ms,
                },
            )

    def flush(self) -> None:
        """Write what has collected."""
        with self._flushing:
            for table, rows in self._waiting.items():
                lines = [json.dumps(rows.popleft()) for _ in range(len(rows))]
                if lines:
                    self._write(table, "\n".join(lines).encode(errors="replace"))

    def close(self) -> None:
        self._closed = True
        self._wake.set()
        self._writer.join()

    def _add(self, table: str, row: dict[str, Any]) -> None:
        waiting = self._waiting[table]
        waiting.append(row)
        if len(waiting) > _MOST_WAITING // 2:
            self._wake.set()

    def _write_regularly(self) -> None:
        while not self._closed:
            self._wake.wait(_FLUSH_SECONDS)
            self._wake.clear()
            try:
                self.flush()
            except Exception as error:  # the next rows may go well
                print(f"The pattern store could not write its logs: {error!r}", file=sys.stderr, flush=True)


def _status(failed: bool, unreadable: bool) -> str:
    return "Ok" if not failed else "ParsingError" if unreadable else "FlushError"


def _kinds(settings: Mapping[str, str], milliseconds: int, error: QueryError | None) -> list[str]:
    """The rows that a query leaves, of its start and its end, as far as the settings want them."""
    try:
        shortest = int(settings["log_queries_min_query_duration_ms"])
        least = settings["log_queries_min_type"].replace("_", "").lower()
        wanted = flag(settings["log_queries"]) and milliseconds >= shortest
        int(settings["log_queries_cut_to_length"])
    except ValueError:  # the engine has refused the query for it
        return []
    if error is None:
        kinds = ["QueryStart", "QueryFinish"]
    elif error.name.startswith(_BEFORE_START):
        kinds = ["ExceptionBeforeStart"]
    else:
        kinds = ["QueryStart", "ExceptionWhileProcessing"]
    if shortest > 0:  # then a server cannot know at the start, and logs no starts
        kinds = [kind for kind in kinds if kind not in {"QueryStart", "ExceptionBeforeStart"}]
    worth = next((_TYPES[at:] for at, kind in enumerate(_TYPES) if kind.lower() == least), _TYPES)
    return [kind for kind in kinds if wanted and kind in worth]


def _query_row(
    asked: Asked, kind: str, ended: float, milliseconds: int, counters: Counters, error: QueryError | None
) -> dict[str, Any]:
    starts = kind == "QueryStart"
    failed = error if not starts else None
    counted = Counters() if starts else counters
    return {
        "type": kind,
        **_moment("event_time", asked.began if starts else ended),
        **_moment("query_start_time", asked.began),
        "query_duration_ms": 0 if starts else milliseconds,
        "read_rows": counted.read_rows,
        "read_bytes": counted.read_bytes,
        "written_rows": counted.written_rows,
        "written_bytes": counted.written_bytes,
        "result_rows": counted.result_rows,
        "result_bytes": counted.result_bytes,
        "current_database": asked.database,
        "query": asked.text[: int(asked.in_force["log_queries_cut_to_length"])],
        "query_kind": _KINDS.get(asked.verb, asked.verb.capitalize()),
        "exception_code": failed.code if failed else 0,
        "exception": failed.text if failed else "",
        "user": asked.user,
        "query_id": asked.query_id,
        "address": asked.address[0],
        "port": asked.address[1],
        "http_method": {"GET": 1, "POST": 2}.get(asked.method, 0),
        "http_user_agent": asked.agent,
        "Settings": dict(asked.settings),
    }


def _moment(name: str, seconds: float) -> dict[str, Any]:
    return {name: int(seconds), f"{name}_microseconds": f"{seconds:.6f}"}
