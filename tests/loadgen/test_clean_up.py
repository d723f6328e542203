"""The clean-up after a run at a target that stays: complete where it answers, short where it does not."""

import time
from dataclasses import dataclass, field
from typing import Any

import gevent

from bench.loadgen.client import Exchange
from bench.loadgen.preload import Clerk
from bench.loadgen.session import Session, Turn
from bench.loadgen.world import World

WORLD = World(options={}, seed=1, run="abcd", sessions=6)


@dataclass
class Target:
    """Answers everything after `seconds`, or with an error."""

    seconds: float = 0.0
    error: str = ""
    sent: list[tuple[str, str]] = field(default_factory=list)

    def open(self, session: Session, config: dict[str, Any], turn: Turn) -> Exchange:
        session.session_id = f"opened-{session.node}"
        return Exchange()

    def send(self, session: Session, request: Any, turn: Turn) -> Exchange:
        gevent.sleep(self.seconds)
        self.sent.append((request.path, session.node_name))
        return Exchange(error=self.error)


def clean(target: Target, seconds: float = 60.0) -> int:
    clerk = Clerk(target, lambda turn: None)  # type: ignore[arg-type]
    sessions = [Session(index, index % 3, f"n{index % 3}") for index in range(6)]
    for session in sessions:
        session.session_id = f"s{session.index}"
    return clerk.clean(sessions, WORLD, range(4), seconds)


def test_every_node_is_cleared_and_every_session_deleted() -> None:
    target = Target()
    assert clean(target) == 0
    # Four nodes, one of which no session was left on; six sessions and the one opened for it.
    assert len(target.sent) == 4 + 7


def test_what_the_target_refuses_is_counted() -> None:
    assert clean(Target(error="timeout")) == 11


def test_a_target_that_does_not_answer_is_left_in_time() -> None:
    target = Target(seconds=0.3, error="timeout")
    began = time.monotonic()
    assert clean(target, seconds=0.1) == 11
    assert time.monotonic() - began < 3
    assert len(target.sent) == 4
