"""Frames from the load children and the collectors to the recorder: a kind, a length, a payload.

Rows travel as raw columns so that the load child's event loop pays for one `bytes` join a second and
nothing else. Only the standard library is used here: the load child imports this module.
"""

from __future__ import annotations

import json
import struct
from array import array
from collections.abc import Iterator
from typing import Any, Protocol

HEADER = struct.Struct("<cI")
_COUNT = struct.Struct("<I")

ROWS = b"R"
METRICS = b"M"
EVENT = b"E"
PROGRESS = b"P"
END = b"Z"

#: (column, array type code). Times are seconds since the run's origin (CLOCK_MONOTONIC); NaN = did not
#: happen. operation, phase and error are indexes into `vocabulary`. items: predictions returned, or events
#: in the STM, -1 where the answer has no such count.
ROW_COLUMNS = (
    ("due", "d"),
    ("picked", "d"),
    ("sent", "d"),
    ("done", "d"),
    ("operation", "b"),
    ("phase", "b"),
    ("status", "h"),
    ("error", "b"),
    ("session", "i"),
    ("node", "h"),
    ("connection", "i"),
    ("process", "b"),
    ("bytes", "i"),
    ("items", "i"),
)


class RowBuffer:
    """Columns of the requests that ended since the last flush."""

    def __init__(self) -> None:
        self.columns = {name: array(code) for name, code in ROW_COLUMNS}
        self._append = tuple(self.columns[name].append for name, _ in ROW_COLUMNS)

    def __len__(self) -> int:
        return len(self.columns["due"])

    def append(self, *values: float) -> None:
        """Add one request; values in the order of `ROW_COLUMNS`."""
        for append, value in zip(self._append, values, strict=True):
            append(value)  # type: ignore[arg-type]

    def take(self) -> bytes:
        """The payload of a ROWS frame for what is buffered; the buffer is empty afterwards."""
        payload = _COUNT.pack(len(self)) + b"".join(column.tobytes() for column in self.columns.values())
        for column in self.columns.values():
            del column[:]
        return payload


def unpack_rows(payload: bytes) -> dict[str, array[Any]]:
    """The columns of a ROWS payload, by name; each as long as the frame has rows."""
    (count,) = _COUNT.unpack_from(payload)
    offset = _COUNT.size
    columns: dict[str, array[Any]] = {}
    for name, code in ROW_COLUMNS:
        column: array[Any] = array(code)
        size = column.itemsize * count
        column.frombytes(payload[offset : offset + size])
        columns[name] = column
        offset += size
    if offset != len(payload):
        raise ValueError(f"a rows frame of {count} rows holds {len(payload)} bytes, not {offset}")
    return columns


def frame(kind: bytes, payload: bytes) -> bytes:
    return HEADER.pack(kind, len(payload)) + payload


def json_frame(kind: bytes, value: object) -> bytes:
    return frame(kind, json.dumps(value, separators=(",", ":")).encode())


class _Sock(Protocol):
    def sendall(self, data: bytes, /) -> None: ...


def send(sock: _Sock, kind: bytes, value: object) -> None:
    """Send one JSON frame."""
    sock.sendall(json_frame(kind, value))


class FrameReader:
    """Cuts a byte stream into frames; a frame that is cut off by the end of the stream is dropped."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Take what arrived and yield (kind, payload) of each frame that is now complete."""
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            kind, length = HEADER.unpack_from(self._buffer)
            end = HEADER.size + length
            if len(self._buffer) < end:
                return
            payload = bytes(self._buffer[HEADER.size : end])
            del self._buffer[:end]
            yield kind, payload
