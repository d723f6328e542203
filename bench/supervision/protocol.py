"""Frames between a supervisor and its guardian: a length, then one JSON object."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

Message = dict[str, Any]

#: A recorder has a socket for each process of a run; the kernel would take 253.
MAX_FDS = 128
_LENGTH = struct.Struct("!I")


def encode(message: Message) -> bytes:
    body = json.dumps(message).encode("ascii")
    return _LENGTH.pack(len(body)) + body


class Decoder:
    """Bytes in any portions → whole messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            yield json.loads(body)
