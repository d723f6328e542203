"""The statements of KATO 3.10.1: its table, what it writes and reads there, and what its operators do."""

from __future__ import annotations

import hashlib
import random
import re
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

COLUMNS = [
    "kb_id", "name", "pattern_data", "length", "token_set", "token_count",
    "minhash_sig", "lsh_bands", "first_token", "last_token",
]  # fmt: skip

DDL = """
CREATE TABLE {table} (
    kb_id String, name String, pattern_data Array(Array(String)), length UInt32, token_set Array(String),
    token_count UInt32, minhash_sig Array(UInt32), lsh_bands Array(UInt64),
    first_token String, last_token String,
    created_at DateTime DEFAULT now(), updated_at DateTime DEFAULT now(),
    INDEX idx_length length TYPE minmax GRANULARITY 4,
    INDEX idx_token_bloom token_set TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX idx_token_count token_count TYPE minmax GRANULARITY 4
) ENGINE = MergeTree PARTITION BY kb_id ORDER BY (kb_id, length, name) SETTINGS index_granularity = 8192
"""
KATO_INSERT = {"async_insert": 1, "wait_for_async_insert": 0}
FLUSH = "SYSTEM FLUSH ASYNC INSERT QUEUE"


@pytest.fixture(scope="module")
def patterns(client: Any, database: str) -> Iterator[str]:
    """A table as KATO's init.sql makes it."""
    table = f"{database}.patterns_data"
    client.command(DDL.format(table=table))
    yield table
    client.command(f"DROP TABLE {table}")


@pytest.fixture
def node() -> str:
    return f"node_{uuid4().hex[:8]}_kato"


def pattern(node: str, number: int, events: int = 5) -> list[Any]:
    data = [[f"t{number}_{event}", f"shared{event}"] for event in range(events)]
    tokens = [token for event in data for token in event]
    name = hashlib.sha1(f"{node}{number}".encode()).hexdigest()
    chance = random.Random(number)
    signature = [chance.getrandbits(32) for _ in range(100)]
    bands = [chance.getrandbits(64) for _ in range(20)]
    return [node, name, data, len(tokens), tokens, len(set(tokens)), signature, bands, tokens[0], tokens[-1]]


def learn(client: Any, table: str, node: str, numbers: range, events: int = 5, **settings: Any) -> None:
    rows = [pattern(node, number, events) for number in numbers]
    client.insert(table, rows, column_names=COLUMNS, settings=settings)


def count(client: Any, table: str, node: str) -> int:
    return int(client.command(f"SELECT COUNT(*) FROM {table} WHERE kb_id = '{node}'"))


def test_table_is_described_as_it_was_made(client: Any, patterns: str) -> None:
    described = client.query(f"DESCRIBE TABLE {patterns}").result_rows
    assert [row[0] for row in described][:10] == COLUMNS
    database, _, table = patterns.partition(".")
    facts = client.query(
        "SELECT engine, partition_key, sorting_key, primary_key FROM system.tables "
        f"WHERE database = '{database}' AND name = '{table}'"
    ).first_row
    assert facts == ("MergeTree", "kb_id", "kb_id, length, name", "kb_id, length, name")
    indexes = client.query(
        "SELECT name, type_full, granularity FROM system.data_skipping_indices "
        f"WHERE database = '{database}' AND table = '{table}' ORDER BY name"
    ).result_rows
    assert indexes == [
        ("idx_length", "minmax", 4),
        ("idx_token_bloom", "bloom_filter(0.01)", 4),
        ("idx_token_count", "minmax", 4),
    ]


def test_first_request_of_a_node(client: Any, patterns: str) -> None:
    assert client.query("SELECT 1").result_rows == [(1,)]
    assert client.query(f"SELECT COUNT(*) FROM {patterns}").first_row[0] >= 0


def test_learned_patterns_are_visible_after_the_flush(client: Any, patterns: str, node: str) -> None:
    learn(client, patterns, node, range(1), **KATO_INSERT)
    began = time.monotonic()
    while count(client, patterns, node) == 0:
        assert time.monotonic() - began < 10
        time.sleep(0.01)
    learn(client, patterns, node, range(1, 2), **KATO_INSERT)
    client.command(FLUSH)
    assert count(client, patterns, node) == 2


def test_patterns_come_back_as_they_were_learned(client: Any, patterns: str, node: str) -> None:
    learn(client, patterns, node, range(50), **KATO_INSERT)
    client.command(FLUSH)
    read = client.query(f"SELECT {', '.join(COLUMNS)} FROM {patterns} WHERE kb_id = '{node}' ORDER BY name")
    learned = sorted((pattern(node, number) for number in range(50)), key=lambda row: row[1])
    assert [list(row) for row in read.result_rows] == learned


