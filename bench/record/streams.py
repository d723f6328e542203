"""Append-only Arrow IPC stream files that stay readable wherever the writing stops.

An IPC stream is a schema message and then one self-contained message per batch, so a file that is cut
anywhere is whole up to its last complete batch. A Parquet file without its footer is lost.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

#: An IPC continuation marker followed by length zero: end of stream.
_END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"


class AppendFile:
    """A file that only grows by whole records; a write that fails half-way is undone."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._good = self._file.tell()
        self._dirty = False

    def append(self, record: bytes) -> None:
        """Write one record. Raises OSError if not all of it fits; the file is then as it was before."""
        try:
            view = memoryview(record)
            while view:
                view = view[self._file.write(view) :]
        except OSError:
            os.ftruncate(self._file.fileno(), self._good)
            raise
        self._good += len(record)
        self._dirty = True

    def sync(self) -> None:
        """Have the disk hold what was appended. May run in another thread than `append`."""
        if self._dirty:
            self._dirty = False
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Sync and close. Raises OSError if the disk refuses."""
        try:
            self.sync()
        finally:
            self._file.close()


class StreamFile(AppendFile):
    """A new Arrow IPC stream file; valid, if empty, from the first moment.

    Raises FileExistsError if there is one already: two streams in one file cannot be read."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        path.touch(exist_ok=False)
        super().__init__(path)
        self.append(schema.serialize())

    def append_batch(self, batch: pa.RecordBatch) -> None:
        self.append(batch.serialize())

    def close(self) -> None:
        """Mark the end of the stream and close. Raises OSError if even that does not fit."""
        try:
            self.append(_END_OF_STREAM)
        finally:
            super().close()


def read_batches(path: Path) -> Iterator[pa.RecordBatch]:
    """The complete batches of a stream file; nothing if it is missing or lacks even its schema."""
    try:
        source = pa.OSFile(str(path))
    except FileNotFoundError:
        return
    with source:
        try:
            reader = pa.ipc.open_stream(source)
        except (pa.ArrowException, OSError):
            return
        while True:
            try:
                batch = reader.read_next_batch()
            except (StopIteration, pa.ArrowException, OSError):
                return
            yield batch
