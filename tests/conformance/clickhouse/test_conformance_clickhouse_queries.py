"""Reading, as clickhouse-connect offers it."""

from __future__ import annotations

import asyncio
import datetime
import threading
import uuid
from decimal import Decimal
from ipaddress import IPv4Address
from typing import Any
from uuid import uuid4

import pytest
from clickhouse_connect import get_async_client
from clickhouse_connect.driver.compression import available_compression
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_connect.driver.external import ExternalData


def test_connect_and_ping(client: Any) -> None:
    assert client.ping()
    assert client.server_version
    assert client.min_version("20.1")
    assert client.query("SELECT 1").first_row == (1,)


@pytest.mark.parametrize("compress", [True, False, "lz4", "zstd", "gzip", "br"])
def test_answers_in_every_coding(connect: Any, compress: Any) -> None:
    if compress not in {True, False, *available_compression}:
        pytest.skip(f"clickhouse-connect has no {compress} here")
    with connect(compress=compress) as client:
        rows = client.query("SELECT number, repeat(toString(number), 5) FROM numbers(20000)").result_rows
    assert len(rows) == 20_000
    assert rows[12_345] == (12_345, "12345" * 5)


def test_types_survive_the_native_format(client: Any) -> None:
    row = client.query(
        "SELECT toUInt64(18446744073709551615), toInt128('-170141183460469231731687303715884105728'), "
        "toFloat64(0.5), toDecimal64('12.345', 3), toDate('2026-04-27'), "
        "toDateTime('2026-04-27 01:02:03', 'UTC'), "
        "toUUID('00000000-0000-0000-0000-00000000002a'), toIPv4('127.0.0.1'), [[1, 2], []], map('k', 7), "
        "('x', 1), toNullable(NULL), toLowCardinality('low'), CAST('b', 'Enum8(\\'a\\' = 1, \\'b\\' = 2)'), "
        "toFixedString('ab', 3), true"
    ).first_row
    assert row[:5] == (2**64 - 1, -(2**127), 0.5, Decimal("12.345"), datetime.date(2026, 4, 27))
    assert row[5].replace(tzinfo=None) == datetime.datetime(2026, 4, 27, 1, 2, 3)
    assert row[6:10] == (uuid.UUID(int=42), IPv4Address("127.0.0.1"), [[1, 2], []], {"k": 7})
    assert tuple(row[10]) == ("x", 1)
    assert row[11:14] == (None, "low", "b")
    assert row[15] is True


def test_streams(client: Any) -> None:
    text = "SELECT number FROM numbers(200000)"
    with client.query_rows_stream(text) as rows:
        assert sum(row[0] for row in rows) == 19_999_900_000
    with client.query_row_block_stream(text) as blocks:
        assert sum(len(block) for block in blocks) == 200_000
    with client.query_column_block_stream(text) as blocks:
        assert sum(len(block[0]) for block in blocks) == 200_000


def test_raw_answers(client: Any) -> None:
    assert client.raw_query("SELECT 1 AS x, 'a' AS y", fmt="JSONEachRow") == b'{"x":1,"y":"a"}\n'
    assert client.raw_query("SELECT 1, 'a' FORMAT CSV") == b'1,"a"\n'
    stream = client.raw_stream("SELECT number FROM numbers(3)", fmt="TabSeparated")
    assert b"".join(stream) == b"0\n1\n2\n"


def test_commands(client: Any) -> None:
    assert client.command("SELECT 6 * 7") == 42
    assert client.command("SELECT 'one', 'two'") == ["one", "two"]
    assert client.command("EXISTS TABLE system.one") == 1


def test_columns_alone(client: Any) -> None:
    result = client.query("SELECT number AS n, toString(number) AS s FROM numbers(10) LIMIT 0")
    assert result.column_names == ("n", "s")
    assert [kind.name for kind in result.column_types] == ["UInt64", "String"]
    assert not result.result_rows


def test_a_context_is_used_again(client: Any) -> None:
    context = client.create_query_context(
        query="SELECT {x:UInt32} + number AS y FROM numbers(2)", parameters={"x": 1}, column_oriented=True
    )
    assert client.query(context=context).result_columns == [[1, 2]]
    context.set_parameter("x", 10)
    assert client.query(context=context).result_columns == [[10, 11]]


def test_parameters_of_the_server_and_of_the_client(client: Any) -> None:
    hard = "it's \\ a\ttab\nand ✓ {x:String}"
    bound = client.query("SELECT {s:String}, {l:Array(String)}", parameters={"s": hard, "l": [hard, "''"]})
    assert bound.first_row == (hard, [hard, "''"])
    assert client.query("SELECT %(s)s, %(n)s", parameters={"s": hard, "n": 7}).first_row == (hard, 7)
    assert client.query("SELECT %s, %s", parameters=(hard, 1.5)).first_row == (hard, 1.5)


def test_settings_of_a_query_and_of_a_client(connect: Any) -> None:
    ask = "SELECT toUInt64(getSetting('max_block_size'))"
    with connect(settings={"max_block_size": 1111}) as client:
        assert client.command(ask) == 1111
        assert client.command(ask, settings={"max_block_size": 2222}) == 2222
        assert client.command(f"{ask} SETTINGS max_block_size = 3333") == 3333
        client.set_client_setting("max_block_size", 4444)
        assert client.command(ask) == 4444
        assert client.get_client_setting("max_block_size") == "4444"


