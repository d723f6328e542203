"""One request of one session: judged, remembered, recorded, told to Locust."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from bench.loadgen import operations
from bench.loadgen.client import Exchange
from bench.loadgen.roster import Roster
from bench.loadgen.session import Session, Turn
from bench.loadgen.traffic import Traffic

TURN = Turn(0.0, 0.0, "measure")
STM = {"stm": [["a"]], "session_id": "s-1", "length": 1}


@dataclass
class Kato:
    """Answers every request alike."""

    body: Any = None
    status: int = 200
    error: str = ""
    paths: list[str] = field(default_factory=list)

    def request(
        self, method: str, path: str, body: bytes | None = None, *, patience: float, into: Exchange
    ) -> None:
        self.paths.append(path)
        into.sent, into.done, into.status, into.error = 1.0, 2.0, self.status, self.error
        into.body = json.dumps(self.body).encode()


@dataclass
class Listeners:
    """Recorder and Locust in one."""

    phase: str = "measure"
    #: So many listen, as Locust's event says it.
    _handlers: tuple[int, ...] = (1,)
    rows: list[tuple[int, int, str, str]] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    failures: list[str | None] = field(default_factory=list)

    @property
    def request(self) -> Listeners:
        return self

    def record(self, session: Session, operation: str, turn: Turn, exchange: Exchange, items: int) -> None:
        self.rows.append((session.index, session.node, operation, exchange.error))

    def event(self, kind: str, **facts: Any) -> None:
        self.told.append({"kind": kind, **facts})

    def fire(self, *, exception: Exception | None, **_: Any) -> None:
        self.failures.append(str(exception) if exception else None)


def traffic(kato: Kato, *, validates: bool = False) -> tuple[Traffic, Listeners, Roster]:
    listeners, roster = Listeners(), Roster()
    made = Traffic(kato, listeners, listeners, 1e12, roster=roster, validates=validates)  # type: ignore[arg-type]
    return made, listeners, roster


def session(name: str = "s-1", index: int = 4) -> Session:
    return Session(index, 1, "n1", name)


def test_a_new_session_is_known_and_a_deleted_one_is_not() -> None:
    kato = Kato({"session_id": "s-9"})
    made, _, roster = traffic(kato)
    own = session("")
    assert made.send(own, operations.create("n1", {}), TURN).error == ""
    assert own.session_id == "s-9"
    assert [one.session_id for one in roster.remaining()] == ["s-9"]
    kato.body = {"status": "deleted"}
    made.send(own, operations.delete(), TURN)
    assert kato.paths == ["/sessions", "/sessions/s-9"]
    assert (own.session_id, roster.remaining()) == ("", [])


def test_a_session_that_takes_the_place_of_another_leaves_it_to_the_clean_up() -> None:
    made, _, roster = traffic(Kato({"session_id": "new"}))
    own = session("")
    made.send(own, operations.create("n1", {}), TURN)
    made._client.body = {"session_id": "newer"}  # type: ignore[attr-defined]
    made.send(own, operations.create("n1", {}), TURN)
    assert {one.session_id for one in roster.remaining()} == {"new", "newer"}


def test_a_session_that_could_not_be_deleted_stays() -> None:
    kato = Kato({"session_id": "s-9"})
    made, _, roster = traffic(kato)
    own = session("")
    made.send(own, operations.create("n1", {}), TURN)
    kato.status, kato.error = 503, "overload"
    made.send(own, operations.delete(), TURN)
    assert own.session_id == "s-9"
    assert len(roster.remaining()) == 1


def test_a_request_may_be_for_another_session() -> None:
    kato = Kato(STM)
    made, listeners, _ = traffic(kato)
    made.send(session(), operations.stm().on(session("other", index=28)), TURN)
    assert kato.paths == ["/sessions/other/stm"]
    assert listeners.rows == [(28, 1, "stm", "")]


def test_without_a_session_nothing_is_sent() -> None:
    kato = Kato(STM)
    made, listeners, _ = traffic(kato)
    assert made.send(session(""), operations.stm(), TURN).error == "dropped"
    assert (kato.paths, listeners.rows[0][3]) == ([], "dropped")


def test_an_answer_without_its_key_is_invalid() -> None:
    made, listeners, _ = traffic(Kato({"nothing": 1}))
    assert made.send(session(), operations.stm(), TURN).error == "invalid"
    assert listeners.told[0]["complaint"] == 'the answer lacks "stm"'
    assert listeners.failures == ['invalid: the answer lacks "stm"']


def test_an_answer_that_breaks_the_contract_is_invalid_and_told() -> None:
    broken = {**STM, "length": "1"}
    made, listeners, _ = traffic(Kato(broken), validates=True)
    assert made.send(session(), operations.stm(), TURN).error == "invalid"
    complaint = "the answer.length is a string and not a whole number"
    assert listeners.told == [
        {
            "kind": "invalid",
            "operation": "stm",
            "request": "GET /sessions/{id}/stm",
            "complaint": complaint,
        }
    ]
    made, listeners, _ = traffic(Kato(broken))
    assert made.send(session(), operations.stm(), TURN).error == ""
    assert listeners.told == []


def test_complaints_do_not_flood_the_record() -> None:
    made, listeners, _ = traffic(Kato({}))
    for _ in range(300):
        made.send(session(), operations.stm(), TURN)
    assert len(listeners.told) == 100
    assert len(listeners.rows) == 300


def test_a_session_without_an_id_is_invalid() -> None:
    made, listeners, roster = traffic(Kato({"session_id": None}))
    own = session("")
    assert made.send(own, operations.create("n1", {}), TURN).error == "invalid"
    assert (own.session_id, roster.remaining()) == ("", [])
    assert listeners.told[0]["complaint"] == "the answer names no session"
