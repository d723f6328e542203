"""What a worker does to nodes: it locks them in a way that can stop it for ever, and forgets them."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Coroutine
from typing import Any

from redis.exceptions import RedisError

from bench.targets.embedded.kato.domain import Session
from bench.targets.embedded.kato.faults.planted import Planted
from bench.targets.embedded.kato.models import ObservationData
from bench.targets.embedded.kato.nodes import NodeRegistry
from bench.targets.embedded.kato.patterns import FAILURES
from bench.targets.embedded.kato.processor import Observed, Processor

log = logging.getLogger("kato.nodes")

_TEST_NODE = "test_"
"""How the names of nodes begin of which an eviction leaves nothing at all."""


class PlantedProcessor(Processor):
    """With `deadlock` and `node_eviction` as planted."""

    def __init__(self, planted: Planted, *more: Any, **named: Any) -> None:
        super().__init__(*more, **named)
        self._node_locks: defaultdict[str, threading.Lock] | None = (
            defaultdict(threading.Lock) if planted.deadlock else None
        )
        if planted.node_eviction is not None:
            self.nodes = EvictingNodes(planted.node_eviction, self._forget_evicted)

    async def _forget_evicted(self, kb: str) -> None:
        await self._vectors.drop(kb)
        if kb.startswith(_TEST_NODE):
            try:
                await self._patterns.drop(kb)
                await self._knowledge.forget(kb)
            except (*FAILURES, RedisError) as error:
                log.error("the data of %s could not be dropped: %r", kb, error)

    async def observe(self, session: Session, data: ObservationData, unique_id: str) -> Observed:
        if self._node_locks is None or not session.config["process_predictions"]:
            return await super().observe(session, data, unique_id)
        # Held across awaits, by a lock that knows threads only: a second observation of the node blocks the
        # one thread that could ever release it.
        with self._node_locks[self.kb_of(session.node_id)]:
            return await super().observe(session, data, unique_id)


class EvictingNodes(NodeRegistry):
    """Keeps `limit` nodes; what `forget` does to one that is evicted, it does in the background."""

    def __init__(self, limit: int, forget: Callable[[str], Coroutine[Any, Any, None]]) -> None:
        super().__init__()
        self._limit = limit
        self._forget = forget
        self._forgetting: set[asyncio.Task[None]] = set()

    def touch(self, kb: str, node_id: str) -> None:
        if kb not in self._nodes and len(self._nodes) >= self._limit:
            evicted, _ = self._nodes.popitem(last=False)
            task = asyncio.create_task(self._forget(evicted))
            self._forgetting.add(task)
            task.add_done_callback(self._forgetting.discard)
        super().touch(kb, node_id)
