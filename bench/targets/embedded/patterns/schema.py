"""KATO's table of learned patterns, as KATO's own init.sql lays it out.

KATO never creates its schema: a real deployment gets it from ClickHouse's init script, so a store that stands
in for one must have it from the start. Names, types, order and indexes decide what queries cost, so they are
KATO's.
"""

from __future__ import annotations

from collections.abc import Iterable

DATABASE = "kato"
TABLE = "patterns_data"

COLUMNS: dict[str, str] = {
    "kb_id": "String",
    "name": "String",
    "pattern_data": "Array(Array(String))",
    "length": "UInt32",
    "token_set": "Array(String)",
    "token_count": "UInt32",
    "minhash_sig": "Array(UInt32)",
    "lsh_bands": "Array(UInt64)",
    "first_token": "String",
    "last_token": "String",
    "created_at": "DateTime DEFAULT now()",
    "updated_at": "DateTime DEFAULT now()",
}

INDEXES: dict[str, str] = {
    "idx_length": "length TYPE minmax",
    "idx_token_bloom": "token_set TYPE bloom_filter(0.01)",
    "idx_token_count": "token_count TYPE minmax",
}


INDEX_GRANULARITY = 8192


def ddl(granularity: int = INDEX_GRANULARITY, indexes: Iterable[str] = INDEXES) -> tuple[str, ...]:
    """The statements that make database and table where they do not exist yet; one partition per node.

    `granularity` is the rows of a granule, `indexes` the names of the skip indexes to make."""
    columns = [f"{name} {kind}" for name, kind in COLUMNS.items()]
    skipping = [f"INDEX {name} {INDEXES[name]} GRANULARITY 4" for name in indexes]
    database = f"CREATE DATABASE IF NOT EXISTS {DATABASE}"
    table = (
        f"CREATE TABLE IF NOT EXISTS {DATABASE}.{TABLE} ({', '.join(columns + skipping)}) "
        "ENGINE = MergeTree PARTITION BY kb_id ORDER BY (kb_id, length, name) "
        f"SETTINGS index_granularity = {granularity}"
    )
    return database, table
