"""The two streams that every observation is appended to; nobody reads them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from bench.targets.embedded.kato import codec
from bench.targets.embedded.kato.domain import Event

_GLOBAL = "stm:global"
_GROUP = "stm_processors"


class EventStreams:
    """Builds the XADD commands. A worker's own stream is named after the first node that it served."""

    def __init__(self, redis: Redis, maxlen: int | None) -> None:
        self._redis = redis
        self._own: str | None = None
        self._trim = () if maxlen is None else ("MAXLEN", "~", maxlen)
        self.published = 0
        """Observations since this worker's start."""

    async def open(self, kb: str) -> None:
        """Makes the worker's stream, with the consumer group that KATO gives it, for its first node."""
        if self._own is not None:
            return
        self._own = f"stm:events:{kb}"
        with contextlib.suppress(ResponseError):  # another worker's stream of the same name
            await self._redis.xgroup_create(self._own, _GROUP, id="$", mkstream=True)

    async def size(self) -> tuple[int, int]:
        """Entries and consumer groups of the worker's own stream."""
        if self._own is None or not await self._redis.exists(self._own):
            return 0, 0
        about = await self._redis.xinfo_stream(self._own)
        return about["length"], about["groups"]

    def append(self, kb: str, event: Event, vectors: Sequence[Sequence[float]]) -> list[tuple[Any, ...]]:
        """The commands that publish one observation; the caller sends them with its own."""
        self.published += 1
        entry = (
            "event_type",
            "stm_update",
            "processor_id",
            kb,
            "timestamp",
            datetime.now(UTC).isoformat(),
            "data",
            codec.dumps({"symbols": event, "vectors": vectors}),
        )
        return [("XADD", stream, *self._trim, "*", *entry) for stream in (self._own, _GLOBAL)]
