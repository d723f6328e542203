"""Sessions behind a small pool of connections, and locks that end at the worker."""

from __future__ import annotations

import logging
from typing import Any

from redis.asyncio import ConnectionPool, Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from bench.targets.embedded.kato.domain import Session
from bench.targets.embedded.kato.sessions import SessionStore

log = logging.getLogger("kato.sessions")


class PooledSessionStore(SessionStore):
    """A session store whose pool of `connections` raises when it is empty.

    As in KATO, whoever loads a session takes any failure for its absence, while a save passes it on: the
    client sees 404 for a session that lives, or 500."""

    def __init__(self, connections: int, redis: Redis, *more: Any, **named: Any) -> None:
        of_the_api = redis.connection_pool
        pool = ConnectionPool(
            of_the_api.connection_class, max_connections=connections, **of_the_api.connection_kwargs
        )
        super().__init__(Redis(connection_pool=pool), *more, **named)

    async def load(self, session_id: str) -> Session | None:
        try:
            return await super().load(session_id)
        except RedisConnectionError as error:
            log.error("session %s could not be read: %s", session_id, error)
            return None
