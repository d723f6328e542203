"""From a request to a query, from a failure to an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.targets.embedded.patterns import blocks, compression, wire
from bench.targets.embedded.patterns.errors import QueryError, from_engine
from bench.targets.embedded.patterns.external import ExternalTable
from bench.targets.embedded.patterns.users import User
from bench.targets.embedded.patterns.wire import (
    Counters,
    Query,
    Request,
    Session,
    progress_headers,
    query_id,
    url_fields,
)

USER = User("kato", settings={"max_threads": "3"}, database="kato")


def request(
    body: bytes = b"", *, method: str = "POST", headers: dict[str, str] | None = None, **fields: str
) -> Request:
    return Request(method, fields, headers or {}, body)


def read_query(asked: Request) -> Query:
    return wire.read_query(asked, USER)


@pytest.mark.parametrize(
    ("query", "body", "text"),
    [
        ("", b"SELECT 1", b"SELECT 1"),
        ("SELECT 1", b"", b"SELECT 1"),
        ("INSERT INTO t VALUES", b"(1)", b"INSERT INTO t VALUES\n(1)"),
    ],
)
def test_parameter_and_body_are_one_text(query: str, body: bytes, text: bytes) -> None:
    fields = {"query": query} if query else {}
    assert read_query(request(body, **fields)).statement.text == text


def test_statement_in_the_parameter_and_data_in_the_body() -> None:
    statement = read_query(request(b"\x00\n\n\x01", query="INSERT INTO t FORMAT Native")).statement
    assert (statement.text, statement.data) == (b"INSERT INTO t ", b"\x00\n\n\x01")


def test_parameters_settings_and_the_interface_are_told_apart() -> None:
    query = read_query(
        request(
            b"SELECT {x:String}",
            param_x="a\\tb",
            max_threads="2",
            database="kato",
            default_format="CSV",
            wait_end_of_query="1",
            query_id="q",
            enable_http_compression="1",
            cancel_http_readonly_queries_on_client_close="1",
            session_id="s",
            session_timeout="5",
        )
    )
    assert query.parameters == {"x": "a\\tb"}
    assert query.settings == {"max_threads": "2"}
    assert (query.database, query.default_format) == ("kato", "CSV")
    assert query.session == Session("s", "kato", 5)


def test_what_nobody_says_is_the_user_s() -> None:
    query = read_query(request(b"SELECT 1", session_id="s"))
    assert (query.user, query.database, query.profile) == ("kato", "kato", {"max_threads": "3"})
    assert query.session == Session("s", "kato")
    assert read_query(request(b"SELECT 1", session_id="s", close_session="1")).session == Session(
        "s", "kato", ends=True
    )


def test_a_body_in_clickhouse_s_own_blocks() -> None:
    query = read_query(request(blocks.pack(b"SELECT 1"), decompress="1"))
    assert query.statement.text == b"SELECT 1"


def test_headers_name_format_and_database() -> None:
    headers = {"x-clickhouse-format": "JSON", "x-clickhouse-database": "kato"}
    query = read_query(request(b"SELECT 1", headers=headers))
    assert (query.default_format, query.database) == ("JSON", "kato")


def test_form_fields_count_like_those_of_the_url() -> None:
    body = (
        b'--B\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT {x:String}\r\n'
        b'--B\r\nContent-Disposition: form-data; name="param_x"\r\n\r\n--B is no end\r\n\r\n--B--\r\n'
    ).replace(b"--B is", b"-B is")
    query = read_query(request(body, headers={"content-type": "multipart/form-data; boundary=B"}))
    assert query.statement.text == b"SELECT {x:String}"
    assert query.parameters == {"x": "-B is no end\r\n"}


@pytest.mark.parametrize(
    ("asked", "code", "status"),
    [
        (request(b"SELECT 1", session_id="s", session_timeout="3601"), 374, 500),
        (request(b"SELECT 1", session_id="s", session_timeout="-1"), 374, 500),
        (request(b"SELECT 1", decompress="1"), 33, 500),
        (request(b"SELECT 1", role="writer"), 511, 404),
        (request(b"DROP TABLE t", readonly="1"), 164, 500),
        (request(b"SELECT 1", param_x="\udcff"), 36, 400),
        (request(b"SET max_threads = 1", default_format="✓"), 73, 404),
        (request(b"SELECT 1", headers={"content-encoding": "snappy"}), 89, 500),
        (request(b"SELECT 1", headers={"content-encoding": "zstd"}), 271, 500),
        (request(b"SELECT 1", headers={"origin": "http://page.invalid"}), 497, 403),
        (request(method="GET", query="DROP TABLE t"), 164, 500),
        (request(b"x", headers={"content-type": "multipart/form-data"}), 36, 400),
    ],
)
def test_refusals(asked: Request, code: int, status: int) -> None:
    with pytest.raises(QueryError) as caught:
        read_query(asked)
    assert (caught.value.code, caught.value.status) == (code, status)
    assert caught.value.body("26.9").startswith(f"Code: {code}. DB::Exception: ".encode())


def form_of(*parts: tuple[str, bytes]) -> dict[str, object]:
    body = b"".join(
        b'--B\r\nContent-Disposition: form-data; name="%b"; filename="f"\r\n\r\n%b\r\n'
        % (name.encode(), data)
        for name, data in parts
    )
    return {"body": body + b"--B--\r\n", "headers": {"content-type": "multipart/form-data; boundary=B"}}


def test_external_tables() -> None:
    form: Any = form_of(("one", b"1\r\n2"), ("two", b""))
    query = read_query(
        request(
            **form,
            query="SELECT 1",
            one_structure="a Int8, b Array(Int8)",
            one_format="CSV",
            two_types="Tuple(Int8, String), Decimal(9, 2)",
        )
    )
    assert query.tables == (
        ExternalTable("one", "a Int8, b Array(Int8)", "CSV", b"1\r\n2"),
        ExternalTable("two", "_1 Tuple(Int8, String), _2 Decimal(9, 2)", "TabSeparated", b""),
    )
    assert query.settings == {}


@pytest.mark.parametrize("fields", [{}, {"no name_types": "Int8"}])
def test_external_tables_without_a_name_or_columns_are_refused(fields: dict[str, str]) -> None:
    form: Any = form_of((next(iter(fields), "t_types").removesuffix("_types"), b"1"))
    with pytest.raises(QueryError) as caught:
        read_query(request(**form, query="SELECT 1", **fields))
    assert caught.value.code == 36


@pytest.mark.parametrize("name", ["", "two\r\nlines", "✓"])
def test_query_id_that_fits_no_header_is_replaced(name: str) -> None:
    assert len(query_id(request(query_id=name))) == 36
    assert query_id(request(query_id="mine")) == "mine"


def test_url_fields() -> None:
    assert url_fields(b"a=1&b=&c=%C3%A9+x&a=2&d=%FF") == {"a": "2", "b": "", "c": "é x", "d": "\udcff"}


def test_summary_is_strings_and_nanoseconds() -> None:
    summary = json.loads(Counters(read_rows=3, written_rows=2, elapsed=0.0015).summary())
    assert (summary["read_rows"], summary["written_rows"], summary["elapsed_ns"]) == ("3", "2", "1500000")
    assert "total_rows_to_read" not in summary
    assert json.loads(Counters(total_rows_to_read=9).summary())["total_rows_to_read"] == "9"


@pytest.mark.parametrize(
    ("fields", "elapsed"),
    [
        ({}, []),
        ({"send_progress_in_http_headers": "1"}, [0.1, 0.2, 0.3, 0.4]),
        ({"send_progress_in_http_headers": "1", "http_headers_progress_interval_ms": "200"}, [0.2, 0.4]),
        ({"send_progress_in_http_headers": "1", "http_headers_progress_interval_ms": "1000"}, []),
    ],
)
def test_progress_is_told_once_an_interval(fields: dict[str, str], elapsed: list[float]) -> None:
    progress = [Counters(elapsed=tenths / 10) for tenths in range(1, 5)]
    headers = progress_headers(request(b"SELECT 1", **fields), progress)
    assert [int(json.loads(header)["elapsed_ns"]) / 1e9 for header in headers] == elapsed


@pytest.mark.parametrize(
    ("message", "code", "name", "status"),
    [
        ("Code: 60. DB::Exception: No such table. (UNKNOWN_TABLE)", 60, "UNKNOWN_TABLE", 404),
        ("Append failed: Code: 27. DB::Exception: Bad (A): (at row 1)\n. (INCORRECT_DATA) (version 1.2)",
         27, "INCORRECT_DATA", 400),
        ("Code: 241. DB::Exception: Too much. (MEMORY_LIMIT_EXCEEDED)", 241, "MEMORY_LIMIT_EXCEEDED", 500),
        ("Code: 159. DB::Exception: Too long. (TIMEOUT_EXCEEDED)", 159, "TIMEOUT_EXCEEDED", 408),
        ("something else", 1002, "UNKNOWN_EXCEPTION", 500),
    ],
)  # fmt: skip
def test_errors_of_the_engine(message: str, code: int, name: str, status: int) -> None:
    error = from_engine(RuntimeError(message))
    assert (error.code, error.name, error.status) == (code, name, status)
    assert error.text.startswith(f"Code: {code}. DB::Exception: ")
    assert error.body("9.9").count(b"(version") == 1


def test_message_that_is_no_utf8_is_kept() -> None:
    raw = b"Code: 62. DB::Exception: failed at \xff. (SYNTAX_ERROR)"
    error = from_engine(UnicodeDecodeError("utf-8", raw, 35, 36, "invalid start byte"))
    assert error.code == 62
    assert "failed at �." in error.text


@pytest.mark.parametrize("coding", ["lz4", "zstd", "br", "gzip", "deflate", "xz", "bz2"])
@given(body=st.binary(min_size=1024, max_size=4096))
def test_codings_give_back_what_they_got(coding: str, body: bytes) -> None:
    packed, used = compression.encode(body, coding)
    assert used == coding
    assert compression.decode(packed, coding) == body


@pytest.mark.parametrize("coding", ["lz4", "zstd", "gzip"])
def test_frames_behind_each_other_are_one_body(coding: str) -> None:
    first, second = b"a" * 2000, b"b" * 3000
    packed = compression.encode(first, coding)[0] + compression.encode(second, coding)[0]
    assert compression.decode(packed, coding) == first + second


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("lz4,zstd,br,gzip,deflate", "lz4"),
        ("snappy, zstd;q=0.5, gzip", "zstd"),
        ("br, gzip", "br"),
        ("zstd;q=0, gzip", "gzip"),
        ("identity", None),
        ("", None),
    ],
)
def test_first_known_coding_is_used(accepted: str, coding: str | None) -> None:
    assert compression.encode(b"x" * 5000, accepted)[1] == coding


def test_small_answers_stay_plain() -> None:
    assert compression.encode(b"1\n", "lz4") == (b"1\n", None)
