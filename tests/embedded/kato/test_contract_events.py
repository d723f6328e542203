"""`/ws/events`: the sessions of the worker that one is connected to."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import httpx
from websockets.sync.client import ClientConnection, connect


def listen(api) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{api.port}/ws/events", open_timeout=10)


def following(socket: ClientConnection) -> dict:
    event: dict = json.loads(socket.recv(timeout=10))
    assert set(event) == {"event_type", "timestamp", "data"}
    assert datetime.fromisoformat(event["timestamp"]).tzinfo is None
    return event


def test_a_listener_gets_a_snapshot_and_then_what_happens_to_sessions(api, http: httpx.Client) -> None:
    with listen(api) as socket:
        first = following(socket)
        assert first["event_type"] == "state.snapshot"
        assert set(first["data"]) == {"active_sessions", "system_status"}
        assert isinstance(first["data"]["active_sessions"], int)
        assert first["data"]["system_status"] == "healthy"

        created = http.post("/sessions", json={"node_id": "watched"}).json()
        event = following(socket)
        assert event["event_type"] == "session.created"
        assert event["data"] == {name: created[name] for name in ("session_id", "node_id", "created_at")}

        http.delete(f"/sessions/{created['session_id']}")
        event = following(socket)
        assert event["event_type"] == "session.destroyed"
        assert event["data"].pop("destroyed_at")
        assert event["data"] == {"session_id": created["session_id"], "reason": "explicit_delete"}


def test_ping_is_answered_with_pong_and_anything_else_with_nothing(api) -> None:
    with listen(api) as socket:
        following(socket)
        for text in ("hello", "ping", b"ping", "ping"):
            socket.send(text)
        assert [socket.recv(timeout=10) for _ in range(2)] == ["pong", "pong"]


def test_an_expired_session_is_told_of_when_somebody_asks_for_it(api, http: httpx.Client, until) -> None:
    created = http.post("/sessions", json={"node_id": "watched", "ttl_seconds": 1}).json()
    path = f"/sessions/{created['session_id']}/stm"
    with listen(api) as socket:
        following(socket)
        until(lambda: http.get(path).status_code == 404, "the session ends")
        event = following(socket)
        assert (event["event_type"], event["data"]["reason"]) == ("session.destroyed", "expired")


def test_a_listener_hears_of_its_own_worker_only(two_workers, until) -> None:
    created: set[str] = set()
    heard: set[str] = set()

    def create(_: int) -> str:
        session: dict[str, str] = httpx.post(f"{two_workers.url}/sessions", json={"node_id": "n"}).json()
        return session["session_id"]

    with listen(two_workers) as socket:
        following(socket)

        def both_workers_have_created_some() -> bool:
            with ThreadPoolExecutor(8) as threads:
                created.update(threads.map(create, range(16)))
            socket.send("ping")
            while (message := socket.recv(timeout=10)) != "pong":
                heard.add(json.loads(message)["data"]["session_id"])
            return bool(heard) and heard != created

        until(both_workers_have_created_some, "sessions that the listener hears of, and others")
    assert heard < created
