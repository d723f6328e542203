"""What KATO 3.10.1 answers while a store is gone or full; its monitoring never says a word of it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

NOBODY = "1"
"""A port that nobody listens on."""

#: Answered with 200 whatever the stores do.
PAGES = (
    *("/", "/health", "/status", "/concurrency", "/metrics", "/stats", "/sessions/count"),
    *("/cache/stats", "/distributed-stm/stats", "/connection-pools"),
)
PLAIN_500 = (500, "Internal Server Error")


def statuses(url: str) -> dict[str, int]:
    return {path: httpx.get(url + path).status_code for path in PAGES}


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.text


class Session:
    """Calls on a session, each over a connection of its own: one that a plain 500 went over may be reset."""

    def __init__(self, api: Any, node: str, **config: Any) -> None:
        created = httpx.post(f"{api.url}/sessions", json={"node_id": node, "config": config})
        created.raise_for_status()
        self.url = f"{api.url}/sessions/{created.json()['session_id']}"

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}/{path}", timeout=30)

    def post(self, path: str, body: Any = None) -> httpx.Response:
        return httpx.post(f"{self.url}/{path}", json=body, timeout=30)

    def observe(self, *strings: str, **more: Any) -> httpx.Response:
        return self.post("observe", {"strings": list(strings), **more})


@pytest.fixture(scope="module")
def broken(start_api: Any) -> Any:
    """An API whose ClickHouse is gone."""
    return start_api(CLICKHOUSE_PORT=NOBODY).wait_ready()


class TestWithoutClickHouse:
    def test_nothing_is_predicted_and_nobody_told(self, broken: Any) -> None:
        session = Session(broken, "no_clickhouse")
        assert session.observe("a", "b").json()["stm_length"] == 1
        assert session.get("cognition-data").json()["cognition_data"]["predictions"] == []
        for pipeline in ([], ["jaccard"], ["length", "jaccard"]):
            session.post("config", {"filter_pipeline": pipeline}).raise_for_status()
            answer = session.get("predictions")
            assert (answer.status_code, answer.json()["predictions"]) == (200, [])

    def test_learning_and_the_path_of_one_symbol_fail(self, broken: Any) -> None:
        session = Session(broken, "no_clickhouse", process_predictions=False)
        session.observe("a")
        assert told(session.get("predictions")) == PLAIN_500
        session.observe("b")
        assert told(session.post("learn")) == PLAIN_500
        assert told(session.post("finalize-training")) == PLAIN_500
        assert session.get("stm").json()["stm"] == [["a"], ["b"]]

    def test_its_pages_go_on(self, broken: Any) -> None:
        assert statuses(broken.url) == dict.fromkeys(PAGES, 200)
        probe = httpx.get(f"{broken.url}/connection-pools").json()["health"]["clickhouse"]
        assert (probe["healthy"], probe["error_count"]) == (False, 1)
        assert probe["last_error"]


def test_a_later_stage_that_fails_is_left_out(start_api: Any, stores: Any) -> None:
    """The store refuses only what the second stage asks: the column that it compares is gone."""
    httpx.post(stores.clickhouse_url, content="CREATE DATABASE IF NOT EXISTS maimed").raise_for_status()
    table = "maimed.patterns_data"
    for statement in (
        f"DROP TABLE IF EXISTS {table}",
        f"CREATE TABLE {table} AS kato.patterns_data",
        f"ALTER TABLE {table} DROP INDEX idx_token_bloom",
        f"ALTER TABLE {table} DROP COLUMN token_set",
    ):
        httpx.post(stores.clickhouse_url, content=statement).raise_for_status()
    row = {"kb_id": "maimed_kato", "name": "p", "pattern_data": [["a"], ["b"], ["c"]], "length": 3}
    httpx.post(
        stores.clickhouse_url, params={"query": f"INSERT INTO {table} FORMAT JSONEachRow"}, json=row
    ).raise_for_status()
    api = start_api(CLICKHOUSE_DB="maimed").wait_ready()
    session = Session(api, "maimed", process_predictions=False)
    session.observe("a", "b")
    found = {}
    for pipeline in (["length"], ["jaccard"], ["length", "jaccard"]):
        session.post("config", {"filter_pipeline": pipeline}).raise_for_status()
        found[" ".join(pipeline)] = session.get("predictions").json()["count"]
    assert found == {"length": 1, "jaccard": 0, "length jaccard": 1}
    api.server.stop()


def test_without_qdrant_vectors_are_lost_in_silence(start_api: Any) -> None:
    without = start_api(QDRANT_PORT=NOBODY).wait_ready()
    session = Session(without, "no_qdrant")
    assert session.observe("a", vectors=[[1.0, 2.0]]).json()["stm_length"] == 1
    assert session.observe("b").status_code == 200
    assert session.post("learn").json()["pattern_name"].startswith("PTRN|")
    assert session.get("predictions").status_code == 200
    assert statuses(without.url) == dict.fromkeys(PAGES, 200)
    without.server.stop()


def test_without_redis_every_session_is_gone_and_none_can_be_made(start_api: Any, open_session: Any) -> None:
    without = start_api(REDIS_URL=f"redis://127.0.0.1:{NOBODY}/0").wait_ready()
    assert statuses(without.url) == dict.fromkeys(PAGES, 200)
    assert told(httpx.post(f"{without.url}/sessions", json={"node_id": "n"})) == PLAIN_500
    living = open_session().id
    path = f"{without.url}/sessions/{living}"
    message = f"Session {living} not found or expired"
    error = {"code": "SESSION_NOT_FOUND", "message": message, "session_id": living}
    for answer in (
        httpx.get(f"{path}/stm"),
        httpx.get(f"{path}/predictions"),
        httpx.post(f"{path}/observe", json={"strings": ["a"]}),
        httpx.post(f"{path}/learn"),
        httpx.delete(path),
    ):
        assert (answer.status_code, answer.json()) == (404, {"error": error})
    shown = httpx.get(path)
    assert (shown.status_code, shown.json()) == (404, {"detail": message})
    assert httpx.get(f"{path}/exists").json() == {"exists": False, "expired": False, "session_id": living}
    cache = httpx.get(f"{without.url}/cache/stats").json()["cache_health"]
    assert cache["redis_connected"] is False
    without.server.stop()


def test_a_full_redis_that_evicts_nothing_lets_predict_and_nothing_else(
    start_api: Any, own_redis: Any
) -> None:
    api = start_api(REDIS_URL=own_redis.url).wait_ready()
    session = Session(api, "full", process_predictions=False)
    for string in "abc":
        session.observe(string)
    session.post("learn").raise_for_status()
    for string in "ab":
        session.observe(string)
    own_redis.client.config_set("maxmemory-policy", "noeviction")
    own_redis.client.config_set("maxmemory", 1)

    assert told(httpx.post(f"{api.url}/sessions", json={"node_id": "full"})) == PLAIN_500
    assert told(session.observe("c")) == PLAIN_500
    (prediction,) = session.get("predictions").json()["predictions"]
    assert prediction["future"] == [["c"]]
    assert session.get("stm").json()["stm"] == [["a"], ["b"]]
    assert own_redis.client.keys("full_kato:frequency:*")
    assert statuses(api.url) == dict.fromkeys(PAGES, 200)
    api.server.stop()


def test_who_lost_a_frequency_learns_its_pattern_a_second_time(stores: Any, open_session: Any) -> None:
    """The key alone says that a pattern is known; one that was evicted makes a duplicate row."""
    session = open_session("evicted")
    name = session.learn(["a"], ["b"], ["c"]).removeprefix("PTRN|")
    stores.redis.delete(f"evicted_kato:frequency:{name}")
    session.observe("a")
    session.observe("b")
    assert [one["frequency"] for one in session.predictions()] == [1]
    session.post("clear-stm")
    session.learn(["a"], ["b"], ["c"])
    rows = stores.rows("SELECT name, count() FROM kato.patterns_data WHERE kb_id = 'evicted_kato' GROUP BY 1")
    assert [(found, int(count)) for found, count in rows] == [(name, 2)]
    session.observe("a")
    session.observe("b")
    assert [one["name"] for one in session.predictions()] == [name, name]
