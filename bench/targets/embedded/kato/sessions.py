"""Sessions: what one holds, and where it is kept (`kato:session:<id>` in Redis, as JSON with a TTL)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bench.targets.embedded.kato import codec, naming
from bench.targets.embedded.kato.domain import Config, Session

log = logging.getLogger("kato.sessions")

_PREFIX = "kato:session:"
_INDEX = "kato:session:_active_index"
_LONGEST_TTL = 10**11
"""Seconds, three millennia: what is longer would lie beyond the calendar."""


class SessionStore:
    """Creates, loads and saves sessions.

    The stored `expires_at` moves only when a session is saved. A load renews the key's TTL and the
    `expires_at` that it returns, but not the stored one: a session that is only read ends `ttl_seconds`
    after its last write, as with KATO.

    Redis may fail: then every session counts as absent, and who creates or saves one gets the error."""

    def __init__(
        self,
        redis: Redis,
        auto_extend: bool,
        count_cache_ttl: float,
        on_expiry: Callable[[str], None],
    ) -> None:
        self._redis = redis
        self._auto_extend = auto_extend
        self._count_cache_ttl = count_cache_ttl
        self._on_expiry = on_expiry
        self._count = 0
        self._counted_at = float("-inf")

    async def create(
        self, node_id: str, ttl: int, metadata: dict[str, Any], config: Config, *, filter_metrics: bool
    ) -> Session:
        """Raises redis.ResponseError if `ttl` is negative, which KATO answers with its plain 500."""
        now = datetime.now(UTC)
        ttl = min(ttl, _LONGEST_TTL)
        session = Session(
            session_id=naming.session_id(),
            node_id=node_id,
            created_at=_stamp(now),
            expires_at=_stamp(now + timedelta(seconds=ttl)),
            ttl_seconds=ttl,
            metadata=metadata,
            config=config,
            filter_metrics=filter_metrics,
        )
        await self._redis.set(_PREFIX + session.session_id, codec.dumps(asdict(session)), ex=ttl)
        await self._redis.sadd(_INDEX, session.session_id)
        return session

    async def load(self, session_id: str) -> Session | None:
        """The session, renewed; None if there is none, it has expired, or it could not be read."""
        try:
            return await self._renewed(session_id)
        except RedisError as error:
            log.error("session %s could not be read: %s", session_id, error)
            return None

    async def _renewed(self, session_id: str) -> Session | None:
        raw = await self._redis.get(_PREFIX + session_id)
        if raw is None:
            return None
        session = Session(**codec.loads(raw))
        if _expired(session):
            await self.delete(session_id)
            self._on_expiry(session_id)
            return None
        if self._auto_extend:
            session.expires_at = _after(session.ttl_seconds)
            await self._redis.expire(_PREFIX + session_id, session.ttl_seconds)
        return session

    async def save(self, session: Session, *others: tuple[Any, ...]) -> None:
        """Writes the session, and in the same round trip the Redis commands in `others`."""
        if self._auto_extend:
            session.expires_at = _after(session.ttl_seconds)
        async with self._redis.pipeline(transaction=False) as pipe:
            key = _PREFIX + session.session_id
            pipe.set(key, codec.dumps(asdict(session)), ex=max(1, remaining_seconds(session)))
            for command in others:
                pipe.execute_command(*command)
            await pipe.execute()

    async def extend(self, session: Session, ttl: int) -> None:
        """Lets the session end `ttl` seconds from now; later renewals use its own `ttl_seconds` again."""
        ttl = max(1, min(ttl, _LONGEST_TTL))
        session.expires_at = _after(ttl)
        await self._redis.set(_PREFIX + session.session_id, codec.dumps(asdict(session)), ex=ttl)

    async def exists(self, session_id: str) -> tuple[bool, bool]:
        """Whether the session is alive, and whether it is still stored though expired. Renews nothing."""
        try:
            raw = await self._redis.get(_PREFIX + session_id)
        except RedisError as error:
            log.error("session %s could not be read: %s", session_id, error)
            raw = None
        if raw is None:
            return False, False
        expired = _expired(Session(**codec.loads(raw)))
        return not expired, expired

    async def delete(self, session_id: str) -> None:
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.delete(_PREFIX + session_id)
            pipe.srem(_INDEX, session_id)
            await pipe.execute()

    async def count(self) -> int:
        """Sessions created and not deleted, at most a few seconds old; ended TTLs do not lower it.

        It stays as it was while Redis fails: the pages that tell it are answered whatever the stores do."""
        now = time.monotonic()
        if now - self._counted_at >= self._count_cache_ttl:
            self._counted_at = now
            try:
                self._count = await self._redis.scard(_INDEX)
            except RedisError as error:
                log.error("sessions could not be counted: %s", error)
        return self._count


def remaining_seconds(session: Session) -> int:
    return int((datetime.fromisoformat(session.expires_at) - datetime.now(UTC)).total_seconds())


def _expired(session: Session) -> bool:
    return datetime.fromisoformat(session.expires_at) <= datetime.now(UTC)


def _after(seconds: int) -> str:
    return _stamp(datetime.now(UTC) + timedelta(seconds=seconds))


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
