"""What the HTTP interface must see in a statement before the engine gets it."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bench.targets.embedded.patterns.errors import QueryError
from bench.targets.embedded.patterns.statement import parse


@pytest.mark.parametrize(
    ("text", "output_format"),
    [
        (b"SELECT 1", None),
        (b"SELECT 1 FORMAT JSON", "JSON"),
        (b"select 1\n format Native", "Native"),
        (b"SELECT 1 FORMAT CSV;", "CSV"),
        (b"SELECT 1 FORMAT CSV SETTINGS max_threads = 1, max_block_size = 2", "CSV"),
        (b"SELECT 'x FORMAT JSON'", None),
        (b"SELECT 1 -- FORMAT JSON", None),
        (b"SELECT 1 /* no */ FORMAT /* really */ JSON -- yes", "JSON"),
        (b"SELECT '-- ' FORMAT JSON", "JSON"),
        (b"SELECT format FROM t", None),
        (b"(SELECT 1) UNION ALL (SELECT 2) FORMAT TSV", "TSV"),
    ],
)
def test_output_format(text: bytes, output_format: str | None) -> None:
    statement = parse(text)
    assert statement.output_format == output_format
    assert statement.reads_only
    assert statement.text == text


@pytest.mark.parametrize(
    ("text", "head", "input_format", "data"),
    [
        (b"INSERT INTO t FORMAT Native\n\x01\x02", b"INSERT INTO t ", "Native", b"\x01\x02"),
        (b"INSERT INTO t FORMAT Native\n\n\x01", b"INSERT INTO t ", "Native", b"\n\x01"),
        (b"INSERT INTO t FORMAT CSV\r\n1,2", b"INSERT INTO t ", "CSV", b"1,2"),
        (b"INSERT INTO t FORMAT CSV 1,2", b"INSERT INTO t ", "CSV", b"1,2"),
        (b"INSERT INTO t FORMAT CSV", b"INSERT INTO t ", "CSV", b""),
        (b"insert into t (a, `FORMAT`) format CSV\n1", b"insert into t (a, `FORMAT`) ", "CSV", b"1"),
        (
            b"INSERT INTO t SETTINGS async_insert=1 FORMAT JSONEachRow\n{}",
            b"INSERT INTO t SETTINGS async_insert=1 ",
            "JSONEachRow",
            b"{}",
        ),
        (b"/* x */ INSERT INTO db.format FORMAT CSV\n1", b"/* x */ INSERT INTO db.format ", "CSV", b"1"),
        (b"INSERT INTO format FORMAT CSV\n1", b"INSERT INTO format ", "CSV", b"1"),
        (
            b"INSERT INTO FUNCTION null('a String FORMAT x') FORMAT CSV\n1",
            b"INSERT INTO FUNCTION null('a String FORMAT x') ",
            "CSV",
            b"1",
        ),
    ],
)
def test_insert_with_data(text: bytes, head: bytes, input_format: str, data: bytes) -> None:
    statement = parse(text)
    assert (statement.text, statement.input_format, statement.data) == (head, input_format, data)
    assert not statement.reads_only


@pytest.mark.parametrize(
    "text",
    [
        b"INSERT INTO t VALUES ('a;b', 1), ('FORMAT CSV', 2)",
        b"INSERT INTO t (a, b) VALUES ({x:String}, 1 + 1);",
        b"INSERT INTO t SELECT * FROM s",
        b"INSERT INTO t WITH 1 AS x SELECT x",
    ],
)
def test_insert_that_the_engine_takes_whole(text: bytes) -> None:
    statement = parse(text)
    assert (statement.text, statement.input_format) == (text, None)


@pytest.mark.parametrize("text", [b"", b"  \n", b";", b"-- nothing", b"/* nothing */ ;"])
def test_nothing_to_run_is_refused(text: bytes) -> None:
    with pytest.raises(QueryError, match="empty query") as caught:
        parse(text)
    assert (caught.value.code, caught.value.status) == (62, 400)


@pytest.mark.parametrize(
    "text",
    [
        b"SELECT 1; SELECT 2",
        b"SELECT 1; -- and\nDROP TABLE t;",
        b"INSERT INTO t VALUES ('a;b'); SELECT 1",
        b"INSERT INTO t SELECT 1; SELECT 1",
    ],
)
def test_several_statements_are_refused(text: bytes) -> None:
    with pytest.raises(QueryError, match="Multi-statements") as caught:
        parse(text)
    assert caught.value.code == 62


@pytest.mark.parametrize("text", [b"SELECT 1;", b"SELECT ';'", b"SELECT 1; -- end;", b'SELECT `;`, "a\\";"'])
def test_one_statement_with_semicolons(text: bytes) -> None:
    assert parse(text).text == text


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        (b"SET max_threads = 1", True),
        (b"USE kato", True),
        (b"CREATE TEMPORARY TABLE t (a Int8)", True),
        (b"CREATE OR REPLACE TEMPORARY TABLE t (a Int8)", True),
        (b"CREATE TABLE t (a Int8) ENGINE = Memory", False),
        (b"SELECT 1", False),
    ],
)
def test_traces_on_the_connection(text: bytes, changes: bool) -> None:
    assert parse(text).changes_connection is changes


@given(st.binary())
def test_data_of_an_insert_are_never_touched(data: bytes) -> None:
    statement = parse(b"INSERT INTO t (a) FORMAT Native\n" + data)
    assert statement.data == data


@given(st.binary(min_size=1))
def test_any_other_bytes_reach_the_engine_as_they_are(text: bytes) -> None:
    try:
        statement = parse(text)
    except QueryError:
        assume(False)
    assert text.startswith(statement.text)
