"""Whatever is asked is answered as ClickHouse answers: with a result or with one of its errors."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NAMES = st.sampled_from(
    [
        "query",
        "database",
        "default_format",
        "session_id",
        "session_timeout",
        "session_check",
        "close_session",
        "compress",
        "decompress",
        "enable_http_compression",
        "param_x",
        "param_",
        "max_threads",
        "readonly",
        "role",
        "user",
        "password",
        "query_id",
        "async_insert",
        "wait_for_async_insert",
        "async_insert_busy_timeout_max_ms",
        "wait_for_async_insert_timeout",
        "log_queries",
        "log_queries_min_query_duration_ms",
        "log_queries_cut_to_length",
        "log_queries_min_type",
        "send_progress_in_http_headers",
        "http_headers_progress_interval_ms",
        "t_structure",
        "t_types",
        "data",
    ]
).map(str.encode) | st.binary(max_size=4)
VALUES = st.sampled_from(
    [b"", b"0", b"1", b"-1", b"true", b"x", b"9" * 30, b"nan", b"inf", b"system", b"CSV", b"'", b"\\"]
) | st.binary(max_size=4)
BODIES = st.sampled_from(
    [
        b"SELECT 1",
        b"SELECT {x:String}",
        b"INSERT INTO any_request FORMAT CSV\n1\n",
        b"INSERT INTO any_request FORMAT Native\n\x01\x01",
        b"INSERT INTO any_request VALUES (1)",
        b'INSERT INTO any_request SETTINGS async_insert=1, wait_for_async_insert=0 FORMAT CSV\n"',
        b"INSERT INTO any_request SETTINGS a=,b FORMAT CSV\n1",
        b"SYSTEM FLUSH LOGS",
        b"SYSTEM FLUSH ASYNC INSERT QUEUE",
        b"SET max_threads = 1",
        b"USE system",
        b"SELECT * FROM system.asynchronous_inserts",
        b"DESCRIBE TABLE t",
    ]
) | st.binary(max_size=20)
CODINGS = st.sampled_from(
    ["", "gzip", "lz4", "zstd", "br", "deflate", "snappy", "xz", "bz2", "gzip, br", "é"]
)
FORMS = st.sampled_from(
    [b'name="query"', b'name="t"; filename="f"', b'name="\xff"', b'name="\xff"; filename="f"', b""]
)


@pytest.fixture(scope="module")
def asked(store: Any) -> Any:
    assert store.post("CREATE TABLE any_request (a UInt32) ENGINE = MergeTree ORDER BY a").status_code == 200
    return store


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["POST", "POST", "GET"]),
    fields=st.lists(st.tuples(NAMES, VALUES), max_size=4),
    body=BODIES,
    sent=CODINGS | st.just(""),
    accepted=CODINGS,
    form=st.none() | FORMS,
    authorization=st.sampled_from(["", "", "", "Basic", "Basic x", "Basic ZGVmYXVsdDo=", "Bearer y"]),
)
def test_any_request(
    asked: Any,
    method: str,
    fields: list[tuple[bytes, bytes]],
    body: bytes,
    sent: str,
    accepted: str,
    form: bytes | None,
    authorization: str,
) -> None:
    url = "&".join(f"{quote_from_bytes(name)}={quote_from_bytes(value)}" for name, value in fields)
    headers = {"Content-Encoding": sent, "Accept-Encoding": accepted, "Authorization": authorization}
    if form is not None:
        body = b"--B\r\nContent-Disposition: form-data; " + form + b"\r\n\r\n" + body + b"\r\n--B--\r\n"
        headers["Content-Type"] = "multipart/form-data; boundary=B"
    answer = asked.http.request(
        method,
        f"{asked.url}/?{url}",
        headers={name: value.encode() for name, value in headers.items() if value},
        content=body,
        timeout=30,
    )
    assert (answer.status_code == 200) != ("x-clickhouse-exception-code" in answer.headers), answer.text
    assert answer.headers.get("x-clickhouse-exception-code") != "1002", answer.text


def test_nothing_of_it_went_wrong_inside(asked: Any) -> None:
    asked.post("SYSTEM FLUSH LOGS")
    assert "Traceback" not in asked.log
    assert "could not write" not in asked.log