def test_all_candidates_of_an_empty_pipeline(client: Any, patterns: str, node: str) -> None:
    learn(client, patterns, node, range(1000))
    rows = client.query(f"SELECT name, pattern_data FROM {patterns} WHERE kb_id = '{node}'").result_rows
    assert dict(rows)[pattern(node, 7)[1]] == pattern(node, 7)[2]
    assert len(rows) == 1000


def test_filters(client: Any, patterns: str, node: str) -> None:
    learn(client, patterns, node, range(100))
    learn(client, patterns, node, range(100, 110), events=9)
    wanted = pattern(node, 3)

    def names(condition: str) -> list[str]:
        text = f"SELECT name FROM {patterns} WHERE kb_id = '{node}' AND {condition}"
        return [row[0] for row in client.query(text).result_rows]

    assert len(names("length BETWEEN 12 AND 40")) == 10
    tokens = ", ".join(f"'{token}'" for token in wanted[4])
    shared = f"length(arrayIntersect(token_set, [{tokens}]))"
    assert len(names(f"{shared} >= 2")) == 110
    jaccard = f"{shared} / (token_count + {len(wanted[4])} - {shared})"
    assert names(f"{shared} >= 2 AND {jaccard} >= 0.5") == [wanted[1]]
    assert names(f"hasAny(lsh_bands, [{', '.join(map(str, wanted[7][:5]))}])") == [wanted[1]]
    assert names(f"hasAny(token_set, ['{wanted[8]}', 'nowhere'])") == [wanted[1]]
    assert names(f"first_token = '{wanted[8]}'") == [wanted[1]]
    assert names(f"name = '{wanted[1]}'") == [wanted[1]]
    bound = client.query(
        f"SELECT name FROM {patterns} WHERE kb_id = {{kb:String}} AND name = {{name:String}}",
        parameters={"kb": node, "name": wanted[1]},
    )
    assert bound.result_rows == [(wanted[1],)]


def test_names_in_chunks_of_500(client: Any, patterns: str, node: str) -> None:
    learn(client, patterns, node, range(1200))
    names = [pattern(node, number)[1] for number in range(1200)]
    found: list[tuple[Any, ...]] = []
    for start in range(0, len(names), 500):
        chunk = ", ".join(f"'{name}'" for name in names[start : start + 500])
        text = f"SELECT name, token_set FROM {patterns} WHERE kb_id = '{node}' AND name IN ({chunk})"
        found += client.query(text).result_rows
    assert sorted(row[0] for row in found) == sorted(names)


def test_a_quote_in_a_token_is_an_error_of_the_server(client: Any, patterns: str, node: str) -> None:
    from clickhouse_connect.driver.exceptions import DatabaseError

    with pytest.raises(DatabaseError, match=r"\b62\b"):
        client.query(f"SELECT name FROM {patterns} WHERE kb_id = '{node}' AND first_token = 'it's'")
    assert client.query("SELECT 1").first_row == (1,)


def test_a_node_is_forgotten_with_its_partition(client: Any, patterns: str, node: str) -> None:
    learn(client, patterns, node, range(10))
    learn(client, patterns, f"{node}2", range(10))
    client.command(f"ALTER TABLE {patterns} DROP PARTITION '{node}'")
    assert (count(client, patterns, node), count(client, patterns, f"{node}2")) == (0, 10)


def test_duplicates_are_found_and_not_merged_away(client: Any, patterns: str, node: str) -> None:
    for _ in range(2):
        learn(client, patterns, node, range(3))
    client.command(f"OPTIMIZE TABLE {patterns} PARTITION '{node}' FINAL")
    duplicates = client.query(
        f"SELECT kb_id, name, count() AS c FROM {patterns} WHERE kb_id = '{node}' "
        "GROUP BY kb_id, name HAVING c > 1"
    ).result_rows
    assert len(duplicates) == 3
    database, _, table = patterns.partition(".")
    parts = client.query(
        f"SELECT count(), sum(rows) FROM system.parts WHERE active AND database = '{database}' "
        f"AND table = '{table}' AND partition = '{node}'"
    ).first_row
    assert parts == (1, 6)


def granules(client: Any, text: str, section: str) -> tuple[int, int]:
    """Selected and all granules of an index, as EXPLAIN tells."""
    plan = "\n".join(row[0] for row in client.query(f"EXPLAIN indexes = 1 {text}").result_rows)
    found = re.search(rf"{section}.*?Granules: (\d+)/(\d+)", plan, re.DOTALL)
    assert found, plan
    return int(found[1]), int(found[2])


