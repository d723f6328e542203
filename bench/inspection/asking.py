"""Many questions at the same time, and whatever was answered when the time is over."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.collectors.base import describe
from bench.secrecy import redact

#: Yields (name of a field, its value) as soon as it knows it.
Question = Callable[[], Iterator[tuple[str, Any]]]

_Said = tuple[str, str, Any]
_END, _FAILED = "\0end", "\0failed"


@dataclass
class Answer:
    """`values`: what was said in time. `failure`: why not all of it, in a clause; None = it is complete."""

    values: dict[str, Any] = field(default_factory=dict)
    failure: str | None = None


def ask_all(questions: Mapping[str, Question], seconds: float) -> dict[str, Answer]:
    """What each question yields within so many seconds. Never raises because of one of them."""
    said: queue.SimpleQueue[_Said] = queue.SimpleQueue()
    for name, question in questions.items():
        # Daemon threads: a part that hangs must delay neither this call nor the end of the process.
        threading.Thread(target=_ask, args=(name, question, said), daemon=True).start()
    answers = {name: Answer() for name in questions}
    waiting = set(questions)
    deadline = time.monotonic() + seconds
    while waiting:
        try:
            name, what, value = said.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        if what == _FAILED:
            answers[name].failure = value
        if what in (_END, _FAILED):
            waiting.discard(name)
        else:
            answers[name].values[what] = value
    for name in waiting:
        answers[name].failure = f"it did not answer within {seconds:.2g} s"
    return answers


def _ask(name: str, question: Question, said: queue.SimpleQueue[_Said]) -> None:
    try:
        for what, value in question():
            said.put((name, what, value))
    except Exception as error:
        said.put((name, _FAILED, redact(describe(error))))
    else:
        said.put((name, _END, None))
