"""What happens to sessions, told to those who listen on `/ws/events` of this worker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from bench.targets.embedded.kato import codec
from bench.targets.embedded.kato.domain import Session

_LONGEST_BACKLOG = 1000
"""Messages that a listener may be behind; it misses what comes on top of them."""

Listener = asyncio.Queue[str]


class Broadcaster:
    """Other workers' listeners hear nothing of it, as with KATO: each hears of one worker's sessions."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    @contextlib.contextmanager
    def listener(self) -> Iterator[Listener]:
        """The messages from now on, as texts."""
        listener: Listener = asyncio.Queue(_LONGEST_BACKLOG)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def session_created(self, session: Session) -> None:
        self._publish(
            "session.created",
            {
                "session_id": session.session_id,
                "node_id": session.node_id,
                "created_at": session.created_at,
            },
        )

    def session_deleted(self, session_id: str) -> None:
        self._session_destroyed(session_id, "explicit_delete")

    def session_expired(self, session_id: str) -> None:
        self._session_destroyed(session_id, "expired")

    def _session_destroyed(self, session_id: str, reason: str) -> None:
        now = datetime.now(UTC).isoformat()
        self._publish("session.destroyed", {"session_id": session_id, "destroyed_at": now, "reason": reason})

    def _publish(self, event_type: str, data: dict[str, Any]) -> None:
        if not self._listeners:
            return
        text = message(event_type, data)
        for listener in self._listeners:
            with contextlib.suppress(asyncio.QueueFull):
                listener.put_nowait(text)


def message(event_type: str, data: dict[str, Any]) -> str:
    """One event as clients get it; its time is local and does not say so, as with KATO."""
    now = datetime.now().isoformat()
    return codec.dumps({"event_type": event_type, "timestamp": now, "data": data}).decode()
