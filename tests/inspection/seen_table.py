"""What each check must find, and what is the same but for the fault."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from bench.inspection.seen import (
    ClickHouse,
    Collection,
    Kato,
    KeyFamily,
    NodeRows,
    Part,
    Qdrant,
    Redis,
    Seen,
    Setting,
    WorkerProcess,
    Workers,
)
from bench.knobs.knob import Value

GIB = 1 << 30
ALL_DEFECTS = frozenset({"deadlock", "lost-updates", "node-eviction", "session-pool"})


def seen(settings: dict[str, Value | Setting] | None = None, **more: Any) -> Seen:
    """`settings`: values that somebody has set in a file, or whole settings."""
    known = {
        name: value if isinstance(value, Setting) else Setting(name, value, set_by="file")
        for name, value in (settings or {}).items()
    }
    return Seen(settings=known, **more)


def env(**variables: Value) -> dict[str, Value | Setting]:
    return {
        f"kato.{name}": Setting(f"kato.{name}", value, set_by="environment")
        for name, value in variables.items()
    }


def default(name: str, value: Value | None) -> dict[str, Value | Setting]:
    return {name: Setting(name, value, set_by="default")}


def collection(
    points: int, dimension: int = 100, *, indexed: int = 0, status: str = "green", **config: Any
) -> Qdrant:
    held = {
        "hnsw_config.m": 16,
        "hnsw_config.ef_construct": 128,
        "hnsw_config.full_scan_threshold": 10_000,
        "optimizers_config.indexing_threshold": 10_000,
        "params.vectors.size": dimension,
        "params.vectors.distance": "Euclid",
        "quantization_config": None,
        **{name.replace("__", "."): value for name, value in config.items()},
    }
    one = Collection("vectors_a_kato", points, indexed, 4, status, held)
    return Qdrant(collections=(one,), number=1)


def nodes(rows: int, unique: int | None, kb: str = "a_kato", parts: int = 3) -> dict[str, Any]:
    return {
        "clickhouse": ClickHouse(nodes=(NodeRows(kb, rows, 700 * rows, parts),), number=1, has_table=True),
        "redis": Redis(unique_patterns={kb: unique}),
    }


def workers(expected: int, answering: int, state: Any = None, **more: Any) -> Workers:
    processes = None
    if state is not None:
        processes = (WorkerProcess(1, "idle", 0.1), WorkerProcess(2, state, 0.0))
    return Workers(expected, "command line", tuple([9.0] * answering), 320, processes=processes, **more)


def redis_on(address: str, *listens: str, open_: bool | None = True) -> dict[str, Any]:
    return {
        "parts": (Part("redis", "Redis", "7", address, True),),
        "redis": Redis(open=open_, listens=listens),
    }


@dataclass(frozen=True)
class Case:
    """`faulty` makes the check `id` find something about `knobs`, `sound` keeps it silent."""

    id: str
    faulty: Seen
    sound: Seen
    severity: str
    knobs: tuple[str, ...] = ()
    says: tuple[str, ...] = field(default=())


_LRU = {"redis.maxmemory": 8 * GIB, "redis.maxmemory-policy": "allkeys-lru"}
_SAFE = {"redis.maxmemory": 8 * GIB, "redis.maxmemory-policy": "noeviction"}
_MEMORY_ONLY = {"redis.appendonly": "no", "redis.save": ""}
_ON_DISK = {"redis.appendonly": "yes", "redis.save": ""}

CASES = (
    Case(
        "redis.may-evict-patterns",
        seen(_LRU),
        seen(_SAFE),
        "critical",
        ("redis.maxmemory-policy",),
        ("8 GiB", "allkeys-lru"),
    ),
    Case(
        "redis.may-evict-patterns",
        seen(_LRU),
        seen({**_LRU, "redis.maxmemory": 0}),
        "critical",
        ("redis.maxmemory-policy",),
    ),
    Case(
        "redis.keys-evicted",
        seen(_LRU, redis=Redis(info={"evicted_keys": 12_345})),
        seen(_LRU, redis=Redis(info={"evicted_keys": 0})),
        "critical",
        ("redis.maxmemory",),
        ("12 345",),
    ),
    Case(
        "redis.keys-evicted",
        seen({"redis.maxmemory-policy": "volatile-lru"}, redis=Redis(info={"evicted_keys": 3})),
        seen(),
        "warning",
        ("redis.maxmemory",),
        ("sessions",),
    ),
    Case("redis.not-persistent", seen(_MEMORY_ONLY), seen(_ON_DISK), "critical", ("redis.appendonly",)),
    Case(
        "redis.not-persistent",
        seen(_MEMORY_ONLY),
        seen({"redis.appendonly": "no", "redis.save": "900 1"}),
        "critical",
        ("redis.save",),
    ),
    Case("redis.not-persistent", seen(_MEMORY_ONLY), seen({"redis.appendonly": "no"}), "critical"),
    Case(
        "redis.writing-failed",
        seen(_ON_DISK, redis=Redis(info={"aof_last_write_status": "err"})),
        seen(_ON_DISK, redis=Redis(info={"aof_last_write_status": "ok"})),
        "critical",
        ("redis.appendonly",),
        ("The latest append",),
    ),
    Case(
        "redis.writing-failed",
        seen(_ON_DISK, redis=Redis(info={"rdb_last_bgsave_status": "err"})),
        seen(_MEMORY_ONLY, redis=Redis(info={"rdb_last_bgsave_status": "err"})),
        "critical",
    ),
    Case(
        "redis.full",
        seen(_SAFE, redis=Redis(info={"used_memory": 7.5 * GIB})),
        seen(_SAFE, redis=Redis(info={"used_memory": 7 * GIB})),
        "warning",
        ("redis.maxmemory",),
        ("KATO answers 500",),
    ),
    Case(
        "redis.container-limit",
        seen({**_SAFE, **_ON_DISK, "container.redis.memory": 8 * GIB}),
        seen({**_SAFE, **_ON_DISK, "container.redis.memory": 16 * GIB}),
        "warning",
        ("redis.maxmemory", "container.redis.memory"),
        ("twice maxmemory",),
    ),
    Case(
        "redis.container-limit",
        seen({**_SAFE, **_MEMORY_ONLY}, redis=Redis(container_limit=4 * GIB)),
        seen({**_SAFE, **_MEMORY_ONLY}, redis=Redis(container_limit=None)),
        "critical",
        ("redis.maxmemory",),
        ("4 GiB", "all of it is lost"),
    ),
    Case(
        "redis.container-limit",
        seen({"redis.maxmemory": 0, "container.redis.memory": GIB}),
        seen({"redis.maxmemory": GIB >> 1, "container.redis.memory": GIB}),
        "warning",
        ("redis.maxmemory",),
        ("no maxmemory",),
    ),
    Case(
        "redis.maxmemory-beyond-memory",
        seen(_SAFE, redis=Redis(info={"total_system_memory": 4 * GIB})),
        seen(_SAFE, redis=Redis(info={"total_system_memory": 24 * GIB})),
        "warning",
        ("redis.maxmemory",),
    ),
    Case(
        "redis.maxmemory-beyond-memory",
        seen(_SAFE, redis=Redis(info={"total_system_memory": 4 * GIB})),
        seen(
            {**_SAFE, "container.redis.memory": 4 * GIB}, redis=Redis(info={"total_system_memory": 4 * GIB})
        ),
        "warning",
    ),
    Case("redis.no-maxmemory", seen({"redis.maxmemory": 0}), seen(_SAFE), "advice", ("redis.maxmemory",)),
    Case(
        "redis.maxclients",
        seen({"redis.maxclients": 60}, workers=workers(1, 1)),
        seen({"redis.maxclients": 111}, workers=workers(1, 1)),
        "warning",
        ("redis.maxclients", "uvicorn.workers"),
        ("111", "60"),
    ),
    Case(
        "redis.maxclients",
        seen({"redis.maxclients": 400}, workers=workers(4, 4)),
        seen({"redis.maxclients": 400}, workers=Workers()),
        "warning",
        ("redis.maxclients",),
        ("444",),
    ),
    Case(
        "redis.not-as-stored",
        seen({"redis.maxmemory": Setting("redis.maxmemory", GIB, set_by="runtime", stored=8 * GIB)}),
        seen({"redis.maxmemory": Setting("redis.maxmemory", GIB, set_by="file")}),
        "warning",
        ("redis.maxmemory",),
        ("1 GiB", "8 GiB"),
    ),
    Case(
        "redis.not-as-stored",
        seen({"redis.hz": Setting("redis.hz", 20, set_by="runtime", stored=10, why="by CONFIG SET or …")}),
        seen({"redis.hz": Setting("redis.hz", 20, set_by="command line")}),
        "advice",
        ("redis.hz",),
    ),
    Case(
        "redis.endless-predictions",
        seen(redis=Redis(keys=1000, drawn=100, families={"prediction": KeyFamily(0.25, 1.0, 122_000)})),
        seen(redis=Redis(keys=1000, drawn=100, families={"prediction": KeyFamily(0.25, 0.0, 122_000)})),
        "warning",
        ("kato.PROCESS_PREDICTIONS",),
        ("about 250 of 1 000",),
    ),
    Case(
        "redis.stream-grows",
        seen(redis=Redis(stream_entries=2_000_000, stream_bytes=GIB)),
        seen(redis=Redis(stream_entries=10_100)),
        "warning",
        (),
        ("2 000 000", "1 GiB"),
    ),
    Case(
        "kato.dead",
        seen(env(CONNECTION_POOL_SIZE=50, LOG_FORMAT="json")),
        seen(env(LOG_LEVEL="INFO")),
        "advice",
        ("kato.CONNECTION_POOL_SIZE", "kato.LOG_FORMAT"),
        ("CONNECTION_POOL_SIZE, LOG_FORMAT",),
    ),
    Case(
        "kato.wrong-name",
        seen(env(KATO_BATCH_SIZE="10000", KATO_USE_TOKEN_MATCHING="true")),
        seen(env(USE_TOKEN_MATCHING=True)),
        "advice",
        ("kato.KATO_BATCH_SIZE", "kato.KATO_USE_TOKEN_MATCHING"),
        ("what acts is USE_TOKEN_MATCHING",),
    ),
    Case(
        "kato.wrong-name",
        seen(env(MONGO_BASE_URL="x")),
        seen(default("kato.KATO_BATCH_SIZE", "1")),
        "advice",
        ("kato.MONGO_BASE_URL",),
    ),
    Case(
        "kato.reported-otherwise",
        seen({**env(UVICORN_WORKERS="4"), "uvicorn.workers": 2}),
        seen({**env(UVICORN_WORKERS="2"), "uvicorn.workers": 2}),
        "advice",
        ("kato.UVICORN_WORKERS", "uvicorn.workers"),
    ),
    Case(
        "kato.crashes",
        seen(env(CORS_ORIGINS="http://a,http://b")),
        seen(env(CORS_ORIGINS='["http://a"]')),
        "critical",
        ("kato.CORS_ORIGINS",),
        ("anything but a JSON list",),
    ),
    Case(
        "kato.crashes",
        seen(env(CONNECTION_POOL_SIZE=200)),
        seen(env(CONNECTION_POOL_SIZE=100)),
        "critical",
        ("kato.CONNECTION_POOL_SIZE",),
        ("above 100",),
    ),
    Case(
        "kato.crashes",
        seen(env(LOG_LEVEL="info")),
        seen(env(LOG_LEVEL="WARNING")),
        "critical",
        ("kato.LOG_LEVEL",),
        ("one of DEBUG",),
    ),
    Case(
        "kato.crashes",
        seen(env(SESSION_TTL=5)),
        seen(env(SESSION_TTL=60)),
        "critical",
        ("kato.SESSION_TTL",),
        ("from 60",),
    ),
    Case(
        "kato.dangerous-value",
        seen(env(CLICKHOUSE_DB="kato_production")),
        seen(env(CLICKHOUSE_DB="kato")),
        "critical",
        ("kato.CLICKHOUSE_DB",),
    ),
    Case(
        "kato.dangerous-value",
        seen(env(CLICKHOUSE_PORT=9000)),
        seen(env(CLICKHOUSE_PORT=8123)),
        "critical",
        ("kato.CLICKHOUSE_PORT",),
        ("HTTP",),
    ),
    Case(
        "kato.dangerous-value",
        seen(env(QDRANT_PORT=6334)),
        seen(env(QDRANT_PORT=6333)),
        "critical",
        ("kato.QDRANT_PORT",),
    ),
    Case(
        "kato.dangerous-value",
        seen(env(INDEXER_TYPE="LSH")),
        seen(default("kato.INDEXER_TYPE", "VI")),
        "critical",
        ("kato.INDEXER_TYPE",),
    ),
    Case(
        "kato.dangerous-value",
        seen(default("kato.REDIS_ENABLED", False)),
        seen(env(REDIS_ENABLED=True)),
        "critical",
        ("kato.REDIS_ENABLED",),
        ("its default",),
    ),
    Case(
        "kato.dangerous-value",
        seen(env(REDIS_PERSISTENCE="false")),
        seen(env(REDIS_PERSISTENCE="true")),
        "critical",
        ("kato.REDIS_PERSISTENCE",),
    ),
    Case(
        "kato.redis-url",
        seen(env(REDIS_URL="redis-sentinel://a:1")),
        seen(env(REDIS_URL="redis://a:1")),
        "critical",
        ("kato.REDIS_URL",),
        ("redis-sentinel",),
    ),
    Case(
        "kato.redis-url",
        seen(default("kato.REDIS_URL", None), workers=workers(2, 2)),
        seen({"kato.REDIS_URL": Setting("kato.REDIS_URL", why="not seen")}),
        "critical",
        ("kato.REDIS_URL",),
    ),
    Case(
        "workers.dead",
        seen(workers=workers(2, 1, "waits for a lock")),
        seen(workers=workers(2, 1, "idle")),
        "critical",
        ("uvicorn.workers",),
        ("process 2",),
    ),
    Case(
        "workers.dead",
        seen(workers=workers(2, 1, "stopped")),
        seen(workers=workers(2, 2, "stopped")),
        "critical",
        ("uvicorn.workers",),
    ),
    Case(
        "workers.dead",
        seen(workers=workers(4, 3)),
        seen(workers=workers(4, 3, refused=1)),
        "critical",
        ("uvicorn.workers",),
        ("320 fresh connections met 3 of 4",),
    ),
    Case(
        "workers.dead",
        seen(workers=workers(4, 3)),
        seen(workers=replace(workers(4, 3), polls=24)),
        "critical",
        ("uvicorn.workers",),
    ),
    Case("workers.silent", seen(workers=workers(2, 2, silent=3)), seen(workers=workers(2, 2)), "info"),
    Case(
        "workers.more-than-cores",
        seen({"uvicorn.workers": 4}, kato=Kato(cores=2)),
        seen({"uvicorn.workers": 2}, kato=Kato(cores=2)),
        "advice",
        ("uvicorn.workers",),
    ),
    Case(
        "workers.more-than-cores",
        seen({"uvicorn.workers": 4, "container.kato.cpus": 2.0}, kato=Kato(cores=8)),
        seen({"uvicorn.workers": 4}, kato=Kato(cores=8)),
        "warning",
        ("uvicorn.workers", "container.kato.cpus"),
        ("throttled",),
    ),
    Case(
        "workers.memory",
        seen({"uvicorn.workers": 4, "container.kato.memory": 900 << 20}),
        seen({"uvicorn.workers": 4, "container.kato.memory": 2 * GIB}),
        "critical",
        ("uvicorn.workers", "container.kato.memory"),
    ),
    Case(
        "kato.limit-above-session-pool",
        seen({"uvicorn.limit_concurrency": 100}),
        seen({"uvicorn.limit_concurrency": 50}),
        "warning",
        ("uvicorn.limit_concurrency",),
        ("50 connections",),
    ),
    Case(
        "kato.limit-above-session-pool",
        seen(default("uvicorn.limit_concurrency", None)),
        seen({"uvicorn.limit_concurrency": Setting("uvicorn.limit_concurrency", why="not seen")}),
        "warning",
        ("uvicorn.limit_concurrency",),
        ("any number",),
    ),
    Case(
        "kato.locks-per-process",
        seen({"uvicorn.workers": 2}, kato=Kato(defects=ALL_DEFECTS)),
        seen({"uvicorn.workers": 1}, kato=Kato(defects=ALL_DEFECTS)),
        "warning",
        ("uvicorn.workers",),
    ),
    Case(
        "kato.locks-per-process",
        seen({"uvicorn.workers": 2}, kato=Kato(defects=ALL_DEFECTS)),
        seen({"uvicorn.workers": 2}),
        "warning",
    ),
    Case(
        "kato.predicts-at-observe",
        seen(default("kato.PROCESS_PREDICTIONS", True), kato=Kato(defects=ALL_DEFECTS)),
        seen(env(PROCESS_PREDICTIONS=False), kato=Kato(defects=ALL_DEFECTS)),
        "warning",
        ("kato.PROCESS_PREDICTIONS",),
    ),
    Case(
        "kato.nodes-near-limit",
        seen(kato=Kato(defects=ALL_DEFECTS, nodes_loaded=95)),
        seen(kato=Kato(defects=ALL_DEFECTS, nodes_loaded=80)),
        "critical",
        (),
        ("95 nodes loaded",),
    ),
    Case(
        "kato.nodes-near-limit",
        seen(kato=Kato(defects=ALL_DEFECTS), qdrant=Qdrant(number=140)),
        seen(kato=Kato(), qdrant=Qdrant(number=140)),
        "critical",
        (),
        ("140 nodes have vectors",),
    ),
    Case(
        "data.metadata-lost",
        seen(**nodes(250_850, None)),
        seen(**nodes(250_850, 250_850)),
        "critical",
        ("redis.appendonly",),
        ("250 850",),
    ),
    Case(
        "data.duplicates",
        seen(**nodes(541, 441)),
        seen(**nodes(450, 441)),
        "warning",
        ("redis.maxmemory-policy",),
        ("by 100",),
    ),
    Case(
        "data.rows-missing",
        seen(**nodes(400, 500)),
        seen(**nodes(490, 500)),
        "critical",
        ("clickhouse.insert.wait_for_async_insert",),
        ("by 100",),
    ),
    Case(
        "kato.other-service-name",
        seen(kato=Kato(service_name="kato_new"), **nodes(9, 9)),
        seen(kato=Kato(service_name="kato"), **nodes(9, 9)),
        "critical",
        ("kato.SERVICE_NAME",),
        ("kato_new",),
    ),
    Case(
        "kato.metric-of-old-collections",
        seen(env(KATO_SIMILARITY_METRIC="cosine"), qdrant=collection(9)),
        seen(env(KATO_SIMILARITY_METRIC="euclidean"), qdrant=collection(9)),
        "warning",
        ("kato.KATO_SIMILARITY_METRIC",),
        ("Euclid",),
    ),
    Case(
        "kato.quantisation-of-old-collections",
        seen(env(KATO_QUANTIZATION_ENABLED=True), qdrant=collection(9)),
        seen(env(KATO_QUANTIZATION_ENABLED=True), qdrant=collection(9, quantization_config="scalar")),
        "advice",
        ("kato.KATO_QUANTIZATION_ENABLED",),
    ),
    Case(
        "security.password-in-status",
        seen(kato=Kato(password_shown=True)),
        seen(kato=Kato(password_shown=False)),
        "critical",
        ("kato.REDIS_URL",),
    ),
    Case(
        "security.open-store",
        seen(**redis_on("10.0.0.5:6379")),
        seen(**redis_on("127.0.0.1:6379")),
        "critical",
        ("redis.requirepass",),
        ("10.0.0.5",),
    ),
    Case(
        "security.open-store",
        seen(**redis_on("127.0.0.1:6379", "0.0.0.0")),
        seen(**redis_on("127.0.0.1:6379", "127.0.0.1", "::1")),
        "critical",
        ("redis.requirepass",),
        ("listens at 0.0.0.0",),
    ),
    Case(
        "security.open-store",
        seen(**redis_on("redis://cache:6379")),
        seen(**redis_on("redis://cache:6379", open_=False)),
        "critical",
        ("redis.requirepass",),
    ),
    Case(
        "qdrant.graph-unused",
        seen(qdrant=collection(500, hnsw_config__m=64)),
        seen(qdrant=collection(500)),
        "advice",
        ("qdrant.hnsw.m", "qdrant.optimizers.indexing_threshold"),
        ("500 vectors",),
    ),
    Case(
        "qdrant.graph-unused",
        seen(qdrant=collection(500, hnsw_config__ef_construct=512)),
        seen(qdrant=collection(500, indexed=500, hnsw_config__ef_construct=512)),
        "advice",
        ("qdrant.hnsw.ef_construct",),
    ),
    Case(
        "qdrant.graph-unused",
        seen(qdrant=collection(500, hnsw_config__m=64)),
        seen(qdrant=collection(500, hnsw_config__m=64, status="yellow")),
        "advice",
    ),
    Case(
        "qdrant.searched-in-full",
        seen(qdrant=collection(200_000, optimizers_config__indexing_threshold=0)),
        seen(qdrant=collection(200_000, indexed=200_000)),
        "warning",
        ("qdrant.optimizers.indexing_threshold",),
        ("200 000 vectors", "builds none"),
    ),
    Case(
        "qdrant.searched-in-full",
        seen(qdrant=collection(200_000)),
        seen(qdrant=collection(60_000)),
        "warning",
    ),
    Case(
        "qdrant.graph-passed-over",
        seen(qdrant=collection(200_000, indexed=200_000, hnsw_config__full_scan_threshold=10**6)),
        seen(qdrant=collection(200_000, indexed=200_000)),
        "warning",
        ("qdrant.hnsw.full_scan_threshold",),
    ),
    Case("qdrant.not-well", seen(qdrant=collection(9, status="red")), seen(qdrant=collection(9)), "critical"),
    Case(
        "qdrant.not-well",
        seen(qdrant=collection(9, status="grey")),
        seen(qdrant=collection(9, status="yellow")),
        "warning",
    ),
    Case(
        "clickhouse.no-table",
        seen(clickhouse=ClickHouse(has_table=False)),
        seen(clickhouse=ClickHouse(has_table=True)),
        "critical",
        ("kato.CLICKHOUSE_DB",),
        ("init.sql",),
    ),
    Case(
        "clickhouse.query-above-limit",
        seen({"clickhouse.max_memory_usage": 10_000_000_000, "container.clickhouse.memory": 8 * GIB}),
        seen({"clickhouse.max_memory_usage": 5_000_000_000, "container.clickhouse.memory": 8 * GIB}),
        "warning",
        ("clickhouse.max_memory_usage", "container.clickhouse.memory"),
    ),
    Case(
        "clickhouse.query-above-limit",
        seen({"clickhouse.max_memory_usage": 10**10, "clickhouse.server.max_server_memory_usage": 7 * GIB}),
        seen({"clickhouse.max_memory_usage": 10**10, "clickhouse.server.max_server_memory_usage": 0}),
        "warning",
        ("clickhouse.max_memory_usage",),
    ),
    Case(
        "clickhouse.parts-pile-up",
        seen(**nodes(9, 9, parts=400)),
        seen(**nodes(9, 9, parts=40)),
        "warning",
        ("clickhouse.table.parts_to_delay_insert",),
        ("400 active parts", "at 1 000"),
    ),
    Case(
        "clickhouse.parts-pile-up",
        seen({"clickhouse.table.parts_to_delay_insert": 350}, **nodes(9, 9, parts=400)),
        seen(),
        "critical",
    ),
    Case(
        "clickhouse.readonly",
        seen({"clickhouse.readonly": 1}),
        seen({"clickhouse.readonly": 0}),
        "critical",
        ("clickhouse.readonly",),
    ),
)
