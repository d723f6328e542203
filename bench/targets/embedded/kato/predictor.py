"""Predictions with their I/O: candidates from the pattern store, metadata from Redis, one ranked answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.targets.embedded.kato import matching, predictions
from bench.targets.embedded.kato.chances import ChanceCache
from bench.targets.embedded.kato.domain import Event, Pattern
from bench.targets.embedded.kato.filters import EVERYTHING, Filter, Pipeline, Stage, starts_with
from bench.targets.embedded.kato.knowledge import Knowledge
from bench.targets.embedded.kato.matching import Match, Similarity
from bench.targets.embedded.kato.memory import flatten
from bench.targets.embedded.kato.patterns import FAILURES, PatternStore
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
            return await self._read(query.kb, [])
        first, *later = pipeline.stages
        found = await self._read(query.kb, [first.condition] if first.condition else [])
        _report(pipeline, first, found)
        for stage in later:
            found = await self._passing(stage, query, state, found)
            _report(pipeline, stage, found)
        return found

    async def _read(self, kb: str, filters: Sequence[Filter]) -> list[Pattern]:
        """As with KATO, a store that fails counts as one without patterns: 200, and nothing predicted."""
        try:
            return await self._patterns.candidates(kb, filters)
        except FAILURES as error:
            log.error("the patterns of %s could not be read: %r", kb, error)
            return []

    async def _passing(
        self, stage: Stage, query: Query, state: list[str], found: list[Pattern]
    ) -> list[Pattern]:
        if stage.condition is not None:
            names = [one.name for one in found]
            try:
                passed = await self._patterns.narrowed(query.kb, names, stage.condition)
            except FAILURES as error:
                log.error("the filter %s failed; everything passes it: %r", stage.name, error)
                return found
            return [one for one in found if one.name in passed]
        if stage.name == "rapidfuzz":  # the very similarity that decides afterwards, a second time
            similar = matching.matches(state, found, query.recall_threshold, query.similarity)
            return [one.pattern for one in similar]
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
