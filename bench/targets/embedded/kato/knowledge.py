"""What Redis knows of a node's patterns: frequencies, emotives, metadata, symbol counts, affinities.

Redis holds the only copy. A pattern is new exactly if its frequency key could be created.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any

from redis.asyncio import Redis

from bench.targets.embedded.kato import codec
from bench.targets.embedded.kato.domain import Experience, Pattern, SymbolCounts, Totals
from bench.targets.embedded.kato.locks import KeyedLocks
from bench.targets.embedded.kato.memory import flatten, mean_emotives, merge_metadata

log = logging.getLogger("kato.knowledge")

_KEYS_PER_TRIP = 600


class Knowledge:
    """Reads and writes that knowledge. `persistence` is the number of emotives kept per pattern."""

    def __init__(self, redis: Redis, persistence: int) -> None:
        self._redis = redis
        self._persistence = persistence
        self._merging = KeyedLocks()

    async def claim(self, kb: str, name: str) -> bool:
        """True if the pattern is new: then its frequency is 1 from now on."""
        return bool(await self._redis.set(f"{kb}:frequency:{name}", 1, nx=True))

    async def withdraw(self, kb: str, name: str) -> None:
        """Takes a claim back whose pattern could not be stored, so that the next learn tries again."""
        await self._redis.delete(f"{kb}:frequency:{name}")

    async def record_new(
        self,
        kb: str,
        pattern: Pattern,
        emotives: Sequence[Mapping[str, float]],
        metadata: Sequence[Mapping[str, Any]],
    ) -> None:
        symbols = Counter(flatten(pattern.events))
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.set(f"{kb}:emotives:{pattern.name}", codec.dumps(list(emotives)[-self._persistence :]))
            pipe.set(f"{kb}:metadata:{pattern.name}", codec.dumps(merge_metadata(*metadata)))
            for symbol in symbols:
                pipe.hincrby(f"{kb}:symbols:pmf", symbol, 1)
                pipe.sadd(f"{kb}:symbol_to_patterns:{symbol}", pattern.name)
            pipe.incrby(f"{kb}:global:total_unique_patterns", 1)
            _count_occurrence(pipe, kb, symbols, emotives)
            await pipe.execute()

    async def record_known(
        self,
        kb: str,
        pattern: Pattern,
        emotives: Sequence[Mapping[str, float]],
        metadata: Sequence[Mapping[str, Any]],
    ) -> None:
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.incr(f"{kb}:frequency:{pattern.name}")
            _count_occurrence(pipe, kb, Counter(flatten(pattern.events)), emotives)
            await pipe.execute()
        if emotives or metadata:
            async with self._merging(f"{kb}:{pattern.name}"):
                known = (await self.experiences(kb, [pattern.name]))[0]
                kept = [*known.emotives, *emotives][-self._persistence :]
                merged = merge_metadata(known.metadata, *metadata)
                await self._redis.mset(
                    {
                        f"{kb}:emotives:{pattern.name}": codec.dumps(kept),
                        f"{kb}:metadata:{pattern.name}": codec.dumps(merged),
                    }
                )

    async def experiences(self, kb: str, names: Sequence[str]) -> list[Experience]:
        """One per name, in the same order. A missing frequency (evicted, lost) counts as 1."""
        values: list[bytes | None] = []
        kinds = ("frequency", "emotives", "metadata")
        for start in range(0, len(names), _KEYS_PER_TRIP // len(kinds)):
            async with self._redis.pipeline(transaction=False) as pipe:
                for name in names[start : start + _KEYS_PER_TRIP // len(kinds)]:
                    for kind in kinds:
                        pipe.get(f"{kb}:{kind}:{name}")
                values += await pipe.execute()
        missing = sum(frequency is None for frequency in values[::3])
        if missing:
            log.warning("%d patterns of %s have lost their frequency; possible Redis data loss", missing, kb)
        return [
            Experience(int(frequency or 1), codec.loads(emotives or b"[]"), codec.loads(metadata or b"{}"))
            for frequency, emotives, metadata in zip(values[::3], values[1::3], values[2::3], strict=True)
        ]

    async def totals(self, kb: str) -> Totals:
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.get(f"{kb}:global:total_pattern_frequencies")
            pipe.get(f"{kb}:global:total_unique_patterns")
            pipe.hlen(f"{kb}:symbols:freq")
            frequencies, unique, symbols = await pipe.execute()
        return Totals(int(frequencies or 0), int(unique or 0), symbols)

    async def symbol_counts(self, kb: str, symbols: Collection[str]) -> SymbolCounts:
        """Of these symbols; a symbol that was never learned is absent."""
        if not symbols:
            return SymbolCounts({}, {})
        ordered = list(symbols)
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hmget(f"{kb}:symbols:freq", ordered)
            pipe.hmget(f"{kb}:symbols:pmf", ordered)
            frequency, member_frequency = await pipe.execute()
        return SymbolCounts(_present(ordered, frequency), _present(ordered, member_frequency))

    async def vocabulary(self, kb: str) -> SymbolCounts:
        """Of every symbol that the node ever learned."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(f"{kb}:symbols:freq")
            pipe.hgetall(f"{kb}:symbols:pmf")
            both = await pipe.execute()
        frequency, member_frequency = (
            {symbol.decode(): int(count) for symbol, count in counts.items()} for counts in both
        )
        return SymbolCounts(frequency, member_frequency)

    async def affinities(self, kb: str) -> dict[str, dict[str, float]]:
        """Of every symbol that was ever learned with emotives: emotive -> sum over those learns."""
        prefix = f"{kb}:affinity:"
        found: dict[str, dict[str, float]] = {}
        async for keys in self._keys(prefix):
            async with self._redis.pipeline(transaction=False) as pipe:
                for key in keys:
                    pipe.hgetall(key)
                hashes = await pipe.execute()
            symbols = (key.decode().removeprefix(prefix) for key in keys)
            found.update(zip(symbols, map(_as_numbers, hashes), strict=True))
        return found

    async def affinity(self, kb: str, symbol: str) -> dict[str, float]:
        return _as_numbers(await self._redis.hgetall(f"{kb}:affinity:{symbol}"))

    async def affinity_weights(self, kb: str, symbols: Collection[str], emotive: str) -> dict[str, float]:
        """How strongly each of these symbols goes with the emotive per occurrence, whatever the sign."""
        counts = await self.symbol_counts(kb, symbols)
        async with self._redis.pipeline(transaction=False) as pipe:
            for symbol in symbols:
                pipe.hget(f"{kb}:affinity:{symbol}", emotive)
            sums = await pipe.execute()
        return {
            symbol: abs(float(total or 0)) / max(1, counts.frequency.get(symbol, 1))
            for symbol, total in zip(symbols, sums, strict=True)
        }

    async def used_memory(self) -> int:
        """Bytes that the server's data take."""
        return int((await self._redis.info("memory"))["used_memory"])

    async def store_precomputed(self, kb: str, values: Mapping[str, Mapping[str, Any]]) -> None:
        """Writes finalize-training's results: per pattern name, key kind -> value."""
        pairs = [
            (f"{kb}:{kind}:{name}", codec.dumps(value))
            for name, kinds in values.items()
            for kind, value in kinds.items()
        ]
        for start in range(0, len(pairs), _KEYS_PER_TRIP):
            await self._redis.mset(dict(pairs[start : start + _KEYS_PER_TRIP]))

    async def store_predictions(
        self, kb: str, unique_id: str, predictions: Sequence[Mapping[str, Any]], ttl: int | None
    ) -> None:
        await self._redis.set(f"{kb}:prediction:{unique_id}", codec.dumps(predictions), ex=ttl)

    async def forget(self, kb: str) -> None:
        """Removes every key of the node."""
        async for keys in self._keys(f"{kb}:"):
            await self._redis.unlink(*keys)

    async def _keys(self, prefix: str) -> AsyncIterator[list[Any]]:
        cursor = 0
        pattern = "".join(f"\\{char}" if char in "[]?*\\^" else char for char in prefix) + "*"
        while True:
            cursor, keys = await self._redis.scan(cursor, match=pattern, count=1000)
            if keys:
                yield keys
            if cursor == 0:
                return


def _count_occurrence(
    pipe: Any, kb: str, symbols: Counter[str], emotives: Sequence[Mapping[str, float]]
) -> None:
    for symbol, count in symbols.items():
        pipe.hincrby(f"{kb}:symbols:freq", symbol, count)
    pipe.incrby(f"{kb}:global:total_symbols_in_patterns_frequencies", symbols.total())
    pipe.incrby(f"{kb}:global:total_pattern_frequencies", 1)
    for emotive, value in mean_emotives(emotives).items():
        for symbol in symbols:
            pipe.hincrbyfloat(f"{kb}:affinity:{symbol}", emotive, value)


def _as_numbers(values: Mapping[Any, Any]) -> dict[str, float]:
    return {name.decode(): float(value) for name, value in values.items()}


def _present(symbols: Sequence[str], counts: Sequence[bytes | None]) -> dict[str, int]:
    return {symbol: int(count) for symbol, count in zip(symbols, counts, strict=True) if count is not None}
