"""An unmodified clickhouse-connect over HTTP."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

HARD_TEXTS = [
    "plain",
    "it's",
    "back\\slash",
    "tab\tand\nline",
    "''",
    "\\'",
    'dou"ble',
    "`tick`",
    "ünïcode ✓",
    "",
]


@pytest.fixture
def table(client: Any) -> Iterator[str]:
    name = f"t_{uuid4().hex[:8]}"
    client.command(f"CREATE TABLE {name} (a String, b UInt32, c Array(String)) ENGINE = MergeTree ORDER BY a")
    yield name
    client.command(f"DROP TABLE {name}")


def test_connects_and_reads(client: Any) -> None:
    assert client.ping()
    assert client.server_version.startswith("26.9.")
    assert client.query("SELECT number, toString(number) FROM numbers(3)").result_rows == [
        (0, "0"),
        (1, "1"),
        (2, "2"),
    ]
    assert client.command("SELECT 40 + 2") == 42


def test_summary_holds_what_the_engine_counted(client: Any) -> None:
    result = client.query("SELECT sum(number) FROM numbers(100000)")
    assert int(result.summary["read_rows"]) == 100_000
    assert int(result.summary["read_bytes"]) == 800_000
    assert int(result.summary["result_rows"]) == 1
    assert int(result.summary["elapsed_ns"]) > 0


def test_native_insert_of_many_rows(client: Any, table: str) -> None:
    rows = [[f"key {i:06}", i, [str(i), "x" * (i % 50)]] for i in range(20_000)]
    summary = client.insert(table, rows, column_names=["a", "b", "c"])
    assert summary.written_rows == 20_000
    read = client.query(f"SELECT a, b, c FROM {table} ORDER BY a").result_rows
    assert [list(row) for row in read] == rows


@pytest.mark.parametrize("text", HARD_TEXTS)
def test_text_survives_as_parameter_and_as_data(client: Any, table: str, text: str) -> None:
    client.insert(table, [[text, 1, [text, text]]], column_names=["a", "b", "c"])
    result = client.query(
        f"SELECT a, {{text:String}}, c = {{texts:Array(String)}} FROM {table} WHERE a = {{text:String}}",
        parameters={"text": text, "texts": [text, text]},
    )
    assert result.result_rows == [(text, text, 1)]


def test_parameters_of_other_types(client: Any) -> None:
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5)
    row = client.query(
        "SELECT {n:UInt64}, {f:Float64}, toString({d:DateTime}), {l:Array(Int8)}, {i:Identifier} "
        "FROM system.one",
        parameters={"n": 2**63, "f": -0.5, "d": moment, "l": [1, -1], "i": "dummy"},
    )
    assert row.first_row == (2**63, -0.5, str(moment), [1, -1], 0)


def test_parameters_too_long_for_a_url(store: Any) -> None:
    names = [f"name {i} it's" for i in range(20_000)]
    with store.client(form_encode_query_params=True) as client:
        result = client.query("SELECT length({names:Array(String)})", parameters={"names": names})
    assert result.first_row == (20_000,)


@pytest.mark.parametrize(
    ("form", "data"),
    [
        ("JSONEachRow", '{"a": "x", "b": 1}\n{"a": "y\\n\\n;", "b": 2}\n'),
        ("CSV", '"x",1,[]\n"y\n\n;",2,[]\n'),
    ],
)
def test_inserts_in_text_formats(client: Any, table: str, form: str, data: str) -> None:
    client.raw_insert(table, insert_block=data, fmt=form)
    assert client.query(f"SELECT a, b FROM {table} ORDER BY a").result_rows == [("x", 1), ("y\n\n;", 2)]


@pytest.mark.parametrize("compression", ["lz4", "zstd", "gzip"])
def test_inserts_of_packed_blocks(client: Any, table: str, compression: str) -> None:
    from clickhouse_connect.driver.compression import get_compressor

    compressor = get_compressor(compression)
    block = bytes(compressor.compress_block(b"x,1,[]\ny,2,[]\n")) + bytes(compressor.flush() or b"")
    client.raw_insert(table, insert_block=block, fmt="CSV", compression=compression)
    assert client.query(f"SELECT count() FROM {table}").first_row == (2,)


def test_insert_of_values(client: Any, table: str) -> None:
    client.command(f"INSERT INTO {table} VALUES ('a;b', 1 + 1, ['c']), ('it\\'s', 3, [])")
    assert client.query(f"SELECT a, b FROM {table} ORDER BY a").result_rows == [("a;b", 2), ("it's", 3)]


@pytest.mark.parametrize("form", ["JSON", "JSONCompactEachRow", "CSV", "TabSeparated", "Parquet"])
def test_raw_query_in_a_format(client: Any, form: str) -> None:
    assert b"1" in client.raw_query("SELECT '1' AS x", fmt=form)


def test_data_frames(client: Any, table: str) -> None:
    pandas = pytest.importorskip("pandas")
    client.insert_df(table, pandas.DataFrame({"a": ["x", "y"], "b": [1, 2], "c": [["p"], []]}))
    frame = client.query_df(f"SELECT a, b FROM {table} ORDER BY a")
    assert frame.to_dict("list") == {"a": ["x", "y"], "b": [1, 2]}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT * FROM no_such_table", 60),
        ("SELEC 1", 62),
        ("SELECT no_such_column FROM system.one", 47),
        ("SELECT throwIf(number = 3) FROM numbers(10)", 395),
        ("CREATE USER u", 497),
        ("GRANT SELECT ON *.* TO default", 497),
        ("DROP TABLE no_such_table", 60),
    ],
)
def test_errors_carry_clickhouse_code(client: Any, text: str, code: int) -> None:
    from clickhouse_connect.driver.exceptions import DatabaseError

    with pytest.raises(DatabaseError, match=rf"(?i)code:? {code}\b"):
        client.command(text)
    assert client.query("SELECT 1").first_row == (1,)


def test_memory_limit_of_one_query(client: Any) -> None:
    from clickhouse_connect.driver.exceptions import DatabaseError

    text = "SELECT length(groupArray(number)) FROM numbers(5000000)"
    with pytest.raises(DatabaseError, match=r"Code: 241\b"):
        client.query(text, settings={"max_memory_usage": 1_000_000})
    assert client.query(text).first_row == (5_000_000,)


def test_insert_that_fails_leaves_nothing(client: Any, table: str) -> None:
    from clickhouse_connect.driver.exceptions import DatabaseError

    with pytest.raises(DatabaseError):
        client.raw_insert(table, insert_block='{"a": "x"}\n{"b": "no number"}\n', fmt="JSONEachRow")
    assert client.query(f"SELECT count() FROM {table}").first_row == (0,)


def test_sessions_keep_what_is_set(store: Any) -> None:
    with store.client(session_id=f"s{uuid4()}") as one, store.client(session_id=f"s{uuid4()}") as other:
        one.command("CREATE TEMPORARY TABLE kept (a Int8)")
        one.command("INSERT INTO kept VALUES (7)")
        one.command("SET max_block_size = 1234")
        one.command("USE kato")
        assert one.query("SELECT a, getSetting('max_block_size'), currentDatabase() FROM kept").first_row == (
            7,
            1234,
            "kato",
        )
        assert other.query("SELECT getSetting('max_block_size') = 1234, currentDatabase()").first_row == (
            0,
            "default",
        )


@pytest.mark.parametrize("name", ["settings", "metrics", "events", "parts", "data_skipping_indices"])
def test_system_tables_have_rows(client: Any, table: str, name: str) -> None:
    client.insert(table, [["a", 1, []]], column_names=["a", "b", "c"])
    assert client.query(f"SELECT count() FROM system.{name}").first_row[0] > 0


def test_running_queries_and_merges_can_be_read(client: Any) -> None:
    assert "system.processes" in client.query("SELECT query FROM system.processes").first_row[0]
    assert client.query("SELECT count() FROM system.merges").row_count == 1


def test_events_count_this_engine(client: Any, table: str) -> None:
    text = "SELECT value FROM system.events WHERE event = 'InsertedRows'"
    before = client.query(text).first_row[0]
    client.insert(table, [["a", 1, []]] * 7, column_names=["a", "b", "c"])
    assert client.query(text).first_row[0] >= before + 7
