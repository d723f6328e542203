"""Predictions with their I/O: candidates from the pattern store, metadata from Redis, one ranked answer."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from bench.targets.embedded.kato import matching, predictions
from bench.targets.embedded.kato.domain import Event, Pattern, SymbolCounts, Totals
from bench.targets.embedded.kato.filters import EVERYTHING, Pipeline, Stage, starts_with
from bench.targets.embedded.kato.knowledge import Knowledge
from bench.targets.embedded.kato.matching import Match, Similarity
from bench.targets.embedded.kato.memory import flatten
from bench.targets.embedded.kato.patterns import PatternStore
from bench.targets.embedded.kato.predictions import Ensemble, Prediction, Survivor

log = logging.getLogger("kato.predictor")

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
    pipeline: Pipeline | None = EVERYTHING
    """None lets nothing pass."""
    resemblance: float = 0.0
    """From which similarity on two symbols are taken for the same; 0 takes none so."""
    emotive: str | None = None
    """By whose affinity the weighted metrics count symbols."""


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
        candidates = await self._candidates(query, state)
        survivors = await self._survivors(query, state, candidates)
        if not survivors:
            return NOTHING
        kept = survivors[: 3 * query.max_predictions]
        totals = await self._knowledge.totals(query.kb)
        presents = [flatten(one.alignment.present) for one in kept]
        counts = await self._knowledge.symbol_counts(query.kb, {*state, *flatten(presents)})
        chances = await self._cache.chances(query.kb, presents, counts, totals)
        ensemble = Ensemble.of(survivors)
        tokens = [symbol for one in kept for symbol in one.match.tokens]
        weights = await self._weights(query, {*state, *tokens})
        made = []
        for index, (one, chance) in enumerate(zip(kept, chances, strict=True), start=1):
            made.append(predictions.prediction(state, one, ensemble, counts, totals, chance, weights))
            if index % _PATTERNS_PER_TURN == 0:
                await asyncio.sleep(0)
        best = predictions.ranked(made, self._ranking, query.max_predictions)
        return Answer(best, predictions.future_potentials(best))

    async def _candidates(self, query: Query, state: list[str]) -> Sequence[Pattern]:
        """What the pipeline leaves. Only its first stage reads patterns; later ones ask for them by name."""
        pipeline = query.pipeline
        if pipeline is None:
            return ()
        if not pipeline.stages:
            return await self._patterns.candidates(query.kb)
        first, *later = pipeline.stages
        found = await self._patterns.candidates(query.kb, [first.condition] if first.condition else [])
        _report(pipeline, first, found)
        for stage in later:
            found = await self._passing(stage, query, state, found)
            _report(pipeline, stage, found)
        return found

    async def _passing(
        self, stage: Stage, query: Query, state: list[str], found: list[Pattern]
    ) -> list[Pattern]:
        if stage.condition is not None:
            names = await self._patterns.narrowed(query.kb, [one.name for one in found], stage.condition)
            return [one for one in found if one.name in names]
        if stage.name == "rapidfuzz":  # the very similarity that decides afterwards, a second time
            passed = matching.matches(state, found, query.recall_threshold, query.similarity)
            return [one.pattern for one in passed]
        log.error("the filter %s failed; everything passes it", stage.name)
        return found

    async def _weights(self, query: Query, symbols: Collection[str]) -> Mapping[str, float] | None:
        if query.emotive is None:
            return None
        return await self._knowledge.affinity_weights(query.kb, symbols, query.emotive)

    async def _survivors(
        self, query: Query, state: list[str], candidates: Sequence[Pattern]
    ) -> list[Survivor]:
        """The most similar first, whatever order the store returns its rows in."""
        aligned = []
        for found in self._matches(query, state, candidates):
            for match in found:
                if alignment := matching.align(query.stm, match, query.resemblance):
                    aligned.append((match, alignment))
            await asyncio.sleep(0)
        names = [match.pattern.name for match, _ in aligned]
        known = await self._knowledge.experiences(query.kb, names)
        survivors = [
            Survivor(match, alignment, experience)
            for (match, alignment), experience in zip(aligned, known, strict=True)
        ]
        return sorted(survivors, key=lambda one: (-one.match.similarity, one.match.pattern.name))

    def _matches(
        self, query: Query, state: list[str], candidates: Sequence[Pattern]
    ) -> Iterator[list[Match]]:
        """Those of one turn at a time, after which other requests have theirs."""
        for start in range(0, len(candidates), _PATTERNS_PER_TURN):
            batch = candidates[start : start + _PATTERNS_PER_TURN]
            yield matching.matches(state, batch, query.recall_threshold, query.similarity)

    async def _continue_symbol(self, query: Query, symbol: str) -> Answer:
        found = await self._patterns.candidates(query.kb, [starts_with(symbol)])
        known = await self._knowledge.experiences(query.kb, [pattern.name for pattern in found])
        tokens = {token for pattern in found for token in flatten(pattern.events)}
        weights = await self._weights(query, tokens)
        made = [
            predictions.single_symbol_prediction(symbol, pattern.events, pattern.name, experience, weights)
            for pattern, experience in zip(found, known, strict=True)
        ]
        ranking = self._ranking if made and self._ranking in made[0] else "potential"
        return Answer(predictions.ranked(made, ranking, query.max_predictions), [])


def _report(pipeline: Pipeline, stage: Stage, left: Sequence[Pattern]) -> None:
    if pipeline.counts_logged:
        log.info("filter %s: %d candidates left", stage.name, len(left))
    if pipeline.warn_above is not None and len(left) > pipeline.warn_above:
        log.warning("filter %s leaves %d candidates, over %d", stage.name, len(left), pipeline.warn_above)


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
