"""What must be there before the load begins: learned patterns and open sessions; and taking it away again.

Everything here is sent as fast as a few parallel senders can, through the same traffic as the load, and is
recorded as phase `preload` or `cooldown`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import gevent
from gevent.pool import Pool
from gevent.queue import Queue

from bench.errors import UsageError
from bench.loadgen import operations
from bench.loadgen.client import Exchange
from bench.loadgen.session import Session, Turn
from bench.loadgen.traffic import Traffic
from bench.loadgen.world import Lesson, World

#: Enough to keep one KATO worker busy, few enough to stay far below its limit.
PARALLEL = 8
#: Index of the sessions that teach; they are not part of the load.
TEACHER = -1
#: Index of a session that only shows whether KATO takes the config.
PROBE = -2
#: A run that cannot learn its patterns is over: no waiting for more failures than this, and no load on a
#: deployment that lacks more than this share of what the plan says it knows.
MAX_FAILURES, MAX_FAILURE_SHARE = 20, 0.01
#: Seconds for all of the clean-up: a target that is overloaded for good would otherwise hold up the end of
#: the run for minutes.
CLEAN_UP = 60.0

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class PreloadError(Exception):
    """The target refuses what the scenario needs; the text says what was refused and how."""


class Clerk:
    """Sends requests that no schedule asks for. Their due times are the order of their taking up, so that
    two runs of one seed agree on it."""

    def __init__(self, traffic: Traffic, begin: Callable[[Turn], None]) -> None:
        self._traffic = traffic
        self._begin = begin
        self._last = 0.0
        self._senders: list[gevent.Greenlet] = []

    def stop_teaching(self) -> None:
        """End lessons that are still under way."""
        gevent.killall(self._senders, block=False)

    def _turn(self, phase: str) -> Turn:
        self._last = max(time.monotonic(), self._last + 1e-6)
        turn = Turn(self._last, self._last, phase)
        self._begin(turn)
        return turn

    def open_all(self, sessions: Sequence[Session], world: World, phase: str = "preload") -> None:
        """Create the sessions at the target. Raises PreloadError if any is refused, UsageError if KATO does
        not take the session config: it drops all of a config that holds one wrong value, without a word, and
        `process_predictions: false` with it."""
        wanted = self._config(world, sessions)

        def open_one(session: Session) -> Exchange:
            return self._traffic.open(session, wanted, self._turn(phase))

        for session, exchange in zip(sessions, self._in_parallel(open_one, sessions), strict=True):
            if exchange.error:
                raise PreloadError(f"creating a session on node {session.node_name} failed: {_why(exchange)}")
            refuse_other_config(wanted, exchange.json().get("session_config"))

    def try_config(self, world: World) -> None:
        """Create one session and delete it again, where the load is to open its own. Raises as `open_all`
        does."""
        session = world.session(PROBE, 0)
        self.open_all([session], world)
        self.delete_all([session], "preload")

    @staticmethod
    def _config(world: World, sessions: Sequence[Session]) -> dict[str, object]:
        """Teachers share their nodes, so they never predict at observe time."""
        teaching = any(session.index == TEACHER for session in sessions)
        return {**world.config(), "process_predictions": False} if teaching else world.config()

    def teach(
        self, lessons: Iterable[Lesson], world: World, nodes: Sequence[int], stop: Callable[[], bool]
    ) -> int:
        """Learn the lessons on `nodes`, several at a time on sessions of their own; the number learned.

        Raises PreloadError once `MAX_FAILURES` lessons have failed, or more than a hundredth of them; the
        teachers' sessions are deleted all the same."""
        per_node = max(1, PARALLEL // max(1, len(nodes)))
        teachers = [Session(TEACHER, node, world.node_name(node)) for node in nodes for _ in range(per_node)]
        try:
            self.open_all(teachers, world)
            return self._teach_with(teachers, lessons, stop)
        finally:
            self.delete_all([teacher for teacher in teachers if teacher.session_id], "preload")

    def _teach_with(
        self, teachers: Sequence[Session], lessons: Iterable[Lesson], stop: Callable[[], bool]
    ) -> int:
        free: dict[int, Queue[Session]] = {teacher.node: Queue() for teacher in teachers}
        for teacher in teachers:
            free[teacher.node].put(teacher)
        waiting = iter(lessons)
        learned = failures = 0
        why = ""

        def work() -> None:
            nonlocal learned, failures, why
            for lesson in waiting:
                if stop() or failures >= MAX_FAILURES:
                    return
                turn = self._turn("preload")
                teacher = free[lesson.node].get()
                request = operations.sequence(
                    lesson.events, lesson.vectors, lesson.emotives, learn_at_end=True
                )
                exchange = self._traffic.send(teacher, request, turn)
                free[lesson.node].put(teacher)
                if exchange.error:
                    failures += 1
                    why = _why(exchange)
                else:
                    learned += 1

        self._senders = [gevent.spawn(work) for _ in range(PARALLEL)]
        gevent.joinall(self._senders, raise_error=True)
        if failures > MAX_FAILURE_SHARE * (learned + failures):
            raise PreloadError(f"learning {failures} of {learned + failures} patterns failed: {why}")
        return learned

    def delete_all(self, sessions: Sequence[Session], phase: str, until: float = math.inf) -> int:
        """Delete the sessions; how many were not. After `until` (monotonic seconds) no more are sent."""

        def delete_one(session: Session) -> bool:
            if time.monotonic() > until:
                return False
            exchange = self._traffic.send(session, operations.delete(), self._turn(phase))
            return exchange.error in ("", "lost_session")

        return self._in_parallel(delete_one, sessions).count(False)

    def clean(
        self,
        sessions: Sequence[Session],
        world: World,
        nodes: Iterable[int],
        seconds: float = CLEAN_UP,
    ) -> int:
        """Clear every node that the run touched, then delete its sessions: a node can be cleared only
        through one of its sessions. Returns how many of these requests failed, or were not sent because the
        target had not come to answer the others within `seconds`."""
        until = time.monotonic() + seconds
        # They were opened by several senders, in an order that no seed gives.
        sessions = sorted(sessions, key=lambda session: session.index)
        by_node: dict[int, Session] = {session.node: session for session in sessions if session.session_id}
        strangers = {
            node: Session(TEACHER, node, world.node_name(node)) for node in nodes if node not in by_node
        }

        def clear_one(node: int) -> bool:
            if time.monotonic() > until:
                return False
            session = by_node.get(node) or strangers[node]
            if node in strangers:
                self._traffic.open(session, world.config(), self._turn("cooldown"))
            return not self._traffic.send(session, operations.clear_node(), self._turn("cooldown")).error

        failures = self._in_parallel(clear_one, nodes).count(False)
        opened = [one for one in (*sessions, *strangers.values()) if one.session_id]
        return failures + self.delete_all(opened, "cooldown", until)

    @staticmethod
    def _in_parallel(function: Callable[[Item], Answer], items: Iterable[Item]) -> list[Answer]:
        return list(Pool(PARALLEL).imap(function, items))


def refuse_other_config(wanted: Mapping[str, object], told: object) -> None:
    """Raises UsageError where the config that KATO says is in force is not the one that was asked for.

    What does not tell its config (no KATO, or an old one) is believed."""
    if not isinstance(told, Mapping):
        return
    # The user's own wishes first: where one is wrong, `process_predictions` is the victim and not the cause.
    for key, value in sorted(wanted.items(), key=lambda item: item[0] == "process_predictions"):
        if key not in told:
            raise UsageError(f"--session {key}: KATO has no such session option.")
        if told[key] != value:
            raise UsageError(
                f"KATO does not take the session config: {key} was to be {value!r} and is {told[key]!r}. "
                "It drops a whole config for one wrong value: check each --session KEY=VALUE."
            )


def _why(exchange: Exchange) -> str:
    answer = exchange.body[:200].decode(errors="replace").strip()
    return f"{exchange.status} {answer}".strip() if exchange.status else exchange.error
