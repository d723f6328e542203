"""Asking again: the real traffic and client against a server that lies under load and not afterwards."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest
from locust_events import SilentEvents

from bench.loadgen import operations, verify
from bench.loadgen.client import HttpClient
from bench.loadgen.session import Session, Turn
from bench.loadgen.traffic import Traffic
from bench.loadgen.verify import MOST_EVENTS, MOST_SAMPLES, Witness, replay
from bench.record.vocabulary import VERIFIED, WRONG_ANSWER

SESSIONS = 4

Event = dict[str, Any]


class Load:
    """A load of one request after the other: each session observes and predicts in turn."""

    def __init__(self, url: str) -> None:
        self.witness = Witness(1, SESSIONS)
        self.traffic = Traffic(HttpClient(url, 4, 5.0), SilentEvents(), None, 5.0, self.witness)
        self.sessions = [Session(index, index % 2, f"node_{index % 2}") for index in range(SESSIONS)]
        self.begun: list[Turn] = []
        self.events: list[Event] = []
        for session in self.sessions:
            self.traffic.open(session, {}, self._turn("preload"))

    def run(self, turns: int = 20) -> None:
        for number in range(turns):
            for session in self.sessions:
                self.traffic.send(session, operations.observe([f"word{number}"]), self._turn("measure"))
                self.traffic.send(session, operations.predict(), self._turn("measure"))
                if number % 4 == 3:
                    self.traffic.send(session, operations.clear(), self._turn("measure"))

    def replay(self, **options: Any) -> Event:
        """The event of the whole; those of wrong answers are in `events`."""
        replay(self.witness, self.traffic, begin=self.begun.append, note=self._note, **options)
        *self.events, last = self.events
        assert last["kind"] == VERIFIED
        return last

    def _note(self, kind: str, **facts: Any) -> None:
        self.events.append({"kind": kind, **facts})

    @staticmethod
    def _turn(phase: str) -> Turn:
        now = time.monotonic()
        return Turn(now, now, phase)


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("field", "].potential"),
        ("missing", "predictions["),
        ("empty", "predictions["),
        ("stranger", "predictions["),
        ("order", "predictions, place 1"),
    ],
)
def test_a_lie_is_found(liar: Callable[..., str], kind: str, field: str) -> None:
    load = Load(liar(kind, SESSIONS))
    load.run()
    found = load.replay()
    assert (found["asked"], found["sampled"], found["replayed"]) == (80, MOST_SAMPLES, MOST_SAMPLES)
    # Each session's every fifth prediction is a lie: 16 of 80, of which the sample has its share.
    assert 5 <= found["wrong"] <= 15
    assert len(load.events) == found["wrong"] <= MOST_EVENTS
    assert {event["kind"] for event in load.events} == {WRONG_ANSWER}
    assert all(field in event["field"] for event in load.events)
    if kind == "field":
        event = load.events[0]
        assert float(event["got"]) == pytest.approx(1.01 * float(event["expected"]))


@pytest.mark.parametrize("kind", ["none", "ties", "noise"])
def test_what_is_no_lie_is_none(liar: Callable[..., str], kind: str) -> None:
    load = Load(liar(kind, SESSIONS))
    load.run()
    found = load.replay()
    assert (found["wrong"], found["unanswered"], found["replayed"]) == (0, 0, MOST_SAMPLES)
    assert load.events == []
    assert found["reason"] is None


def test_the_history_is_told_and_the_session_taken_away(liar: Callable[..., str]) -> None:
    load = Load(liar("none", 0))
    load.run(turns=3)
    found = load.replay()
    # Twelve predictions, after one, two and three observations: each is opened, told, asked and deleted.
    assert found["replayed"] == 12
    assert len(load.begun) == 12 * 3 + 4 * (1 + 2 + 3)
    assert {turn.phase for turn in load.begun} == {"cooldown"}


def test_what_gets_no_answer_the_second_time_is_no_wrong_answer(liar: Callable[..., str]) -> None:
    load = Load(liar("none", 0))
    load.run(turns=3)
    load.traffic = Traffic(HttpClient("http://127.0.0.1:9", 1, 1.0), SilentEvents(), None, 1.0)
    found = load.replay()
    assert (found["replayed"], found["wrong"], found["unanswered"]) == (0, 0, 12)
    assert found["reason"] == "the replay got no answers"


@pytest.mark.parametrize("options", [{"stopped": lambda: True}, {"patience": -1.0}])
def test_who_is_stopped_or_late_asks_no_more(liar: Callable[..., str], options: dict[str, Any]) -> None:
    load = Load(liar("none", 0))
    load.run(turns=3)
    found = load.replay(**options)
    assert (found["sampled"], found["replayed"]) == (12, 0)
    assert load.begun == []


def test_who_is_stopped_in_the_middle_of_a_history_tells_it_no_further(liar: Callable[..., str]) -> None:
    load = Load(liar("none", 0))
    load.run(turns=3)
    looks = itertools.count()
    found = load.replay(stopped=lambda: next(looks) >= 3)
    # The first is opened, told one thing, asked and deleted; the second opened and deleted.
    assert len(load.begun) == 4 + 2
    assert (found["sampled"], found["replayed"], found["unanswered"]) == (12, 1, 1)


def test_a_run_without_predictions_says_so(liar: Callable[..., str]) -> None:
    load = Load(liar("none", 0))
    assert load.replay()["reason"] == "the run asked for no prediction while it was measured"


def test_only_the_first_wrong_answers_are_told(
    liar: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "MOST_EVENTS", 2)
    load = Load(liar("empty", SESSIONS))
    load.run()
    assert load.replay()["wrong"] > 2
    assert len(load.events) == 2
