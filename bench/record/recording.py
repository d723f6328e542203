"""From the sources of a run to its streams and its live display."""

from __future__ import annotations

import json
import os
import selectors
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.record import frames
from bench.record.disk import Disk, Portion
from bench.record.live import Live
from bench.record.tables import metrics_batch, rows_from_frame
from bench.record.vocabulary import LOST_SOURCE

_READ = 1 << 20

#: Seconds between two progress lines.
_TICK = 1.0

#: Seconds that reading may go on after the stop.
_LAST_WORDS = 2.0


class Source:
    """One sender of frames."""

    def __init__(self, number: int, name: str | None, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self.number = number
        self.known_as = name
        self.name = name or f"source {number}"
        self.descriptor = descriptor
        self.frames = frames.FrameReader()
        self.said_end = False

    def read(self) -> bytes | None:
        """What has arrived; b"" if nothing has, None at the end."""
        try:
            return os.read(self.descriptor, _READ) or None
        except BlockingIOError:
            return b""
        except ConnectionError:  # the sender was killed with something of ours unread
            return None


class Recording:
    """Reads all sources until they end or it is told to stop."""

    def __init__(
        self,
        folder: Path,
        origin: float,
        sources: Sequence[tuple[str | None, int]],
        say: Callable[[dict[str, object]], None],
    ) -> None:
        """`sources`: descriptors, with a name where the end of one is to be told. `say` takes the progress
        lines. Raises OSError if the folder cannot be written."""
        self._origin = origin
        self._say = say
        self._sources = [Source(number, *source) for number, source in enumerate(sources)]
        self._disk = Disk(folder)
        self._live = Live()
        self._ends: list[Any] = []
        self._broken: list[str] = []

    def record(self, stop: int) -> None:
        """Work until every source has ended, or the descriptor `stop` becomes readable.

        Raises OSError if a write failed; what was written before is whole."""
        with selectors.DefaultSelector() as selector:
            selector.register(stop, selectors.EVENT_READ)
            for source in self._sources:
                selector.register(source.descriptor, selectors.EVENT_READ, source)
            next_tick = time.monotonic() + _TICK
            stop_by = None
            while len(selector.get_map()) > 1:
                ready = selector.select(0.0 if stop_by else max(0.0, next_tick - time.monotonic()))
                if stop_by and (time.monotonic() > stop_by or not any(key.data for key, _ in ready)):
                    break
                portion = Portion()
                for key, _ in ready:
                    if key.data is None:
                        # What was sent before the stop is still read, but not what is sent for ever.
                        stop_by = stop_by or time.monotonic() + _LAST_WORDS
                    elif not self._read(key.data, portion):
                        selector.unregister(key.fd)
                        os.close(key.fd)
                        self._part_from(key.data, portion)
                self._disk.append(portion)
                if (now := time.monotonic()) >= next_tick:
                    self._say(self._live.line(self._now()))
                    next_tick = next_tick + _TICK if now < next_tick + _TICK else now + _TICK
        self._disk.close()

    def outcome(self) -> dict[str, object]:
        """What the sources said when they ended, and which did not."""
        return {
            "ends": self._ends,
            "missing_end": sum(not source.said_end for source in self._sources),
            "broken": self._broken,
        }

    def _read(self, source: Source, portion: Portion) -> bool:
        """Read a source once; False if there is nothing more to expect from it."""
        data = source.read()
        if data is None:
            return False
        try:
            for kind, payload in source.frames.feed(data):
                self._take(source, kind, payload, portion)
        except (ValueError, TypeError) as error:
            # One collector that has gone mad must not end the run.
            self._broken.append(f"{source.name} was given up: {error}")
            event = {"t": round(self._now(), 3), "kind": "recorder", "message": self._broken[-1]}
            portion.events.append(_json_line(event))
            return False
        return True

    def _part_from(self, source: Source, portion: Portion) -> None:
        """Nothing more comes from a source; one that has not said so has died, or gone mad."""
        self._live.end(source.number)
        if source.known_as is not None and not source.said_end:
            event = {"t": round(self._now(), 3), "kind": LOST_SOURCE, "name": source.name}
            portion.events.append(_json_line(event))

    def _take(self, source: Source, kind: bytes, payload: bytes, portion: Portion) -> None:
        """Raises ValueError or TypeError if the frame makes no sense."""
        if kind == frames.ROWS:
            columns = rows_from_frame(payload)
            self._live.take_rows(columns, self._now())
            portion.rows.append(columns)
            return
        value = json.loads(payload)
        if kind == frames.METRICS:
            portion.metrics.append(metrics_batch(value))
        elif kind == frames.EVENT:
            portion.events.append(_json_line(value))
        elif kind == frames.PROGRESS:
            self._live.take_progress(source.number, value)
        elif kind == frames.END:
            source.said_end = True
            self._ends.append(value)
        else:
            raise ValueError(f"unknown kind of frame {kind!r}")

    def _now(self) -> float:
        return time.monotonic() - self._origin


def _json_line(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"
