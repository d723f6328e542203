"""Sessions behind a small pool of connections."""

from __future__ import annotations

from typing import Any

from redis.asyncio import ConnectionPool, Redis

from bench.targets.embedded.kato.sessions import SessionStore


class PooledSessionStore(SessionStore):
    """A session store whose pool of `connections` raises when it is empty: the client sees 404 for a session
    that lives where it was to be loaded, and 500 where it was to be saved."""

    def __init__(self, connections: int, redis: Redis, *more: Any, **named: Any) -> None:
        of_the_api = redis.connection_pool
        pool = ConnectionPool(
            of_the_api.connection_class, max_connections=connections, **of_the_api.connection_kwargs
        )
        super().__init__(Redis(connection_pool=pool), *more, **named)
