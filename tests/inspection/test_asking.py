"""Questions at the same time, and what is left when the time is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from bench.inspection.asking import Answer, ask_all


def says(**values: Any) -> Any:
    return lambda: iter(values.items())


def test_all_answers_come_back() -> None:
    assert ask_all({"a": says(x=1, y=None), "b": says()}, 5) == {
        "a": Answer({"x": 1, "y": None}),
        "b": Answer(),
    }


def test_nothing_to_ask() -> None:
    assert ask_all({}, 5) == {}


def test_they_are_asked_at_the_same_time() -> None:
    """Each waits until all three have been asked."""
    together = threading.Barrier(3, timeout=20)

    def one() -> Iterator[tuple[str, Any]]:
        yield "met", together.wait() >= 0

    assert all(answer == Answer({"met": True}) for answer in ask_all(dict.fromkeys("abc", one), 30).values())


def test_what_was_said_before_a_failure_counts() -> None:
    def fails() -> Iterator[tuple[str, Any]]:
        yield "version", "7"
        raise OSError("connection reset by redis://:pa55@cache:6379")

    answer = ask_all({"a": fails}, 5)["a"]
    assert answer.values == {"version": "7"}
    assert answer.failure == "OSError: connection reset by redis://(hidden)@cache:6379"


def test_one_that_hangs_costs_its_rest_only() -> None:
    released = threading.Event()

    def hangs() -> Iterator[tuple[str, Any]]:
        yield "version", "7"
        released.wait(60)
        yield "late", True

    began = time.monotonic()
    try:
        answers = ask_all({"hangs": hangs, "good": says(x=1)}, 1.0)
    finally:
        released.set()
    assert time.monotonic() - began < 20
    assert answers["good"] == Answer({"x": 1})
    assert answers["hangs"].values == {"version": "7"}
    assert answers["hangs"].failure == "it did not answer within 1 s"


@pytest.mark.parametrize("error", [ValueError(), KeyError("x")])
def test_any_error_is_a_clause(error: Exception) -> None:
    def fails() -> Iterator[tuple[str, Any]]:
        raise error
        yield

    assert str(ask_all({"a": fails}, 5)["a"].failure).startswith(type(error).__name__)
