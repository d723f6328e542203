"""The recorder's hand on the disk: appends at once, syncs once a second in a thread of its own.

An fsync may take as long as the disk likes. Were it done where the sockets are read, a slow disk would fill
the sockets, block the load generator, and so be measured as dispatch lag.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from bench.record.finalise import EVENTS_FILE, METRICS_STREAM, REQUESTS_STREAM
from bench.record.streams import AppendFile, StreamFile
from bench.record.tables import METRICS_SCHEMA, STREAM, Columns, stream_batch

#: Seconds between two syncs, which is what a power cut may cost. A kill costs nothing that was appended.
SYNC_EVERY = 1.0


@dataclass
class Portion:
    """What one look at the sources brought: columns of rows, batches of metrics, JSON lines of events."""

    rows: list[Columns] = field(default_factory=list)
    metrics: list[pa.RecordBatch] = field(default_factory=list)
    events: list[bytes] = field(default_factory=list)


class Disk:
    """The streams and the events of one run."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError if the files cannot be made."""
        self._requests = StreamFile(folder / REQUESTS_STREAM, STREAM)
        self._metrics = StreamFile(folder / METRICS_STREAM, METRICS_SCHEMA)
        self._events = AppendFile(folder / EVENTS_FILE)
        self._files = (self._requests, self._metrics, self._events)
        self._failed_sync: OSError | None = None
        self._closing = threading.Event()
        self._syncing = threading.Thread(target=self._keep_syncing, name="sync", daemon=True)
        self._syncing.start()

    def append(self, portion: Portion) -> None:
        """Raises OSError if it cannot be written, or if an earlier sync failed; what was appended before is
        whole."""
        if self._failed_sync is not None:
            raise self._failed_sync
        if portion.rows:
            self._requests.append_batch(stream_batch(portion.rows))
        for batch in portion.metrics:
            self._metrics.append_batch(batch)
        if portion.events:
            self._events.append(b"".join(portion.events))

    def close(self) -> None:
        """Have all that was appended on disk. Raises OSError if that fails."""
        self._closing.set()
        self._syncing.join()
        for file in self._files:
            file.close()
        if self._failed_sync is not None:
            raise self._failed_sync

    def _keep_syncing(self) -> None:
        while self._failed_sync is None and not self._closing.wait(SYNC_EVERY):
            try:
                for file in self._files:
                    file.sync()
            except OSError as error:
                self._failed_sync = error
