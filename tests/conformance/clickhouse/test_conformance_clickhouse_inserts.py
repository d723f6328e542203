"""Writing, as clickhouse-connect offers it, at once and through the queue of asynchronous inserts."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from clickhouse_connect.driver.compression import available_compression, get_compressor
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_connect.driver.tools import insert_file

COLUMNS = ["a", "b", "c"]
#: A busy timeout that no test outlives, and one that is over soon.
LATE = {
    "async_insert": 1,
    "async_insert_use_adaptive_busy_timeout": 0,
    "async_insert_busy_timeout_max_ms": 60_000,
}
SOON = {**LATE, "async_insert_busy_timeout_max_ms": 100}


def count(client: Any, table: str) -> int:
    return int(client.command(f"SELECT count() FROM {table}"))


def wait_for_rows(client: Any, table: str, rows: int, within: float = 10) -> float:
    """The seconds until the table has that many rows."""
    began = time.monotonic()
    while count(client, table) != rows:
        assert time.monotonic() - began < within
        time.sleep(0.01)
    return time.monotonic() - began


def inserts_of(client: Any, table: str) -> list[tuple[Any, ...]]:
    """What the log of asynchronous inserts says of a table: rows, bytes, status, exception, flush."""
    client.command("SYSTEM FLUSH LOGS")
    return list(
        client.query(
            "SELECT rows, bytes, toString(status), exception, flush_query_id "
            "FROM system.asynchronous_insert_log "
            "WHERE concat(database, '.', table) = {table:String} ORDER BY event_time_microseconds",
            parameters={"table": table},
        ).result_rows
    )


@pytest.mark.parametrize("compress", [True, False, "lz4", "zstd", "gzip"])
def test_native_inserts(connect: Any, table: str, compress: Any) -> None:
    rows = [[f"key {i:05}", i, [str(i), "x" * (i % 50)]] for i in range(20_000)]
    with connect(compress=compress) as client:
        assert client.insert(table, rows, column_names=COLUMNS).written_rows == 20_000
        read = client.query(f"SELECT * FROM {table} ORDER BY a").result_rows
    assert [list(row) for row in read] == rows


def test_insert_context_and_columns(client: Any, table: str) -> None:
    context = client.create_insert_context(table, column_names=["b", "a"])
    for number in range(3):
        context.data = [[number, str(number)]]
        client.insert(context=context)
    client.insert(table, [["x"], [9], [["c"]]], column_names=COLUMNS, column_oriented=True)
    assert client.query(f"SELECT * FROM {table} ORDER BY a").result_rows == [
        ("0", 0, []),
        ("1", 1, []),
        ("2", 2, []),
        ("x", 9, ["c"]),
    ]


@pytest.mark.parametrize("compression", [None, "lz4", "zstd", "gzip"])
def test_raw_inserts(client: Any, table: str, compression: str | None) -> None:
    if compression is not None and compression not in available_compression:
        pytest.skip(f"clickhouse-connect has no {compression} here")
    block: bytes = b'"x\n\n;",1,"[]"\ny,2,"[]"\n'
    if compression is not None:
        compressor = get_compressor(compression)
        block = bytes(compressor.compress_block(block)) + bytes(compressor.flush() or b"")
    client.raw_insert(table, insert_block=block, fmt="CSV", compression=compression)
    assert client.query(f"SELECT a, b FROM {table} ORDER BY a").result_rows == [("x\n\n;", 1), ("y", 2)]


def test_insert_of_a_file(client: Any, table: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("a,b\none,1\ntwo,2\n")
    insert_file(client, table, str(file), fmt="CSVWithNames")
    assert client.query(f"SELECT a, b FROM {table} ORDER BY b").result_rows == [("one", 1), ("two", 2)]


def test_insert_by_command(client: Any, table: str) -> None:
    client.command(f"INSERT INTO {table} VALUES ('a;b', 1 + 1, ['c']), ('it\\'s', 3, [])")
    client.command(f"INSERT INTO {table} FORMAT JSONEachRow", data='{"a": "z", "b": 4}\n')
    client.command(f"INSERT INTO {table} SELECT concat(a, '!'), b, c FROM {table} WHERE b = 2")
    assert client.query(f"SELECT a, b FROM {table} ORDER BY a").result_rows == [
        ("a;b", 2),
        ("a;b!", 2),
        ("it's", 3),
        ("z", 4),
    ]


def test_frames(client: Any, table: str) -> None:
    pandas = pytest.importorskip("pandas")
    client.insert_df(table, pandas.DataFrame({"a": ["x", "y"], "b": [1, 2], "c": [["p"], []]}))
    assert client.query(f"SELECT a, b, c FROM {table} ORDER BY a").result_rows == [
        ("x", 1, ["p"]),
        ("y", 2, []),
    ]


def test_failed_insert_leaves_nothing(client: Any, table: str) -> None:
    with pytest.raises(DatabaseError):
        client.raw_insert(table, insert_block='{"a": "x"}\n{"b": "no number"}\n', fmt="JSONEachRow")
    assert count(client, table) == 0


def test_without_wait_a_row_is_visible_after_the_busy_timeout(client: Any, table: str) -> None:
    began = time.monotonic()
    client.insert(table, [["a", 1, []]], column_names=COLUMNS, settings={**SOON, "wait_for_async_insert": 0})
    answered = time.monotonic() - began
    assert count(client, table) == 0 or time.monotonic() - began >= 0.1
    wait_for_rows(client, table, 1)
    assert time.monotonic() - began >= 0.09
    assert answered < 5


def test_with_wait_the_answer_is_the_row_s(client: Any, table: str) -> None:
    began = time.monotonic()
    written = client.insert(
        table, [["a", 1, []]], column_names=COLUMNS, settings={**SOON, "wait_for_async_insert": 1}
    )
    assert time.monotonic() - began >= 0.1
    assert count(client, table) == 1
    assert written.written_rows in {0, 1}  # servers before 26 counted none


def test_flush_of_the_queue(client: Any, table: str) -> None:
    for number in range(5):
        settings = {**LATE, "wait_for_async_insert": 0}
        client.insert(table, [[str(number), number, []]], column_names=COLUMNS, settings=settings)
    assert count(client, table) == 0
    client.command("SYSTEM FLUSH ASYNC INSERT QUEUE")
    assert count(client, table) == 5
    logged = inserts_of(client, table)
    assert [row[0] for row in logged] == [1] * 5
    assert all(row[1] > 0 and row[2:4] == ("Ok", "") for row in logged)
    assert len({row[4] for row in logged}) == 1  # one batch


def test_a_full_batch_does_not_wait(client: Any, table: str) -> None:
    settings = {**LATE, "wait_for_async_insert": 0, "async_insert_max_data_size": 2_000}
    for number in range(3):
        row = [str(number), number, ["x" * 1_000]]
        client.insert(table, [row], column_names=COLUMNS, settings=settings)
    wait_for_rows(client, table, 2)
    client.command("SYSTEM FLUSH ASYNC INSERT QUEUE")
    assert count(client, table) == 3


def test_an_insert_beyond_the_batch_s_size_is_done_at_once(client: Any, table: str) -> None:
    settings = {**LATE, "wait_for_async_insert": 0, "async_insert_max_data_size": 1_000}
    client.insert(table, [["a", 1, ["x" * 2_000]]], column_names=COLUMNS, settings=settings)
    assert count(client, table) == 1


def test_inserts_are_gathered_in_one_part(client: Any, table: str, connect: Any) -> None:
    settings = {**SOON, "async_insert_busy_timeout_max_ms": 600, "wait_for_async_insert": 1}

    def write(number: int) -> None:
        connect().insert(table, [[str(number), number, []]], column_names=COLUMNS, settings=settings)

    clients = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    assert count(client, table) == 8
    parts = client.command(
        "SELECT count() FROM system.parts WHERE active AND concat(database, '.', table) = {table:String}",
        parameters={"table": table},
    )
    assert int(parts) < 8


def test_a_lost_insert_is_told_by_the_log_alone(client: Any, table: str) -> None:
    settings = {**LATE, "wait_for_async_insert": 0}
    for block in ('{"a": "good", "b": 1}\n', '{"a": "bad", "b": "no number"}\n', '{"a": "fine", "b": 2}\n'):
        client.raw_insert(table, insert_block=block, fmt="JSONEachRow", settings=settings)
    client.command("SYSTEM FLUSH ASYNC INSERT QUEUE")
    assert client.query(f"SELECT a FROM {table} ORDER BY b").result_rows == [("good",), ("fine",)]
    logged = inserts_of(client, table)
    assert [row[2] for row in logged] == ["Ok", "ParsingError", "Ok"]
    assert "Code: " in logged[1][3]


def test_a_waiting_client_hears_of_its_failure(client: Any, table: str) -> None:
    settings = {**SOON, "wait_for_async_insert": 1}
    with pytest.raises(DatabaseError):
        client.raw_insert(table, insert_block='{"b": "no number"}\n', fmt="JSONEachRow", settings=settings)
    assert count(client, table) == 0


def test_a_table_that_goes_takes_its_rows_along(client: Any, database: str) -> None:
    table = f"{database}.gone_{uuid4().hex[:8]}"
    client.command(f"CREATE TABLE {table} (a String) ENGINE = MergeTree ORDER BY a")
    client.insert(table, [["x"]], column_names=["a"], settings={**LATE, "wait_for_async_insert": 0})
    client.command(f"DROP TABLE {table}")
    client.command("SYSTEM FLUSH ASYNC INSERT QUEUE")
    (logged,) = inserts_of(client, table)
    assert logged[2] == "FlushError"
    assert "Code: 60" in logged[3]


@pytest.mark.parametrize(
    ("statement", "code"), [("no_such_table (a) FORMAT CSV", 60), ("{table} (no_such_column) FORMAT CSV", 16)]
)
def test_what_can_never_be_inserted_is_refused_at_once(
    client: Any, table: str, statement: str, code: int
) -> None:
    settings = {**LATE, "wait_for_async_insert": 0}
    with pytest.raises(DatabaseError, match=rf"\b{code}\b"):
        client.command(f"INSERT INTO {statement.format(table=table)}", data="1\n", settings=settings)


def test_waiting_has_an_end(client: Any, table: str) -> None:
    settings = {**LATE, "wait_for_async_insert": 1, "wait_for_async_insert_timeout": 1}
    with pytest.raises(DatabaseError, match=r"\b159\b"):
        client.insert(table, [["a", 1, []]], column_names=COLUMNS, settings=settings)


def test_values_wait_in_the_queue_too(client: Any, table: str) -> None:
    for number in range(2):
        client.command(
            f"INSERT INTO {table} SETTINGS async_insert = 1, wait_for_async_insert = 0, "
            "async_insert_use_adaptive_busy_timeout = 0, async_insert_busy_timeout_max_ms = 60000 "
            f"VALUES ('v{number}', {number} + 1, [])"
        )
    assert count(client, table) == 0
    client.command("SYSTEM FLUSH ASYNC INSERT QUEUE")
    assert client.query(f"SELECT a, b FROM {table} ORDER BY a").result_rows == [("v0", 1), ("v1", 2)]
