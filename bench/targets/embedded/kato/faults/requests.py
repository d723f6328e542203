"""What may happen to every request, and to the event loop between them: middlewares."""

from __future__ import annotations

import asyncio
import contextlib
import mmap
import random
from collections.abc import AsyncIterator

import psutil
from starlette.types import ASGIApp, Receive, Scope, Send

from bench.targets.embedded.faults.values import Latency

_STALLS = 2
_STALL_SECONDS = 0.1
_BETWEEN_SECONDS = 0.05
_SLAB = 1 << 20


class LatencyFault:
    """Lets each request wait before anything is done for it; it costs no CPU."""

    def __init__(self, app: ASGIApp, latency: Latency) -> None:
        self._app = app
        self._latency = latency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            mean = self._latency.mean
            await asyncio.sleep(random.expovariate(1 / mean) if self._latency.exponential else mean)
        await self._app(scope, receive, send)


class LeakFault:
    """Keeps `size` bytes of each request for ever."""

    def __init__(self, app: ASGIApp, size: int) -> None:
        self._app = app
        self._kept = Ballast(size)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._kept.grow()
        await self._app(scope, receive, send)


class StallFault:
    """Stops the event loop for 100 ms twice every `period` seconds, as KATO's collection of metrics does."""

    def __init__(self, app: ASGIApp, period: float) -> None:
        self._app = app
        self._period = period

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            async with self._stalling():
                await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    @contextlib.asynccontextmanager
    async def _stalling(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._stall())
        yield
        task.cancel()

    async def _stall(self) -> None:
        while True:
            await asyncio.sleep(self._period)
            for _ in range(_STALLS):
                psutil.cpu_percent(interval=_STALL_SECONDS)  # sleeps in this thread: nobody else gets a turn
                await asyncio.sleep(_BETWEEN_SECONDS)


class Ballast:
    """Memory that is resident and never given back, `size` bytes at a time.

    It lies in mappings of its own: in the heap, what the start of the process has left free would swallow the
    first megabytes of it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._slabs: list[mmap.mmap] = []
        self._room = 0

    def grow(self) -> None:
        missing = self._size
        while missing:
            if not self._room:
                self._slabs.append(mmap.mmap(-1, _SLAB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
                self._room = _SLAB
            part = min(missing, self._room)
            self._slabs[-1].write(b"\x01" * part)
            self._room -= part
            missing -= part
