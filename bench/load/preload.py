"""What must be there before the load begins: learned patterns and open sessions; and taking it away again.

Everything here is sent as fast as a few parallel senders can, through the same traffic as the load, and is
recorded as phase `preload` or `cooldown`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

import gevent
from gevent.pool import Pool
from gevent.queue import Queue

from bench.load import operations
from bench.load.client import Exchange
from bench.load.session import Session, Turn
from bench.load.traffic import Traffic
from bench.load.world import Lesson, World

#: Enough to keep one KATO worker busy, few enough to stay far below its limit.
PARALLEL = 8
#: Index of the sessions that teach; they are not part of the load.
TEACHER = -1
#: A run that cannot learn its patterns is over; this many failures are no accident.
MAX_FAILURES = 20


class PreloadError(Exception):
    """The target refuses what the scenario needs; the text says what was refused and how."""


class Clerk:
    """Sends requests that no schedule asks for. Their due times are the order of their taking up, so that
    two runs of one seed agree on it."""

    def __init__(self, traffic: Traffic, begin: Callable[[Turn], None]) -> None:
        self._traffic = traffic
        self._begin = begin
        self._last = 0.0

    def _turn(self, phase: str) -> Turn:
        self._last = max(time.monotonic(), self._last + 1e-6)
        turn = Turn(self._last, self._last, phase)
        self._begin(turn)
        return turn

    def open_all(self, sessions: Sequence[Session], world: World, phase: str = "preload") -> None:
        """Create the sessions at the target. Raises PreloadError if any is refused."""

        def open_one(session: Session) -> Exchange:
            return self._traffic.open(session, world.config(), self._turn(phase))

        for session, exchange in zip(sessions, self._in_parallel(open_one, sessions), strict=True):
            if exchange.error:
                raise PreloadError(f"creating a session on node {session.node_name} failed: {_why(exchange)}")

    def teach(
        self, lessons: Iterable[Lesson], world: World, nodes: Sequence[int], stop: Callable[[], bool]
    ) -> int:
        """Learn the lessons on `nodes`, several at a time on sessions of their own; the number learned.

        Raises PreloadError once `MAX_FAILURES` lessons have failed, or where a session is refused."""
        per_node = max(1, PARALLEL // max(1, len(nodes)))
        teachers = [Session(TEACHER, node, world.node_name(node)) for node in nodes for _ in range(per_node)]
        self.open_all(teachers, world)
        free: dict[int, Queue[Session]] = {node: Queue() for node in nodes}
        for teacher in teachers:
            free[teacher.node].put(teacher)
        waiting = iter(lessons)
        learned = failures = 0

        def work() -> None:
            nonlocal learned, failures
            for lesson in waiting:
                if stop():
                    return
                turn = self._turn("preload")
                teacher = free[lesson.node].get()
                request = operations.sequence(lesson.events, learn_at_end=True)
                exchange = self._traffic.send(teacher, request, turn)
                free[lesson.node].put(teacher)
                learned += not exchange.error
                failures += bool(exchange.error)
                if failures >= MAX_FAILURES:
                    raise PreloadError(f"learning pattern {learned + failures} failed: {_why(exchange)}")

        senders = [gevent.spawn(work) for _ in range(PARALLEL)]
        gevent.joinall(senders, raise_error=True)
        self.delete_all(teachers, "preload")
        return learned

    def delete_all(self, sessions: Sequence[Session], phase: str) -> None:
        self._in_parallel(lambda s: self._traffic.send(s, operations.delete(), self._turn(phase)), sessions)

    def clean(self, sessions: Sequence[Session], world: World, nodes: Iterable[int]) -> None:
        """Clear every node that the run touched, then delete its sessions: a node can be cleared only
        through one of its sessions."""
        by_node: dict[int, Session] = {session.node: session for session in sessions if session.session_id}
        for node in nodes:
            session = by_node.get(node)
            if session is None:
                session = Session(TEACHER, node, world.node_name(node))
                self._traffic.open(session, world.config(), self._turn("cooldown"))
                sessions = [*sessions, session]
            self._traffic.send(session, operations.clear_node(), self._turn("cooldown"))
        self.delete_all([session for session in sessions if session.session_id], "cooldown")

    @staticmethod
    def _in_parallel(function: Callable[[Session], Exchange], sessions: Sequence[Session]) -> list[Exchange]:
        return list(Pool(PARALLEL).imap(function, sessions))


def _why(exchange: Exchange) -> str:
    answer = exchange.body[:200].decode(errors="replace").strip()
    return f"{exchange.status} {answer}".strip() if exchange.status else exchange.error
