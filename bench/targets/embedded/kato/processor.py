"""Observing and learning: what changes in a session, and what is written to the stores on the way."""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from bench.targets.embedded.kato import codec, matching, memory, naming, predictions
from bench.targets.embedded.kato.chances import ChanceCache
from bench.targets.embedded.kato.domain import Pattern, Session
from bench.targets.embedded.kato.filters import EVERYTHING, pipeline_of
from bench.targets.embedded.kato.index import NodeIndex
from bench.targets.embedded.kato.knowledge import Knowledge
from bench.targets.embedded.kato.matching import Similarity
from bench.targets.embedded.kato.memory import flatten
from bench.targets.embedded.kato.models import ObservationData
from bench.targets.embedded.kato.nodes import NodeRegistry
from bench.targets.embedded.kato.patterns import PatternStore
from bench.targets.embedded.kato.predictor import Answer, Predictor, Query
from bench.targets.embedded.kato.settings import Settings
from bench.targets.embedded.kato.streams import EventStreams
from bench.targets.embedded.kato.vectors import VectorStore

log = logging.getLogger("kato.processor")


@dataclass(frozen=True)
class Observed:
    """What came of one observation; `commands` are the Redis commands to send with the session's save."""

    auto_learned: str | None
    commands: list[tuple[Any, ...]]


class Processor:
    """The operations on a node. The caller holds the session's lock, and saves the session afterwards."""

    def __init__(
        self,
        settings: Settings,
        patterns: PatternStore,
        vectors: VectorStore,
        knowledge: Knowledge,
        predictor: Predictor,
        cache: ChanceCache,
        streams: EventStreams,
    ) -> None:
        self._settings = settings
        self._patterns = patterns
        self._vectors = vectors
        self._knowledge = knowledge
        self._predictor = predictor
        self._cache = cache
        self._indexes: defaultdict[str, NodeIndex] = defaultdict(NodeIndex)
        self.streams = streams
        self.nodes = NodeRegistry()

    def kb_of(self, node_id: str) -> str:
        """The node's knowledge base. Raises RuntimeError where KATO could not make its processor."""
        if not self._settings.redis_enabled:
            raise RuntimeError("REDIS_ENABLED is not true: no node can be served")
        kb = naming.kb_id(node_id, self._settings.service_name)
        self.nodes.touch(kb, node_id)
        return kb

    async def observe(self, session: Session, data: ObservationData, unique_id: str) -> Observed:
        """Raises ValueError if the vectors of the event differ in dimension."""
        kb = self.kb_of(session.node_id)
        event = memory.event_of(
            data.strings, await self._vector_symbols(kb, session, data.vectors), self._settings.sort_symbols
        )
        memory.observe(session, event, data.vectors, data.emotives, data.metadata)
        log.info("%s observed %s", session.session_id, event)
        await self.streams.open(kb)
        commands = self.streams.append(kb, event, data.vectors)
        if event and session.config["process_predictions"]:
            await self._predict_at_observation(kb, session, unique_id)
        auto_learned = None
        if memory.auto_learn_due(session):
            window = session.stm
            auto_learned = await self.learn(session) or None
            memory.after_auto_learn(session, window)
        return Observed(auto_learned, commands)

    async def learn(self, session: Session) -> str:
        """Makes the STM a pattern and empties it. Returns the prefixed name, or "" if the STM holds fewer
        than two symbols. Raises patterns.FAILURES if it could not be stored."""
        kb = self.kb_of(session.node_id)
        pattern = Pattern(naming.pattern_name(session.stm), session.stm)
        name = ""
        if len(flatten(pattern.events)) > 1:
            await self._vectors.learn(kb, session.vectors)
            await self._store(kb, pattern, session)
            await self._cache.clear()
            name = naming.PATTERN_PREFIX + pattern.name
        session.stm = []
        session.vectors = {}
        log.info("%s learned %s", session.session_id, name)
        return name

    async def predict(self, session: Session) -> Answer:
        """What `GET predictions` answers: by the session's own options."""
        config, state = session.config, flatten(session.stm)
        resemblance, emotive = config.get("fuzzy_token_threshold"), config.get("affinity_emotive")
        return await self._predictor.predict(
            Query(
                kb=self.kb_of(session.node_id),
                stm=session.stm,
                recall_threshold=config["recall_threshold"],
                max_predictions=config["max_predictions"],
                similarity=self._similarity(config["use_token_matching"]),
                pipeline=pipeline_of(config, state, session.filter_metrics) if len(state) > 1 else EVERYTHING,
                resemblance=float(resemblance) if isinstance(resemblance, int | float) else 0.0,
                emotive=emotive if codec.is_text(emotive) else None,
            )
        )

    async def finalize(self, node_id: str) -> int:
        """Stores the entropies and term frequencies of each pattern of the node; returns their number."""
        kb = self.kb_of(node_id)
        await self._patterns.flush()
        patterns = await self._patterns.candidates(kb)
        totals = await self._knowledge.totals(kb)
        counts = await self._knowledge.vocabulary(kb)
        tokens = {pattern.name: flatten(pattern.events) for pattern in patterns}
        await self._knowledge.store_precomputed(
            kb,
            {
                name: {
                    "entropy": predictions.entropy(symbols),
                    "normalized_entropy": predictions.normalized_entropy(symbols, totals),
                    "global_normalized_entropy": predictions.global_normalized_entropy(
                        symbols, counts, totals
                    ),
                    "tf_vector": predictions.term_frequencies(symbols),
                }
                for name, symbols in tokens.items()
            },
        )
        return len(tokens)

    async def forget_node(self, node_id: str) -> None:
        """Drops the node's patterns and metadata; its vectors stay, as with KATO."""
        kb = self.kb_of(node_id)
        await self._patterns.drop(kb)
        await self._knowledge.forget(kb)
        await self._cache.clear()
        self._indexes.pop(kb, None)

    def _similarity(self, by_token: bool) -> Similarity:
        if not self._settings.use_fast_matching:
            return matching.block_similarity
        return matching.token_similarity if by_token else matching.text_similarity

    async def _vector_symbols(self, kb: str, session: Session, vectors: list[list[float]]) -> set[str]:
        if not vectors:
            return set()
        symbol, total = naming.sum_vectors(vectors)
        session.vectors[symbol] = total
        return {symbol, *await self._vectors.neighbours(kb, total)}

    async def _predict_at_observation(self, kb: str, session: Session, unique_id: str) -> None:
        settings = self._settings
        answer = await self._predictor.predict(
            Query(
                kb=kb,
                stm=session.stm,
                recall_threshold=settings.recall_threshold,
                max_predictions=settings.max_predictions,
                similarity=self._similarity(settings.use_token_matching),
            )
        )
        session.predictions = answer.predictions
        await self._knowledge.store_predictions(kb, unique_id, answer.predictions, settings.prediction_ttl)

    async def _store(self, kb: str, pattern: Pattern, session: Session) -> None:
        if not await self._knowledge.claim(kb, pattern.name):
            await self._knowledge.record_known(kb, pattern, session.emotives, session.observed_metadata)
            return
        try:
            await self._patterns.add(kb, pattern)
        except Exception:
            await self._knowledge.withdraw(kb, pattern.name)
            raise
        await self._knowledge.record_new(kb, pattern, session.emotives, session.observed_metadata)
        if self._settings.use_indexing:
            self._indexes[kb].add(pattern.name, flatten(pattern.events))
