"""What the load child keeps of each request, and how it reaches the recorder process."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, Protocol

import gevent
from gevent.event import Event
from gevent.lock import RLock

from bench.loadgen.client import Exchange
from bench.loadgen.session import Session, Turn
from bench.record import frames
from bench.record.vocabulary import ERRORS, OPERATIONS, PHASES

_FLUSH_SECONDS = 0.5
_OPERATION_CODE = {name: code for code, name in enumerate(OPERATIONS)}
_PHASE_CODE = {name: code for code, name in enumerate(PHASES)}
_ERROR_CODE = {name: code for code, name in enumerate(ERRORS)}


class Outlet(Protocol):
    """Takes a process' frames: the recorder's socket, or what brings them there."""

    def sendall(self, data: bytes, /) -> None: ...

    def close(self) -> None: ...


class InFlight:
    """Integrates the number of open requests over time by its own reading of the clock, apart from the rows:
    if the integral differs from the rows' own sum, rows were lost or their times are wrong."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.now = 0
        self.seconds = 0.0
        self._since = clock()

    def change(self, by: int) -> None:
        now = self._clock()
        self.seconds += self.now * (now - self._since)
        self._since = now
        self.now += by


class Recorder:
    """Buffers rows and sends them to the recorder process twice a second.

    Frames are sent whole, one after the other: greenlets take turns at the socket."""

    def __init__(self, sock: Outlet, origin: float, process: int) -> None:
        self._socket = sock
        self._origin = origin
        self._process = process
        self._sending = RLock()
        self._rows = frames.RowBuffer()
        self._append = self._rows.append
        self._finishing = Event()
        self._flusher = gevent.spawn(self._flush_until_the_end)
        self._rows_sent = 0
        self.in_flight = InFlight()
        self.unanswered_seconds = 0.0
        self.due = 0
        self.phase = "preload"

    def begin(self, turn: Turn) -> None:
        """A request was taken up; it counts as in flight until it is recorded."""
        self.due += 1
        self.phase = turn.phase
        self.in_flight.change(+1)

    def begin_late(self, turn: Turn, until: float | None) -> None:
        """Count what began at `turn.picked`, of which nothing was known, and ended at `until` (None: now). It
        is to be recorded at once."""
        ended = time.monotonic() if until is None else until
        self.due += 1
        self.in_flight.change(+1)
        self.in_flight.seconds += ended - turn.picked

    def record(self, session: Session, operation: str, turn: Turn, exchange: Exchange, items: int) -> None:
        self.in_flight.change(-1)
        origin, sent, done = self._origin, exchange.sent, exchange.done
        if done is None:
            self.unanswered_seconds += time.monotonic() - turn.picked
        self._append(
            turn.due - origin,
            turn.picked - origin,
            math.nan if sent is None else sent - origin,
            math.nan if done is None else done - origin,
            _OPERATION_CODE[operation],
            _PHASE_CODE[turn.phase],
            exchange.status,
            _ERROR_CODE[exchange.error],
            session.index,
            session.node,
            exchange.connection,
            self._process,
            len(exchange.body),
            items,
        )

    def event(self, kind: str, **facts: Any) -> None:
        self._send(frames.EVENT, {"t": time.monotonic() - self._origin, "kind": kind, **facts})

    def sample(self, rows: list[list[object]]) -> None:
        """Keep samples `[t, source, instance, metric, value]`."""
        self._send(frames.METRICS, rows)

    def flush(self) -> None:
        with self._sending:
            if len(self._rows):
                self._rows_sent += len(self._rows)
                self._socket.sendall(frames.frame(frames.ROWS, self._rows.take()))
        progress = {
            "t": time.monotonic() - self._origin,
            "phase": self.phase,
            "due": self.due,
            "in_flight": self.in_flight.now,
            "cpu_seconds": time.process_time(),
        }
        self._send(frames.PROGRESS, progress)

    def finish(self, **facts: Any) -> None:
        """Send what is left, and the bookkeeping by which the record is judged."""
        self._finishing.set()
        self._flusher.join()
        self.flush()
        end = {
            "rows": self._rows_sent,
            "in_flight_seconds": self.in_flight.seconds,
            "unanswered_seconds": self.unanswered_seconds,
            "cpu_seconds": time.process_time(),
            **facts,
        }
        self._send(frames.END, end)
        self._socket.close()

    def _send(self, kind: bytes, value: object) -> None:
        with self._sending:
            frames.send(self._socket, kind, value)

    def _flush_until_the_end(self) -> None:
        while not self._finishing.wait(_FLUSH_SECONDS):
            self.flush()
