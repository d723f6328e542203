"""Building an index in the background: a child process optimizes a copy of the shard.

The engine holds the interpreter lock while it optimizes, so the process that serves must not do it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from .settings import Settings

_KB = 1024
_CHILD = (sys.executable, "-m", f"{__package__}.build")


def optimization_due(settings: Settings, points: int, indexed: int, unindexed: int) -> bool:
    """Whether Qdrant's optimizers would have something to do, by its documented thresholds.

    `points` are alive; `indexed` vectors lie in an index, dead ones included; `unindexed` points are found
    by scanning. An index is due above `indexing_threshold` KB of unindexed vectors (0 = never), a clean-up
    where dead vectors are more than `deleted_threshold` of an index of `vacuum_min_vector_number` or more."""
    optimizers = settings.optimizers
    threshold = optimizers["indexing_threshold"] * _KB
    if threshold and unindexed * settings.vector_bytes > threshold:
        return True
    dead = indexed - (points - unindexed)
    return bool(
        indexed >= optimizers["vacuum_min_vector_number"] and dead > optimizers["deleted_threshold"] * indexed
    )


class BuildError(Exception):
    """The child ended before it had built the index; the message is its last word."""


class Build:
    """One child at work. `copy` must come before `optimize`; writes must wait until `copy` returns."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def copy(self, source: Path, target: Path, settings: Settings) -> None:
        """Copy a flushed shard, to be rebuilt under `settings`. Raises BuildError."""
        job = {"source": str(source), "target": str(target), "settings": settings.to_json()}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job).encode() + b"\n")
        await self._hear("copied")

    async def optimize(self) -> bool:
        """Wait for the index; whether the engine changed anything. Raises BuildError."""
        return await self._hear("optimized", "unchanged") == "optimized"

    async def _hear(self, *words: str) -> str:
        assert self._process.stdout is not None
        line = (await self._process.stdout.readline()).decode().strip()
        if line in words:
            return line
        assert self._process.stderr is not None
        output = (await self._process.stderr.read()).decode(errors="replace").strip()
        code = await self._process.wait()
        raise BuildError(output.rpartition("\n")[2] or f"the index build ended with exit code {code}")


@asynccontextmanager
async def start_build() -> AsyncIterator[Build]:
    """A child that is ready to copy; it is gone when the block is left. Raises BuildError."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*_CHILD, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        build = Build(process)
        await build._hear("ready")
        yield build
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await asyncio.shield(process.wait())
