"""The HTTP interface itself, asked without a client library."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest


def test_ping_and_greeting(store: Any) -> None:
    assert httpx.get(f"{store.url}/ping").text == "Ok.\n"
    assert httpx.get(f"{store.url}/").text == "Ok.\n"


def test_headers_of_an_answer(store: Any) -> None:
    answer = store.post("SELECT number FROM numbers(10)", query_id="mine", default_format="JSONEachRow")
    assert answer.status_code == 200
    assert answer.headers["x-clickhouse-query-id"] == "mine"
    assert answer.headers["x-clickhouse-format"] == "JSONEachRow"
    assert answer.headers["x-clickhouse-timezone"]
    assert answer.headers["x-clickhouse-server-display-name"]
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert json.loads(answer.headers["x-clickhouse-summary"])["read_rows"] == "10"
    assert json.loads(answer.text.splitlines()[9]) == {"number": 9}


def test_query_in_url_by_get(store: Any) -> None:
    answer = httpx.get(f"{store.url}/", params={"query": "SELECT {x:UInt8} + 1", "param_x": "4"})
    assert answer.text == "5\n"


@pytest.mark.parametrize(
    ("text", "parameters", "status", "code"),
    [
        ("SELECT * FROM nowhere", {}, 404, 60),
        ("SELEC 1", {}, 400, 62),
        (b"SELEC \xff", {}, 400, 62),
        ("", {}, 400, 62),
        ("SELECT 1; SELECT 2", {}, 400, 62),
        ("SELECT 1", {"no_such_setting": "1"}, 404, 115),
        ("SELECT 1", {"bad-name; --": "1"}, 404, 115),
        ("SELECT 1", {"max_threads": "many"}, 400, 27),
        ("SELECT 1", {"database": "nowhere"}, 404, 81),
        ("SELECT {x:UInt8}", {}, 500, 456),
        ("SELECT {x:UInt8}", {"param_x": "y"}, 500, 457),
        ("SELECT 1 FORMAT Nonsense", {}, 404, 73),
        ("SELECT sleep(3)", {"max_execution_time": "1"}, 408, 159),
        ("SELECT 1", {"session_id": "unknown", "session_check": "1"}, 500, 372),
        ("INSERT INTO nowhere FORMAT CSV\n1", {}, 404, 60),
    ],
)
def test_errors(store: Any, text: str | bytes, parameters: dict[str, str], status: int, code: int) -> None:
    answer = store.post(text, **parameters)
    assert answer.headers["x-clickhouse-exception-code"] == str(code)
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")
    assert answer.status_code == status
    assert store.post("SELECT 1").text == "1\n"


def test_settings_hold_for_one_query_only(store: Any) -> None:
    ask = "SELECT getSetting('max_block_size')"
    usual = store.post(ask).text
    assert store.post(ask, max_block_size="1234").text == "1234\n"
    assert [store.post(ask).text for _ in range(10)] == [usual] * 10
    store.post("SET max_block_size = 4321")
    store.post("USE kato")
    assert {store.post(ask).text for _ in range(10)} == {usual}
    assert {store.post("SELECT currentDatabase()").text for _ in range(10)} == {"default\n"}


def test_database_and_session_defaults(store: Any) -> None:
    session = str(uuid4())
    ask = "SELECT currentDatabase()"
    assert store.post(ask, database="kato").text == "kato\n"
    store.post("USE kato", session_id=session)
    assert store.post(ask, session_id=session, database="system").text == "system\n"
    assert store.post(ask, session_id=session).text == "kato\n"


def test_session_serves_one_query_at_a_time(store: Any) -> None:
    session = str(uuid4())
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(store.post, "SELECT sleep(0.4)", session_id=session) for _ in range(4)]
    codes = sorted(each.result().headers.get("x-clickhouse-exception-code", "") for each in asked)
    assert codes == ["", "373", "373", "373"]


def test_session_ends_after_its_timeout(store: Any) -> None:
    session = str(uuid4())
    store.post("CREATE TEMPORARY TABLE brief (a Int8)", session_id=session, session_timeout="0")
    assert (
        store.post("SELECT 1", session_id=session, session_check="1").headers["x-clickhouse-exception-code"]
        == "372"
    )


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_answer_is_packed_if_asked(store: Any, coding: str) -> None:
    text = "SELECT number FROM numbers(1000)"
    plain = store.post(text)
    packed = httpx.post(
        f"{store.url}/",
        params={"enable_http_compression": "1"},
        headers={"Accept-Encoding": coding},
        content=text,
    )
    assert (plain.headers.get("content-encoding"), packed.headers["content-encoding"]) == (None, coding)
    assert packed.text == plain.text


def test_a_web_page_is_refused(store: Any) -> None:
    answer = httpx.post(f"{store.url}/", headers={"Origin": "http://page.invalid"}, content="SELECT 1")
    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (403, "497")


def test_many_at_once(store: Any) -> None:
    def ask(number: int) -> bool:
        with store.client() as client:
            rows = client.query(
                "SELECT {n:UInt32}, sum(number) FROM numbers(100000)", parameters={"n": number}
            ).result_rows
            return bool(rows == [(number, 4999950000)])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(64)))


def test_many_writers_lose_nothing(store: Any) -> None:
    table = f"t_{uuid4().hex[:8]}"
    assert store.post(f"CREATE TABLE {table} (a UInt32) ENGINE = MergeTree ORDER BY a").status_code == 200

    def write(number: int) -> int:
        return int(store.post(f"INSERT INTO {table} FORMAT CSV\n{number}\n").status_code)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(write, range(80))) == {200}
    assert store.post(f"SELECT count(), uniqExact(a) FROM {table}").text == "80\t80\n"


def test_client_that_goes_away(store: Any) -> None:
    body = b"SELECT sleep(0.2)"
    head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    for sent in (head + body, head + body[:5]):
        for _ in range(12):
            with socket.create_connection(("127.0.0.1", store.port)) as connection:
                connection.sendall(sent)
    assert store.post("SELECT 1").text == "1\n"
    assert "Traceback" not in store.log
