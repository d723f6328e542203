"""Which predictions are kept to be asked again, and with which history."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.loadgen import operations, verify
from bench.loadgen.client import Exchange
from bench.loadgen.operations import Request
from bench.loadgen.session import Session, Turn
from bench.loadgen.verify import MOST_BYTES, MOST_SAMPLES, Sample, Witness


class Run:
    """Hands requests to a witness as the traffic of a run does."""

    def __init__(self, seed: int = 1, sessions: int = 8, nodes: int = 2, **options: bool) -> None:
        self.witness = Witness(seed, sessions, **options)
        self.sessions = [Session(i, i % nodes, f"node_{i % nodes}", f"s{i}") for i in range(sessions)]
        for session in self.sessions:
            self.ask(session.index, operations.create(session.node_name, {"x": 1}), phase="preload")

    def ask(
        self, session: int, request: Request, *, error: str = "", phase: str = "measure", body: bytes = b"{}"
    ) -> None:
        exchange = Exchange(sent=1.0, done=None if error else 2.0, body=body, error=error)
        self.witness.saw(self.sessions[session], request, Turn(1.0, 1.0, phase), exchange)

    def observe(self, session: int, *words: str, **how: str) -> None:
        for word in words:
            self.ask(session, operations.observe([word]), **how)  # type: ignore[arg-type]

    def predict(self, session: int = 0, body: bytes = b"{}", **how: str) -> None:
        self.ask(session, operations.predict(), body=body, **how)  # type: ignore[arg-type]

    def only(self) -> Sample:
        (sample,) = self.witness.samples
        return sample


def words_of(sample: Sample) -> list[str]:
    return [request.body.decode().split('"')[3] for request in sample.told if request.body]


def test_a_sample_holds_what_its_session_was_told_since_it_was_cleared() -> None:
    run = Run()
    run.observe(0, "a", "b")
    run.ask(0, operations.clear())
    run.observe(0, "c", "d")
    run.observe(2, "another session of the same node")
    run.predict(body=b'{"count":1}')
    run.observe(0, "too late")
    sample = run.only()
    assert words_of(sample) == ["c", "d"]
    assert (sample.node, sample.session, sample.answer) == (0, 0, b'{"count":1}')
    assert sample.opening.body == operations.create("node_0", {"x": 1}).body


def test_a_configuration_outlives_a_clear_and_comes_first() -> None:
    run = Run()
    config = Request("config", "POST", "/config", b'"status"', b'{"config":{"max_predictions":3}}')
    run.observe(0, "a")
    run.ask(0, config)
    run.ask(0, operations.clear())
    run.observe(0, "b")
    run.predict()
    assert [request.operation for request in run.only().told] == ["config", "observe"]


@pytest.mark.parametrize("phase", ["warmup", "cooldown", "preload"])
def test_only_what_was_measured_is_asked_again(phase: str) -> None:
    run = Run()
    run.predict(phase=phase)
    assert (run.witness.samples, run.witness.asked) == ([], 0)


@pytest.mark.parametrize("error", ["timeout", "reset", "overload", "server_error", "unanswered"])
def test_after_a_failure_nobody_knows_what_the_session_holds(error: str) -> None:
    run = Run()
    run.observe(0, "a", error=error)
    run.predict()
    assert (run.witness.samples, run.witness.uncertain) == ([], 1)
    run.ask(0, operations.clear())
    run.observe(0, "b")
    run.predict()
    assert words_of(run.only()) == ["b"]


def test_what_was_never_sent_changes_nothing() -> None:
    run = Run()
    run.observe(0, "a")
    run.observe(0, "b", error="dropped")
    run.ask(0, operations.clear(), error="dropped")
    run.predict()
    assert words_of(run.only()) == ["a"]


def test_a_clear_that_may_have_failed_leaves_nothing_certain() -> None:
    run = Run()
    run.observe(0, "a")
    run.ask(0, operations.clear(), error="timeout")
    run.predict()
    assert run.witness.samples == []


def test_failed_predictions_and_large_answers_are_left_out() -> None:
    run = Run()
    run.predict(error="timeout")
    run.predict(body=b"x" * (MOST_BYTES + 1))
    assert (run.witness.samples, run.witness.asked, run.witness.too_large) == ([], 1, 1)


def test_a_session_that_is_made_anew_begins_anew() -> None:
    run = Run()
    run.observe(0, "a")
    run.ask(0, operations.delete())
    run.predict()
    assert run.witness.samples == []
    run.ask(0, operations.create("node_0", {}))
    run.observe(0, "b")
    run.predict()
    assert words_of(run.only()) == ["b"]


TEACHING = [
    operations.learn(),
    operations.sequence([["a"], ["b"]], learn_at_end=True),
    operations.clear_node(),
    Request("finalize", "POST", "/finalize-training", b'"status"'),
]


@pytest.mark.parametrize("teaching", TEACHING, ids=lambda request: request.path)
def test_a_node_that_learns_meanwhile_is_not_asked_again(teaching: Request) -> None:
    run = Run()
    run.predict(0)
    run.predict(1)
    run.ask(2, teaching)
    run.predict(4)
    assert run.witness.taught == {0}
    assert {sample.node for sample in run.witness.samples} == {1}


def test_a_lesson_that_failed_may_have_been_learned_and_one_that_was_never_sent_was_not() -> None:
    run = Run()
    run.predict(0)
    run.predict(1)
    run.ask(0, operations.learn(), error="dropped")
    assert len(run.witness.samples) == 2
    run.ask(0, operations.learn(), error="timeout")
    assert {sample.node for sample in run.witness.samples} == {1}


def test_lessons_of_the_preload_are_there_when_it_is_asked_again() -> None:
    run = Run()
    run.ask(0, operations.learn(), phase="preload")
    run.predict()
    assert run.witness.taught == set()
    assert run.witness.samples


def test_sequences_without_learning_are_history() -> None:
    run = Run()
    run.ask(0, operations.sequence([["a"], ["b"]], learn_at_end=False))
    run.predict()
    assert [request.operation for request in run.only().told] == ["sequence"]


def test_where_observing_learns_no_node_stays_as_it_was() -> None:
    run = Run(observing_learns=True)
    run.observe(0, "a")
    run.predict()
    assert run.witness.taught == {0}
    assert run.witness.samples == []


def play(seed: int, order: Sequence[int], asked: int = 30) -> set[tuple[int, bytes]]:
    """Every session predicts `asked` times; `order` says who is next. Each answer has its own body."""
    run = Run(seed, sessions=8)
    count = [0] * 8
    for session in order:
        count[session] += 1
        run.predict(session, body=b"%d" % count[session])
    assert run.witness.asked == 8 * asked
    return {(sample.session, sample.answer) for sample in run.witness.samples}


@settings(deadline=None, max_examples=20)
@given(st.integers(min_value=0, max_value=2**64), st.integers(min_value=0, max_value=2**32))
def test_the_sample_follows_from_the_seed_and_not_from_the_order_of_answers(seed: int, chance: int) -> None:
    in_turn = [session for _ in range(30) for session in range(8)]
    shuffled = list(in_turn)
    random.Random(chance).shuffle(shuffled)
    assert play(seed, in_turn) == play(seed, shuffled)


def test_another_seed_takes_another_sample_of_the_same_size() -> None:
    in_turn = [session for _ in range(30) for session in range(8)]
    first, second = play(1, in_turn), play(2, in_turn)
    assert len(first) == len(second) == MOST_SAMPLES
    assert first != second


def test_early_and_late_predictions_are_taken_alike() -> None:
    """Of 240 predictions 50 are kept: the late half has its half of them, over many seeds."""
    in_turn = [session for _ in range(30) for session in range(8)]
    late = sum(int(body) > 15 for seed in range(40) for _, body in play(seed, in_turn))
    assert 0.46 < late / (40 * MOST_SAMPLES) < 0.54


def test_of_many_sessions_some_are_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "MOST_SESSIONS", 5)
    run = Run(sessions=40)
    for session in range(40):
        run.predict(session)
    assert run.witness.asked == 5


def test_an_endless_history_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "MOST_REQUESTS", 10)
    run = Run()
    run.observe(0, *(f"w{n}" for n in range(11)))
    run.predict()
    assert (run.witness.samples, run.witness.uncertain) == ([], 1)


def test_several_sessions_of_one_user_are_kept_apart() -> None:
    run = Run(sessions=2)
    other = Session(0, 0, "node_0", "another of user 0")
    run.sessions.append(other)
    run.ask(2, operations.create("node_0", {}))
    run.observe(0, "mine")
    run.observe(2, "its own")
    run.predict(2)
    assert words_of(run.only()) == ["its own"]
    run.ask(2, operations.delete())
    run.predict(0)
    assert sorted(words_of(sample) for sample in run.witness.samples) == [["its own"], ["mine"]]


def test_what_other_load_processes_have_taught_is_left_out() -> None:
    run = Run()
    run.predict(0)
    run.predict(1)
    run.witness.forget([0])
    assert ([one.node for one in run.witness.samples], run.witness.taught) == ([1], {0})


def test_a_look_at_the_configuration_changes_nothing() -> None:
    run = Run()
    run.ask(0, Request("config", "GET", "/config", b'"config"'))
    run.observe(0, "a")
    run.predict()
    assert [request.operation for request in run.only().told] == ["observe"]
