"""Which sessions are open at the target, so that none is left behind."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from bench.loadgen.session import Session


class Roster:
    """Every session that this load process has created and not deleted, whoever made it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[str, Session] = {}
        self._gone_at: dict[str, float] = {}

    def opened(self, session: Session) -> None:
        """Remembers a copy: the same `Session` may soon stand for another session of KATO's."""
        self._open[session.session_id] = replace(session)

    def closed(self, session_id: str) -> None:
        self._open.pop(session_id, None)
        self._gone_at.pop(session_id, None)

    def leave(self, session: Session, seconds: float) -> None:
        """Nobody will use the session again, and KATO forgets it after `seconds`. From then on nobody may ask
        for it: the first request for an expired session costs KATO some 1 450 Redis commands."""
        if session.session_id in self._open:
            self._gone_at[session.session_id] = self._clock() + seconds

    def remaining(self) -> list[Session]:
        """The sessions that are still there to be deleted."""
        now = self._clock()
        for session_id in [one for one, when in self._gone_at.items() if when <= now]:
            self.closed(session_id)
        return list(self._open.values())
