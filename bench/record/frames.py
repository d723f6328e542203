"""Frames from the load children and the collectors to the recorder: a kind, a length, a payload.

Rows travel as they lie in the load child's memory, one packed record after the other: its event loop pays for
half a microsecond a request and one copy of the buffer now and then. Only the standard library is used here:
the load child imports this module.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Protocol

HEADER = struct.Struct("<cI")

ROWS = b"R"
METRICS = b"M"
EVENT = b"E"
PROGRESS = b"P"
END = b"Z"

#: (column, type code of `struct`), in the order in which a packed row has them: little-endian, no gaps. Times
#: are seconds since the run's origin (CLOCK_MONOTONIC); NaN = did not happen. operation, phase and error are
#: indexes into `vocabulary`. items: predictions returned, or events in the STM, -1 where the answer has no
#: such count.
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

_ROW = struct.Struct("<" + "".join(code for _, code in ROW_COLUMNS))


class RowBuffer:
    """The requests that ended since the last flush."""

    def __init__(self) -> None:
        self._rows = bytearray()

    def __len__(self) -> int:
        return len(self._rows) // _ROW.size

    def append(self, *values: float) -> None:
        """Add one request; values in the order of `ROW_COLUMNS`.

        Raises struct.error for another number of values, or one that its column cannot hold."""
        self._rows += _ROW.pack(*values)

    def take(self) -> bytes:
        """The payload of a ROWS frame for what is buffered; the buffer is empty afterwards."""
        payload = bytes(self._rows)
        self._rows.clear()
        return payload


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
