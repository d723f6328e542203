"""What the routes of one worker work with: the stores, and the operations on them."""

from __future__ import annotations

from dataclasses import dataclass, field

import httpx
from redis.asyncio import Redis

from bench.targets.embedded.kato.knowledge import Knowledge
from bench.targets.embedded.kato.locks import KeyedLocks
from bench.targets.embedded.kato.metrics import Page, WorkerMetrics
from bench.targets.embedded.kato.patterns import PatternStore
from bench.targets.embedded.kato.predictor import ChanceCache, Predictor
from bench.targets.embedded.kato.processor import Processor
from bench.targets.embedded.kato.sessions import SessionStore
from bench.targets.embedded.kato.settings import Settings
from bench.targets.embedded.kato.vectors import CollectionSettings, VectorStore


@dataclass(frozen=True)
class Services:
    """Workers share nothing of it: they meet in the stores only."""

    settings: Settings
    sessions: SessionStore
    processor: Processor
    metrics: WorkerMetrics
    metrics_page: Page
    locks: KeyedLocks = field(default_factory=KeyedLocks)
    """Of sessions, by id. They hold within this worker only: KATO has no locks across workers."""

    @classmethod
    def connected(
        cls, settings: Settings, metrics: WorkerMetrics, redis: Redis, http: httpx.AsyncClient
    ) -> Services:
        patterns = PatternStore(
            http,
            settings.clickhouse_url,
            settings.clickhouse_database,
            settings.clickhouse_user,
            settings.clickhouse_password,
        )
        vectors = VectorStore(
            http,
            settings.qdrant_url,
            settings.qdrant_api_key,
            CollectionSettings(
                settings.distance, settings.quantization, settings.hnsw_m, settings.hnsw_ef_construct
            ),
        )
        knowledge = Knowledge(redis, settings.persistence)
        cache = ChanceCache(redis)
        predictor = Predictor(patterns, knowledge, cache, settings.rank_sort_algo)
        return cls(
            settings=settings,
            sessions=SessionStore(redis, settings.session_auto_extend, settings.session_count_cache_ttl),
            processor=Processor(settings, patterns, vectors, knowledge, predictor, cache),
            metrics=metrics,
            metrics_page=Page(settings.metrics_cache_ttl),
        )
