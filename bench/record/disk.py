"""The recorder's hand on the disk: a thread that appends, and syncs once a second.

An fsync may take as long as the disk likes. Were it done where the sockets are read, a slow disk would fill
the sockets, block the load generator, and so be measured as dispatch lag.
"""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from bench.record.finalise import EVENTS_FILE, METRICS_STREAM, REQUESTS_STREAM
from bench.record.streams import AppendFile, StreamFile
from bench.record.tables import METRICS_SCHEMA, STREAM, Columns, stream_batch

#: Seconds between two syncs, which is what a power cut may cost.
SYNC_EVERY = 1.0

#: Portions that may wait for the disk before reading from the sockets stops; bounds memory.
_BACKLOG = 16


@dataclass
class Portion:
    """What one look at the sources brought: columns of rows, batches of metrics, JSON lines of events."""

    rows: list[Columns] = field(default_factory=list)
    metrics: list[pa.RecordBatch] = field(default_factory=list)
    events: list[bytes] = field(default_factory=list)


class Disk:
    """Writes portions in order. `error` is the first write that failed; nothing is written after it."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError if the files cannot be made."""
        self.error: OSError | None = None
        self._requests = StreamFile(folder / REQUESTS_STREAM, STREAM)
        self._metrics = StreamFile(folder / METRICS_STREAM, METRICS_SCHEMA)
        self._events = AppendFile(folder / EVENTS_FILE)
        self._files = (self._requests, self._metrics, self._events)
        self._portions: queue.Queue[Portion | None] = queue.Queue(_BACKLOG)
        self._thread = threading.Thread(target=self._work, name="disk", daemon=True)
        self._thread.start()

    def put(self, portion: Portion) -> None:
        """Have it written soon; blocks while the disk is far behind."""
        if portion.rows or portion.metrics or portion.events:
            self._portions.put(portion)

    def close(self) -> None:
        """Wait until all that was put is on disk, or has failed."""
        self._portions.put(None)
        self._thread.join()

    def _work(self) -> None:
        next_sync = time.monotonic() + SYNC_EVERY
        ended = False
        while not ended:
            portion = None
            try:
                portion = self._portions.get(timeout=max(0.0, next_sync - time.monotonic()))
                ended = portion is None
            except queue.Empty:
                pass
            if self.error is not None:
                # Keep taking, so that nobody waits for this thread for ever.
                next_sync = time.monotonic() + SYNC_EVERY
                continue
            try:
                if portion is not None:
                    self._write(portion)
                if time.monotonic() >= next_sync:
                    for file in self._files:
                        file.sync()
                    next_sync = time.monotonic() + SYNC_EVERY
            except OSError as error:
                self.error = error
        for file in self._files:
            try:
                file.close()
            except OSError as error:
                self.error = self.error or error

    def _write(self, portion: Portion) -> None:
        if portion.rows:
            self._requests.append_batch(stream_batch(portion.rows))
        for batch in portion.metrics:
            self._metrics.append_batch(batch)
        if portion.events:
            self._events.append(b"".join(portion.events))