def test_indexes_an_operator_adds_are_used(client: Any, patterns: str, node: str) -> None:
    learn(client, patterns, node, range(40_000), events=1)
    client.command(f"OPTIMIZE TABLE {patterns} PARTITION '{node}' FINAL")
    by_token = f"SELECT name FROM {patterns} WHERE kb_id = '{node}' AND first_token = 'nowhere'"
    everything = granules(client, by_token, "PrimaryKey")
    assert everything[0] >= 2
    client.command(
        f"ALTER TABLE {patterns} ADD INDEX idx_first_token first_token TYPE bloom_filter(0.01) GRANULARITY 1"
    )
    client.command(
        f"ALTER TABLE {patterns} MATERIALIZE INDEX idx_first_token", settings={"mutations_sync": 2}
    )
    assert granules(client, by_token, "idx_first_token") == (0, everything[0])
    by_length = f"SELECT name FROM {patterns} WHERE kb_id = '{node}' AND length = 3"
    assert granules(client, by_length, "PrimaryKey")[0] == 0
    client.command(f"ALTER TABLE {patterns} DROP INDEX idx_first_token")


def test_settings_of_the_table(client: Any, patterns: str) -> None:
    client.command(f"ALTER TABLE {patterns} MODIFY SETTING parts_to_throw_insert = 4321")
    assert "parts_to_throw_insert = 4321" in client.command(f"SHOW CREATE TABLE {patterns}")
    client.command(f"ALTER TABLE {patterns} RESET SETTING parts_to_throw_insert")


def test_what_collectors_read(client: Any, patterns: str, node: str) -> None:
    inserted = "SELECT value FROM system.events WHERE event = 'InsertedRows'"
    before = int(client.command(inserted))
    learn(client, patterns, node, range(7))
    assert int(client.command(inserted)) >= before + 7
    for table in ("metrics", "processes", "parts", "merges", "settings", "mutations"):
        assert client.query(f"SELECT count() FROM system.{table}").row_count == 1
    assert int(client.command("SELECT value FROM system.metrics WHERE metric = 'MemoryTracking'")) != 0


def logged(client: Any, query_id: str) -> list[tuple[Any, ...]]:
    client.command("SYSTEM FLUSH LOGS")
    return list(
        client.query(
            "SELECT toString(type), query_kind, read_rows, result_rows, exception_code, user, query "
            "FROM system.query_log WHERE query_id = {id:String} ORDER BY type",
            parameters={"id": query_id},
        ).result_rows
    )


def test_query_log_holds_what_the_engine_counted(client: Any) -> None:
    every = {"log_queries": 1, "log_queries_min_query_duration_ms": 0}
    name = str(uuid4())
    client.query("SELECT count() FROM numbers(12345) WHERE number % 2", settings={**every, "query_id": name})
    start, finish = logged(client, name)
    assert (start[0], start[1]) == ("QueryStart", "Select")
    assert finish[:5] == ("QueryFinish", "Select", 12345, 1, 0)
    assert finish[6].startswith("SELECT count() FROM numbers(12345)")


def test_query_log_keeps_what_its_settings_want(client: Any) -> None:
    slow, quick, unlogged = (str(uuid4()) for _ in range(3))
    limit = {"log_queries": 1, "log_queries_min_query_duration_ms": 150}
    client.query("SELECT sleep(0.3)", settings={**limit, "query_id": slow})
    client.query("SELECT 1", settings={**limit, "query_id": quick})
    client.query("SELECT 1", settings={"log_queries": 0, "query_id": unlogged})
    assert [row[0] for row in logged(client, slow)] == ["QueryFinish"]
    assert logged(client, quick) == logged(client, unlogged) == []


def test_query_log_holds_failures(client: Any) -> None:
    from clickhouse_connect.driver.exceptions import DatabaseError

    every = {"log_queries": 1, "log_queries_min_query_duration_ms": 0}
    before, within = str(uuid4()), str(uuid4())
    for name, text in (
        (before, "SELECT * FROM no_such_table"),
        (within, "SELECT throwIf(number = 3) FROM numbers(10)"),
    ):
        with pytest.raises(DatabaseError):
            client.query(text, settings={**every, "query_id": name})
    assert [(row[0], row[4]) for row in logged(client, before)] == [("ExceptionBeforeStart", 60)]
    assert [(row[0], row[4]) for row in logged(client, within)][-1] == ("ExceptionWhileProcessing", 395)
