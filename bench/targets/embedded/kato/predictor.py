"""Predictions with their I/O: candidates from the pattern store, metadata from Redis, one ranked answer."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from bench.targets.embedded.kato import matching, predictions
from bench.targets.embedded.kato.domain import Config, Event, Pattern, SymbolCounts, Totals
from bench.targets.embedded.kato.knowledge import Knowledge
from bench.targets.embedded.kato.matching import Similarity
from bench.targets.embedded.kato.memory import flatten
from bench.targets.embedded.kato.patterns import (
    Filter,
    PatternStore,
    jaccard_filter,
    length_filter,
    minhash_filter,
    starts_with,
)
from bench.targets.embedded.kato.predictions import Ensemble, Prediction, Survivor

_PATTERNS_PER_TURN = 100
"""Matched before other requests of the worker get their turn."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of the patterns of one node."""

    kb: str
    stm: list[Event]
    recall_threshold: float
    max_predictions: int
    similarity: Similarity
    filters: tuple[Filter, ...] | None = ()
    """None lets nothing pass."""


@dataclass(frozen=True, slots=True)
class Answer:
    predictions: list[Prediction]
    future_potentials: list[dict[str, Any]]


NOTHING = Answer([], [])


class Predictor:
    def __init__(
        self, patterns: PatternStore, knowledge: Knowledge, cache: ChanceCache, ranking: str
    ) -> None:
        self._patterns = patterns
        self._knowledge = knowledge
        self._cache = cache
        self._ranking = ranking

    async def predict(self, query: Query) -> Answer:
        state = flatten(query.stm)
        if not state:
            return NOTHING
        if len(state) == 1:
            return await self._continue_symbol(query, state[0])
        if query.filters is None:
            return NOTHING
        candidates = await self._patterns.candidates(query.kb, query.filters)
        survivors = await self._survivors(query, state, candidates)
        if not survivors:
            return NOTHING
        kept = survivors[: 3 * query.max_predictions]
        totals = await self._knowledge.totals(query.kb)
        presents = [flatten(one.alignment.present) for one in kept]
        counts = await self._knowledge.symbol_counts(query.kb, {*state, *flatten(presents)})
        chances = await self._cache.chances(query.kb, presents, counts, totals)
        ensemble = Ensemble.of(survivors)
        made = []
        for index, (one, chance) in enumerate(zip(kept, chances, strict=True), start=1):
            made.append(predictions.prediction(state, one, ensemble, counts, totals, chance))
            if index % _PATTERNS_PER_TURN == 0:
                await asyncio.sleep(0)
        best = predictions.ranked(made, self._ranking, query.max_predictions)
        return Answer(best, predictions.future_potentials(best))

    async def _survivors(
        self, query: Query, state: list[str], candidates: Sequence[Pattern]
    ) -> list[Survivor]:
        """The most similar first, whatever order the store returns its rows in."""
        aligned = []
        for start in range(0, len(candidates), _PATTERNS_PER_TURN):
            batch = candidates[start : start + _PATTERNS_PER_TURN]
            for match in matching.matches(state, batch, query.recall_threshold, query.similarity):
                if alignment := matching.align(query.stm, match):
                    aligned.append((match, alignment))
            await asyncio.sleep(0)
        names = [match.pattern.name for match, _ in aligned]
        known = await self._knowledge.experiences(query.kb, names)
        survivors = [
            Survivor(match, alignment, experience)
            for (match, alignment), experience in zip(aligned, known, strict=True)
        ]
        return sorted(survivors, key=lambda one: (-one.match.similarity, one.match.pattern.name))

    async def _continue_symbol(self, query: Query, symbol: str) -> Answer:
        found = await self._patterns.candidates(query.kb, [starts_with(symbol)])
        known = await self._knowledge.experiences(query.kb, [pattern.name for pattern in found])
        made = [
            predictions.single_symbol_prediction(symbol, pattern.events, pattern.name, experience)
            for pattern, experience in zip(found, known, strict=True)
        ]
        ranking = self._ranking if made and self._ranking in made[0] else "potential"
        return Answer(predictions.ranked(made, ranking, query.max_predictions), [])


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
            async with self._redis.pipeline(transaction=False) as pipe:
                for key, chance in fresh.items():
                    pipe.set(key, repr(chance), ex=self._TTL)
                pipe.sadd(self._INDEX, *fresh)
                await pipe.execute()
        return [found[key] if key in found else fresh[key] for key in keys]

    async def clear(self) -> None:
        keys = await self._redis.smembers(self._INDEX)
        if keys:
            await self._redis.unlink(self._INDEX, *keys)

    @classmethod
    def _key(cls, kb: str, present: list[str]) -> str:
        text = f"{kb}{sorted(set(present))}"
        return cls._PREFIX + hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def filters_of(config: Config, state: Sequence[str]) -> tuple[Filter, ...] | None:
    """A session's filter pipeline as conditions for the store; None lets nothing pass.

    As with KATO, a pipeline that does not begin in the database finds nothing, and the stages that only
    KATO's own process runs change nothing after one that does. Zero means a filter's default."""
    pipeline = config["filter_pipeline"]
    if not isinstance(pipeline, list) or not pipeline or len(state) < 2:
        return ()
    builders = {
        "length": lambda: length_filter(
            state, config["length_min_ratio"] or 0.5, config["length_max_ratio"] or 2.0
        ),
        "jaccard": lambda: jaccard_filter(
            state, config["jaccard_threshold"] or 0.3, config["jaccard_min_overlap"] or 2
        ),
        "minhash": lambda: minhash_filter(state, config["minhash_threshold"] or 0.7),
    }
    if pipeline[0] not in builders:
        return None
    return tuple(builders[stage]() for stage in dict.fromkeys(pipeline) if stage in builders)
