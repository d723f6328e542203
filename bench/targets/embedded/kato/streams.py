"""The two streams that every observation is appended to; nobody reads them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from bench.targets.embedded.kato.domain import Event

_GLOBAL = "stm:global"


class EventStreams:
    """Builds the XADD commands. A worker's own stream is named after the first node that it served."""

    def __init__(self, maxlen: int | None) -> None:
        self._own: str | None = None
        self._trim = () if maxlen is None else ("MAXLEN", "~", maxlen)

    def append(self, kb: str, event: Event, vectors: Sequence[Sequence[float]]) -> list[tuple[Any, ...]]:
        """The commands that publish one observation; the caller sends them with its own."""
        self._own = self._own or f"stm:events:{kb}"
        entry = (
            "event_type",
            "stm_update",
            "processor_id",
            kb,
            "timestamp",
            datetime.now(UTC).isoformat(),
            "data",
            orjson.dumps({"symbols": event, "vectors": vectors}),
        )
        return [("XADD", stream, *self._trim, "*", *entry) for stream in (self._own, _GLOBAL)]
