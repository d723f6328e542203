"""Locks that hold across the workers of one deployment."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

from bench.targets.embedded.kato.locks import KeyedLocks

_POLL = 0.001


class SharedLocks(KeyedLocks):
    """Each key is a byte of one file that all workers open; the kernel frees those of a worker that dies.

    KATO has nothing of the kind, so that parallel requests on a session through several workers lose
    updates: here that is a fault to ask for."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    @contextlib.asynccontextmanager
    async def __call__(self, key: str) -> AsyncIterator[None]:
        byte = int.from_bytes(hashlib.sha1(key.encode(), usedforsecurity=False).digest()[:7])
        async with super().__call__(key):  # the kernel's lock is the process', and would let its own in
            while not self._taken(byte):
                await asyncio.sleep(_POLL)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, byte)

    def _taken(self, byte: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
        except (BlockingIOError, PermissionError):  # which of them depends on the system
            return False
        return True
