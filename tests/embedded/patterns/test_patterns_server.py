"""What a ClickHouse server has and the engine as a library lacks, asked over HTTP."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from bench.targets.embedded.patterns import blocks

LATE = {
    "async_insert": "1",
    "wait_for_async_insert": "0",
    "async_insert_use_adaptive_busy_timeout": "0",
    "async_insert_busy_timeout_max_ms": "60000",
}


@pytest.fixture
def table(store: Any) -> str:
    name = f"t_{uuid4().hex[:8]}"
    assert store.post(f"CREATE TABLE {name} (a UInt32) ENGINE = MergeTree ORDER BY a").status_code == 200
    return name


def count(store: Any, table: str) -> int:
    return int(store.post(f"SELECT count() FROM {table}").text)


def test_health_checks_and_unknown_paths(store: Any) -> None:
    assert httpx.get(f"{store.url}/replicas_status").text == "Ok.\n"
    lost = httpx.get(f"{store.url}/dashboards")
    assert lost.status_code == 404
    assert lost.text.startswith("There is no handle /dashboards\n")


def test_progress_comes_before_the_summary(store: Any) -> None:
    text = "SELECT count() FROM numbers(10000000) WHERE NOT ignore(sipHash64(number))"
    answer = store.post(text, send_progress_in_http_headers="1", max_threads="1")
    progress = [json.loads(one) for one in answer.headers.get_list("x-clickhouse-progress")]
    summary = json.loads(answer.headers["x-clickhouse-summary"])
    read = [int(one["read_rows"]) for one in [*progress, summary]]
    assert progress
    assert read == sorted(read)
    assert read[-1] == 10_000_000
    assert progress[0]["total_rows_to_read"] == summary["total_rows_to_read"] == "10000000"
    assert "x-clickhouse-progress" not in store.post(text, max_threads="1").headers


def test_both_ways_in_clickhouse_s_own_blocks(store: Any, table: str) -> None:
    packed = blocks.pack(f"INSERT INTO {table} FORMAT CSV\n7\n".encode())
    assert store.post(packed, decompress="1").status_code == 200
    answer = store.post(f"SELECT a FROM {table}", compress="1")
    assert blocks.unpack(answer.content) == b"7\n"
    broken = store.post(packed[:-1] + b"?", decompress="1")
    assert broken.headers["x-clickhouse-exception-code"] == "40"


def test_the_engine_s_own_files_are_such_blocks(start_store: Any, tmp_path: Path) -> None:
    store = start_store(tmp_path / "data").wait_ready()
    settings = "min_bytes_for_wide_part = 0, min_rows_for_wide_part = 0"
    store.post(f"CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a SETTINGS {settings}")
    store.post("INSERT INTO t SELECT number FROM numbers(100000)")
    store.stop()
    (column,) = (file for file in tmp_path.rglob("a.bin") if "format_version" not in file.name)
    content = blocks.unpack(column.read_bytes())
    assert content == b"".join(number.to_bytes(8, "little") for number in range(100_000))


def test_two_queries_of_one_name_do_not_run_at_once(store: Any) -> None:
    name = str(uuid4())
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: store.post("SELECT sleep(0.5)", query_id=name), range(2)))
    codes = sorted(answer.headers.get("x-clickhouse-exception-code", "") for answer in answers)
    assert codes == ["", "216"]
    assert store.post("SELECT 1", query_id=name).text == "1\n"


def test_read_only_requests(store: Any, table: str) -> None:
    refused = store.post(f"INSERT INTO {table} FORMAT CSV\n1\n", readonly="1")
    assert refused.headers["x-clickhouse-exception-code"] == "164"
    assert store.post("SELECT 1", readonly="1", max_threads="1").text == "1\n"
    assert {store.post(f"INSERT INTO {table} FORMAT CSV\n1\n").status_code for _ in range(10)} == {200}


def test_a_session_s_settings_come_back_after_an_override(store: Any) -> None:
    session = str(uuid4())
    ask = "SELECT getSetting('max_block_size'), getSetting('max_memory_usage')"
    store.post("SET max_block_size = 1111, max_memory_usage = 2000000000", session_id=session)
    assert store.post(ask, session_id=session, max_block_size="5").text == "5\t2000000000\n"
    assert store.post(ask, session_id=session).text == "1111\t2000000000\n"
    store.post("SET max_block_size = DEFAULT", session_id=session)
    assert store.post(ask, session_id=session).text.endswith("\t2000000000\n")
    assert store.post(ask, session_id=session).text != "1111\t2000000000\n"


def test_a_session_ends_when_it_is_closed_and_by_itself(store: Any) -> None:
    closed, short = str(uuid4()), str(uuid4())
    store.post("SELECT 1", session_id=closed, close_session="1")
    store.post("SELECT 1", session_id=short, session_timeout="1")
    assert store.post("SELECT 1", session_id=short, session_check="1").text == "1\n"
    store.post("SELECT 1", session_id=short, session_timeout="1")

    def gone(session: str) -> bool:
        answer = store.post("SELECT 1", session_id=session, session_check="1", session_timeout="1")
        return bool(answer.headers.get("x-clickhouse-exception-code") == "372")

    assert gone(closed)
    time.sleep(1.1)
    assert gone(short)


def test_a_session_s_settings_decide_on_its_inserts(store: Any, table: str) -> None:
    session = str(uuid4())
    store.post("SET async_insert = 1, wait_for_async_insert = 0", session_id=session)
    store.post("SET async_insert_use_adaptive_busy_timeout = 0", session_id=session)
    store.post("SET async_insert_busy_timeout_max_ms = 60000", session_id=session)
    store.post(f"INSERT INTO {table} FORMAT CSV\n1\n", session_id=session)
    assert count(store, table) == 0
    store.post("SYSTEM FLUSH ASYNC INSERT QUEUE")
    assert count(store, table) == 1


def test_rows_of_a_session_s_own_table_do_not_wait(store: Any) -> None:
    session = str(uuid4())
    store.post("CREATE TEMPORARY TABLE kept (a Int8)", session_id=session)
    assert store.post("INSERT INTO kept FORMAT CSV\n1\n", session_id=session, **LATE).status_code == 200
    assert store.post("SELECT a FROM kept", session_id=session).text == "1\n"


def test_an_insert_that_waits_prolongs_its_session(store: Any, table: str) -> None:
    session = str(uuid4())
    store.post(f"INSERT INTO {table} FORMAT CSV\n1\n", session_id=session, **LATE)
    assert store.post("SELECT 1", session_id=session, session_check="1").text == "1\n"
    lost = store.post(f"INSERT INTO {table} FORMAT CSV\n1\n", session_id="x", session_check="1", **LATE)
    assert lost.headers["x-clickhouse-exception-code"] == "372"


def test_what_waits_in_the_queue_can_be_seen(store: Any, table: str) -> None:
    for number in range(3):
        store.post(f"INSERT INTO {table} FORMAT CSV\n{number}\n", query_id=f"{table}{number}", **LATE)
    ask = (
        "SELECT format, total_bytes, `entries.query_id`, first_update <= now64(6) "
        f"FROM system.asynchronous_inserts WHERE table = '{table}' FORMAT JSONCompactEachRow"
    )
    assert json.loads(store.post(ask).text) == ["CSV", 6, [f"{table}{number}" for number in range(3)], 1]
    store.post("SYSTEM FLUSH ASYNC INSERT QUEUE")
    assert store.post(ask).text == ""
    assert count(store, table) == 3


def test_waiting_inserts_leave_room_for_others(store: Any, table: str) -> None:
    waiting = {**LATE, "wait_for_async_insert": "1", "async_insert_busy_timeout_max_ms": "1500"}
    with ThreadPoolExecutor(24) as pool:
        inserts = [
            pool.submit(store.post, f"INSERT INTO {table} FORMAT CSV\n{number}\n", **waiting)
            for number in range(24)
        ]
        began = time.monotonic()
        assert store.post("SELECT 1").text == "1\n"
        assert time.monotonic() - began < 1.2
        summaries = [json.loads(one.result().headers["x-clickhouse-summary"]) for one in inserts]
    assert {summary["written_rows"] for summary in summaries} == {"1"}
    assert count(store, table) == 24


@pytest.mark.parametrize(
    ("form", "bodies", "rows"),
    [
        ("JSONEachRow", ['{"a":1}', '{"a":2}\n{"a":3}\n'], [1, 2]),
        ("JSONEachRow", ['{"a"\n:1}', '{"a":2}'], [1, 1]),
        ("CSV", ["1\n2", "3\n\n"], [2, 2]),
        ("JSONCompactEachRow", ["[1]\n", "[2] [3]"], [1, 2]),
        ("CSVWithNames", ["a\n1\n", "a\n2\n3\n"], [1, 2]),
        ("Values", ["(1)", "(2),(3);"], [1, 2]),
    ],
)
def test_rows_of_each_insert_are_counted(
    store: Any, table: str, form: str, bodies: list[str], rows: list[int]
) -> None:
    for number, body in enumerate(bodies):
        store.post(f"INSERT INTO {table} FORMAT {form}\n{body}", query_id=f"{table}{number}", **LATE)
    store.post("SYSTEM FLUSH ASYNC INSERT QUEUE")
    store.post("SYSTEM FLUSH LOGS")
    logged = store.post(
        "SELECT rows, status FROM system.asynchronous_insert_log "
        f"WHERE startsWith(query_id, '{table}') ORDER BY query_id FORMAT JSONCompactEachRow"
    ).text
    assert [json.loads(line) for line in logged.splitlines()] == [[one, "Ok"] for one in rows]
    assert count(store, table) == sum(rows)


def test_what_waits_is_written_when_the_store_ends(start_store: Any, tmp_path: Path) -> None:
    first = start_store(tmp_path / "kept").wait_ready()
    first.post("INSERT INTO kato.patterns_data (kb_id, name) FORMAT CSV\nk,one\n", **LATE)
    assert first.stop() == 0
    second = start_store(tmp_path / "kept").wait_ready()
    assert second.post("SELECT name FROM kato.patterns_data").text == "one\n"


def test_kato_s_profile_is_in_force(store: Any) -> None:
    names = ("max_memory_usage", "log_queries_min_query_duration_ms", "async_insert")
    values = store.post(f"SELECT name, value FROM system.settings WHERE name IN {names} ORDER BY name").text
    assert (
        values == "async_insert\t0\nlog_queries_min_query_duration_ms\t1000\nmax_memory_usage\t10000000000\n"
    )
    slow, quick = str(uuid4()), str(uuid4())
    store.post("SELECT sleep(1.1)", query_id=slow)
    store.post("SELECT 1", query_id=quick)
    store.post("SYSTEM FLUSH LOGS")
    logged = store.post(
        f"SELECT type, query_id FROM system.query_log WHERE query_id IN ('{slow}', '{quick}')"
    ).text
    assert logged == f"QueryFinish\t{slow}\n"
