"""What becomes of one request, and who is told of it."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from bench.loadgen import operations
from bench.loadgen.client import Exchange
from bench.loadgen.session import Session, Turn
from bench.loadgen.traffic import Traffic


class Events:
    """Locust's hook for requests, with the part of it that is used."""

    def __init__(self) -> None:
        self._handlers: list[Any] = []
        self.fired: list[dict[str, Any]] = []

    def fire(self, **facts: Any) -> None:
        self.fired.append(facts)


class Client:
    def request(self, method: str, path: str, body: bytes | None, *, patience: float, into: Exchange) -> None:
        into.sent = into.done = 1.0
        into.status, into.body = 200, b'{"predictions":[],"count":3}'


def send(events: Events, request: operations.Request) -> Exchange:
    traffic = Traffic(Client(), SimpleNamespace(request=events), None, 1e9)  # type: ignore[arg-type]
    return traffic.send(Session(0, 0, "n", "s"), request, Turn(0.0, 0.0, "measure"))


def test_nobody_is_told_of_a_request_who_does_not_listen() -> None:
    events = Events()
    assert send(events, operations.predict()).error == ""
    assert events.fired == []


def test_whoever_listens_is_told() -> None:
    events = Events()
    events._handlers.append(print)
    assert send(events, operations.predict()).error == ""
    assert send(events, operations.stm()).error == "invalid"
    first, second = events.fired
    assert (first["name"], first["request_type"], first["exception"]) == ("predict", "GET", None)
    assert str(second["exception"]).startswith("invalid: ")


def test_a_number_that_orjson_does_not_know_is_sent_as_it_is() -> None:
    request = operations.create("n", {"max_predictions": 10**30})
    assert request.body is not None
    assert json.loads(request.body)["config"]["max_predictions"] == 10**30
