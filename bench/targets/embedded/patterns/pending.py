"""`system.asynchronous_inserts`: what waits in the queue, of which the engine's own table knows nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable

from bench.targets.embedded.patterns.clauses import insert_target
from bench.targets.embedded.patterns.inserts import Batch

TABLE = "system.asynchronous_inserts"
MENTION = b"asynchronous_inserts"

_COLUMNS = """
    query String,
    database LowCardinality(String),
    table LowCardinality(String),
    format LowCardinality(String),
    first_update DateTime64(6),
    total_bytes UInt64,
    `entries.query_id` Array(String),
    `entries.bytes` Array(UInt64)
"""


def ddl() -> tuple[str, ...]:
    """The statements that put an empty table of ours in the place of the engine's."""
    return f"DROP TABLE IF EXISTS {TABLE}", f"CREATE TABLE {TABLE} ({_COLUMNS}) ENGINE = Memory"


def rows(batches: Iterable[Batch]) -> bytes:
    """The table's rows, as JSON lines."""
    return "\n".join(json.dumps(_row(batch)) for batch in batches).encode()


def _row(batch: Batch) -> dict[str, object]:
    database, table = insert_target(batch.query.statement)
    return {
        "query": batch.query.statement.text.decode(errors="replace").rstrip(),
        "database": database or batch.query.database or "default",
        "table": table,
        "format": batch.query.statement.input_format,
        "first_update": f"{batch.entries[0].created:.6f}",
        "total_bytes": batch.bytes,
        "entries.query_id": [entry.query_id for entry in batch.entries],
        "entries.bytes": [len(entry.data) for entry in batch.entries],
    }