def test_summary_and_query_id(client: Any) -> None:
    name = str(uuid4())
    result = client.query("SELECT sum(number) FROM numbers(100000)", settings={"query_id": name})
    assert result.query_id == name
    assert int(result.summary["read_rows"]) == 100_000
    assert int(result.summary["read_bytes"]) == 800_000
    assert int(result.summary["result_rows"]) == 1
    assert int(result.summary["elapsed_ns"]) > 0


def test_session_keeps_temporary_tables(connect: Any) -> None:
    with connect(session_id=str(uuid4())) as one, connect(session_id=str(uuid4())) as other:
        one.command("CREATE TEMPORARY TABLE kept (a Int8)")
        one.insert("kept", [[7]], column_names=["a"])
        assert one.query("SELECT a FROM kept").first_row == (7,)
        with pytest.raises(DatabaseError, match=r"\b60\b"):
            other.query("SELECT a FROM kept")


def test_locked_session(client: Any, connect: Any) -> None:
    session = str(uuid4())
    running = "SELECT count() FROM system.processes WHERE query LIKE 'SELECT sleep(1)%'"
    with connect(session_id=session) as one, connect(session_id=session) as other:
        busy = threading.Thread(target=one.query, args=("SELECT sleep(1)",))
        busy.start()
        while client.command(running) == 0:
            assert busy.is_alive()
        with pytest.raises(DatabaseError, match="373"):
            other.query("SELECT 1")
        busy.join()
        assert other.query("SELECT 1").first_row == (1,)


def test_external_data(client: Any) -> None:
    data = ExternalData(
        file_name="names.csv", data=b"one,1\ntwo,2\n", fmt="CSV", structure=["name String", "number UInt8"]
    )
    text = "SELECT name FROM names WHERE number = 2"
    assert client.query(text, external_data=data).first_row == ("two",)
    data = ExternalData(file_name="names", data=b"one\t1\n", types=["String", "Decimal(9, 2)"])
    assert client.query("SELECT _1, _2 FROM names", external_data=data).first_row == ("one", Decimal(1))


@pytest.mark.parametrize(
    ("text", "code", "name"),
    [
        ("SELECT * FROM no_such_table", 60, "UNKNOWN_TABLE"),
        ("SELEC 1", 62, "SYNTAX_ERROR"),
        ("SELECT no_such_column FROM system.one", 47, "UNKNOWN_IDENTIFIER"),
        ("SELECT no_such_function()", 46, "UNKNOWN_FUNCTION"),
        ("SELECT throwIf(number = 3) FROM numbers(10)", 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
        ("SELECT toUInt8('x')", 6, "CANNOT_PARSE_TEXT"),
        ("SELECT 1 SETTINGS no_such_setting = 1", 115, "UNKNOWN_SETTING"),
    ],
)
def test_errors_carry_code_and_name(client: Any, text: str, code: int, name: str) -> None:
    with pytest.raises(DatabaseError, match=rf"(?s){code}\b.*{name}"):
        client.query(text)
    assert client.query("SELECT 1").first_row == (1,)


def test_errors_may_be_hidden(connect: Any) -> None:
    with connect(show_clickhouse_errors=False) as client, pytest.raises(DatabaseError) as caught:
        client.query("SELECT * FROM no_such_table")
    assert "no_such_table" not in str(caught.value)


def test_memory_limit_of_a_query(client: Any) -> None:
    text = "SELECT length(groupArray(number)) FROM numbers(5000000)"
    with pytest.raises(DatabaseError, match=r"\b241\b"):
        client.query(text, settings={"max_memory_usage": 1_000_000})


def test_time_limit_of_a_query(client: Any) -> None:
    with pytest.raises(DatabaseError, match=r"\b159\b"):
        client.query("SELECT sleep(3)", settings={"max_execution_time": 1})


@pytest.mark.parametrize(("user", "password"), [("nobody", "x"), ("nobody", "")])
def test_unknown_users_are_refused(connect: Any, user: str, password: str) -> None:
    with pytest.raises(DatabaseError, match="Authentication failed"):
        connect(username=user, password=password)


def test_db_api(address: dict[str, Any]) -> None:
    from clickhouse_connect import dbapi

    connection = dbapi.connect(**address)
    cursor = connection.cursor()
    cursor.execute("SELECT number, number * 2 FROM numbers(%(n)s)", {"n": 3})
    assert [column[0] for column in cursor.description] == ["number", "multiply(number, 2)"]
    assert [tuple(row) for row in cursor.fetchall()] == [(0, 0), (1, 2), (2, 4)]
    connection.close()


def test_asynchronous_client(address: dict[str, Any], table: str) -> None:
    async def use() -> None:
        try:
            client = await get_async_client(**address)
        except ImportError as error:  # today's needs aiohttp
            pytest.skip(str(error))
        await client.insert(table, [["x", 1, []]], column_names=["a", "b", "c"])
        rows = await asyncio.gather(
            *(client.query(f"SELECT a, {number} FROM {table}") for number in range(8))
        )
        assert [row.first_row for row in rows] == [("x", number) for number in range(8)]
        closed = client.close()
        if closed is not None:
            await closed

    asyncio.run(use())


def test_frames(client: Any) -> None:
    pytest.importorskip("pandas")
    frame = client.query_df("SELECT number AS n, toString(number) AS s FROM numbers(3)")
    assert frame.to_dict("list") == {"n": [0, 1, 2], "s": ["0", "1", "2"]}


def test_arrays_and_arrow(client: Any) -> None:
    pytest.importorskip("numpy")
    assert client.query_np("SELECT number FROM numbers(3)").tolist() == [[0], [1], [2]]
    pytest.importorskip("pyarrow")
    assert client.query_arrow("SELECT number AS n FROM numbers(3)").to_pydict() == {"n": [0, 1, 2]}
