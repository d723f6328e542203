"""The metrics cache: chances that patterns hold the symbols that they do, kept for all workers."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bench.targets.embedded.kato import predictions
from bench.targets.embedded.kato.domain import SymbolCounts, Totals

log = logging.getLogger("kato.chances")


class ChanceCache:
    """`predictions.chance_of`, kept in Redis for all workers until the next learn of any node."""

    _PREFIX = "kato:metrics:conditional_probability:"
    _INDEX = "kato:metrics:_index"
    _TTL = 3600

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def chances(
        self, kb: str, presents: Sequence[list[str]], counts: SymbolCounts, totals: Totals
    ) -> list[float]:
        """One per present, in the same order."""
        keys = [self._key(kb, present) for present in presents]
        async with self._redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.get(key)
            cached = await pipe.execute()
        found = {key: float(value) for key, value in zip(keys, cached, strict=True) if value is not None}
        fresh = {
            key: predictions.chance_of(present, counts, totals)
            for key, present in zip(keys, presents, strict=True)
            if key not in found
        }
        if fresh:
            await self._keep(fresh)
        return [found[key] if key in found else fresh[key] for key in keys]

    async def clear(self) -> None:
        keys = await self._redis.smembers(self._INDEX)
        if keys:
            await self._redis.unlink(self._INDEX, *keys)

    async def _keep(self, fresh: Mapping[str, float]) -> None:
        """A Redis that is full takes none of it, and is no reason not to predict."""
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for key, chance in fresh.items():
                    pipe.set(key, repr(chance), ex=self._TTL)
                pipe.sadd(self._INDEX, *fresh)
                await pipe.execute()
        except RedisError as error:
            log.warning("%d metrics could not be cached: %s", len(fresh), error)

    @classmethod
    def _key(cls, kb: str, present: list[str]) -> str:
        text = f"{kb}{sorted(set(present))}"
        return cls._PREFIX + hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
