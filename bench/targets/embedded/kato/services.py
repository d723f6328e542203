"""What the routes of one worker work with: the stores, and the operations on them."""

from __future__ import annotations

from dataclasses import dataclass, field

import httpx
from redis.asyncio import Redis

from bench.targets.embedded.kato.chances import ChanceCache
from bench.targets.embedded.kato.events import Broadcaster
from bench.targets.embedded.kato.faults import planting
from bench.targets.embedded.kato.knowledge import Knowledge
from bench.targets.embedded.kato.locks import KeyedLocks
from bench.targets.embedded.kato.metrics import Page, WorkerMetrics
from bench.targets.embedded.kato.patterns import PatternStore
from bench.targets.embedded.kato.probes import StoreProbes
from bench.targets.embedded.kato.processor import Processor
from bench.targets.embedded.kato.sessions import SessionStore
from bench.targets.embedded.kato.settings import Settings
from bench.targets.embedded.kato.streams import EventStreams
from bench.targets.embedded.kato.vectors import CollectionSettings, VectorStore


@dataclass(frozen=True)
class Services:
    """Workers share nothing of it: they meet in the stores only."""

    settings: Settings
    sessions: SessionStore
    processor: Processor
    patterns: PatternStore
    knowledge: Knowledge
    events: Broadcaster
    probes: StoreProbes
    metrics: WorkerMetrics
    metrics_page: Page
    locks: KeyedLocks = field(default_factory=KeyedLocks)
    """Of sessions, by id."""

    @classmethod
    def connected(
        cls, settings: Settings, metrics: WorkerMetrics, redis: Redis, http: httpx.AsyncClient
    ) -> Services:
        planted = settings.faults
        patterns = planting.pattern_store(planted, settings.use_indexing)(
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
            CollectionSettings(settings.distance, settings.quantization),
        )
        knowledge = Knowledge(redis, settings.persistence)
        cache = ChanceCache(redis)
        predictor = planting.predictor(planted)(patterns, knowledge, cache, settings.rank_sort_algo)
        streams = EventStreams(redis, settings.stream_maxlen)
        events = Broadcaster()
        return cls(
            settings=settings,
            sessions=planting.session_store(planted)(
                redis,
                settings.session_auto_extend,
                settings.session_count_cache_ttl,
                events.session_expired,
            ),
            processor=planting.processor(planted)(
                settings, patterns, vectors, knowledge, predictor, cache, streams
            ),
            patterns=patterns,
            knowledge=knowledge,
            events=events,
            probes=StoreProbes(metrics.started, redis.ping, patterns.ping),
            metrics=metrics,
            metrics_page=Page(settings.metrics_cache_ttl),
            locks=planting.session_locks(planted, settings.session_locks),
        )
