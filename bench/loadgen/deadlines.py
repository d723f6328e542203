"""Time-outs of many open requests with one timer.

A timer for each request costs more than reading its answer. Here a request is one entry in a table, and the
timer is set to the earliest deadline of those that were open when it last went off: where requests are short,
it goes off once in a time-out.
"""

from __future__ import annotations

import math
import time
from typing import Any

from gevent import getcurrent
from gevent.hub import get_hub


class Expired(BaseException):
    """Raised in a greenlet whose request has been open for too long."""


class Deadlines:
    """Open requests by the greenlet that waits for them; a greenlet has one at a time."""

    def __init__(self) -> None:
        self._loop = get_hub().loop
        self._open: dict[Any, float] = {}
        self._timer: Any = None
        self._next = math.inf

    def begin(self, seconds: float) -> None:
        """From now until `end`, raise Expired in the calling greenlet once this time is over."""
        deadline = time.monotonic() + seconds
        self._open[getcurrent()] = deadline
        if deadline < self._next:
            self._wake_at(deadline)

    def end(self) -> None:
        """The calling greenlet's request is over, however it ended."""
        del self._open[getcurrent()]

    def close(self) -> None:
        if self._timer is not None:
            self._timer.close()
            self._timer = None
        self._next = math.inf

    def _wake_at(self, deadline: float) -> None:
        self.close()
        self._next = deadline
        # Not a reason to keep the loop alive: whoever waits for an answer is one.
        self._timer = self._loop.timer(max(0.0, deadline - time.monotonic()), ref=False)
        self._timer.start(self._expire, update=True)

    def _expire(self) -> None:
        self.close()
        now = time.monotonic()
        for greenlet, deadline in list(self._open.items()):
            # One that was thrown out may have ended others, or begun its next request.
            if deadline <= now and self._open.get(greenlet) == deadline:
                greenlet.throw(Expired())
        if self._open:
            earliest = min(self._open.values())
            if earliest < self._next:
                self._wake_at(earliest)
