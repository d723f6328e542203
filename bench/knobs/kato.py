"""KATO's environment variables: those that act, and those that are documented but change nothing."""

from __future__ import annotations

from bench.knobs.knob import Effect, Kind, Knob, Value

_SETTINGS = "KATO 3.10.1 settings.py"
_VECTORS = "KATO 3.10.1 vectordb_config.py"
_SEARCH = "KATO 3.10.1 pattern_search.py"
_NOT_HERE = "its reference API has no such setting; set it in a KATO of yours and measure with --target URL"
_BENCH = "kato-bench's reference API; KATO itself has no such bound"


def _env(
    name: str,
    kind: Kind = "string",
    shipped: Value | None = None,
    *,
    healthy: Value | None = None,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    unit: str | None = None,
    effect: Effect = "restart",
    wiring: bool = False,
    unsettable: str | None = None,
    source: str = _SETTINGS,
) -> Knob:
    return Knob(
        name=f"kato.{name}",
        system="kato",
        kind=kind,
        home="environment",
        spelled=name,
        aliases=(name,),
        shipped=shipped,
        healthy=healthy,
        low=low,
        high=high,
        choices=choices,
        unit=unit,
        effect=effect,
        wiring=wiring,
        unsettable=unsettable,
        source=source,
    )


def _dead(name: str, why: str) -> Knob:
    return Knob(
        name=f"kato.{name}",
        system="kato",
        kind="string",
        home="environment",
        spelled=name,
        aliases=(name,),
        acts=False,
        why=why,
        source="KATO 3.10.1, every module that the service imports",
    )


_RANKINGS = (
    "potential", "similarity", "evidence", "confidence", "snr", "fragmentation", "frequency",
    "normalized_entropy", "global_normalized_entropy", "predictive_information", "itfdf_similarity",
    "tfidf_score", "confluence", "bayesian_posterior", "bayesian_prior", "bayesian_likelihood",
    "weighted_similarity", "weighted_evidence", "weighted_confidence", "weighted_snr",
)  # fmt: skip

_LEARNING = (
    _env("MAX_PATTERN_LENGTH", "int", 0, low=0, unit="events"),
    _env("PERSISTENCE", "int", 5, low=1, high=100, unit="values"),
    _env("STM_MODE", "enum", "CLEAR", choices=("CLEAR", "ROLLING")),
    _env("SORT_SYMBOLS", "bool", True),
    _env("INDEXER_TYPE", "enum", "VI", choices=("VI",), unsettable=_NOT_HERE),
    _env("MINHASH_HASH_FUNC", "enum", "sha1", choices=("sha1", "xxhash"), effect="rebuild",
         unsettable=_NOT_HERE, source="KATO 3.10.1 clickhouse_writer.py"),
)  # fmt: skip

_PREDICTING = (
    _env("PROCESS_PREDICTIONS", "bool", True),
    _env("RECALL_THRESHOLD", "float", 0.1, low=0, high=1),
    _env("MAX_PREDICTIONS", "int", 100, low=1, high=10_000, unit="predictions"),
    _env("USE_TOKEN_MATCHING", "bool", True),
    _env("RANK_SORT_ALGO", "enum", "potential", choices=_RANKINGS),
    _env("KATO_USE_FAST_MATCHING", "bool", True, source=_SEARCH),
    _env("KATO_USE_INDEXING", "bool", True, source=_SEARCH),
    _env("KATO_BENCH_PREDICTION_TTL", "int", 0, healthy=3600, low=0, unit="s, 0 = for ever", source=_BENCH),
)

_SESSIONS = (
    _env("SESSION_TTL", "int", 3600, low=60, high=86_400, unit="s"),
    _env("SESSION_AUTO_EXTEND", "bool", True),
    _env("KATO_BENCH_STREAM_MAXLEN", "int", 0, healthy=10_000, low=0, unit="entries, 0 = no bound",
         source=_BENCH),
)  # fmt: skip

_VECTOR_STORE = (
    _env("KATO_SIMILARITY_METRIC", "enum", "euclidean", choices=("euclidean", "cosine", "dot", "manhattan"),
         effect="rebuild", source=_VECTORS),
    _env("KATO_QUANTIZATION_ENABLED", "bool", False, effect="rebuild", source=_VECTORS),
    _env("KATO_QUANTIZATION_TYPE", "enum", "scalar", choices=("scalar", "product", "binary"),
         effect="rebuild", source=_VECTORS),
)  # fmt: skip

_OPERATING = (
    _env("LOG_LEVEL", "enum", "INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")),
    _env("ENVIRONMENT", "string", "development", unsettable=_NOT_HERE),
    _env("METRICS_CACHE_TTL_SECONDS", "float", 5, low=0, unit="s", source="KATO 3.10.1 monitoring.py"),
    _env("SESSION_COUNT_CACHE_TTL_SECONDS", "float", 5, low=0, unit="s", source="KATO 3.10.1 sessions.py"),
)

_WIRING = tuple(
    _env(name, wiring=True)
    for name in (
        "REDIS_URL", "REDIS_ENABLED", "REDIS_HOST", "REDIS_PORT", "REDIS_TLS",
        "CLICKHOUSE_HOST", "CLICKHOUSE_PORT", "CLICKHOUSE_USER", "CLICKHOUSE_PASSWORD", "CLICKHOUSE_SECURE",
        "CLICKHOUSE_DB", "QDRANT_HOST", "QDRANT_PORT", "QDRANT_API_KEY", "QDRANT_HTTPS",
        "KATO_VECTOR_CONFIG_FILE", "KATO_CONFIG_FILE", "SERVICE_NAME",
    )
)  # fmt: skip

_REPORTED = "KATO only repeats it in GET /concurrency; the command line decides"
_UNUSED = "KATO reads it but nothing uses it"
_UNREAD = "KATO does not read it"

_DEAD = (
    *(_dead(name, _REPORTED) for name in (
        "UVICORN_WORKERS", "UVICORN_LIMIT_CONCURRENCY", "UVICORN_BACKLOG", "UVICORN_TIMEOUT_KEEP_ALIVE",
    )),
    *(_dead(name, _UNUSED) for name in (
        "CONNECTION_POOL_SIZE", "REQUEST_TIMEOUT", "FUZZY_TOKEN_THRESHOLD", "KATO_USE_BLOOM_FILTER",
        "KATO_USE_REDIS_CACHE", "AUTO_LEARN_ENABLED", "AUTO_LEARN_THRESHOLD", "LOG_FORMAT", "LOG_OUTPUT",
        "SERVICE_VERSION", "HOST", "PORT", "WORKERS", "CORS_ENABLED", "DOCS_ENABLED", "MAX_REQUEST_SIZE",
        "QDRANT_GRPC_PORT", "QDRANT_COLLECTION_PREFIX", "QDRANT_COLLECTION", "KATO_VECTOR_DIM",
        "KATO_VECTOR_DB_BACKEND", "KATO_CACHE_ENABLED", "KATO_ARCHITECTURE_MODE",
    )),
    _dead("CORS_ORIGINS", f"{_UNUSED}, and anything but a JSON list stops KATO from starting"),
    *(_dead(name, f"{_UNREAD}; {better} is the name that acts") for name, better in (
        ("KATO_USE_TOKEN_MATCHING", "USE_TOKEN_MATCHING"), ("SORT", "SORT_SYMBOLS"),
        ("GUNICORN_WORKERS", "KATO_WORKERS"),
    )),
    *(_dead(name, _UNREAD) for name in (
        "KATO_BATCH_SIZE", "KATO_VECTOR_BATCH_SIZE", "KATO_VECTOR_SEARCH_LIMIT", "KATO_FUZZY_TOKEN_THRESHOLD",
        "KATO_USE_OPTIMIZED", "AFFINITY_EMOTIVE", "KATO_STRICT_MODE", "PROCESSOR_ID", "PROCESSOR_NAME",
        "KATO_MANIFEST", "QDRANT_USE_GRPC", "REDIS_MAX_CONNECTIONS", "CLICKHOUSE_POOL_SIZE",
        "CLICKHOUSE_CLUSTER", "CLICKHOUSE_MAX_MEMORY_USAGE", "MIN_PATTERN_FREQUENCY",
        "MAX_PATTERN_LENGTH_MATCH", "LOG_VERBOSE", "LOG_SAMPLE_RATE", "API_KEYS", "CORS_CREDENTIALS",
        "CORS_METHODS", "CORS_HEADERS",
    )),
)  # fmt: skip

KNOBS = (*_LEARNING, *_PREDICTING, *_SESSIONS, *_VECTOR_STORE, *_OPERATING, *_WIRING, *_DEAD)

_DEAD_FAMILIES = (
    "KATO_GPU_", "MONGO_", "JWT_", "VECTORDB_", "RATE_LIMIT_", "AUTH_", "WEBSOCKET_", "PROMETHEUS_",
    "ENDPOINT_", "HEALTH_", "QDRANT_HNSW_",
)  # fmt: skip


def unlisted(name: str) -> Knob | None:
    """A member of the families of names that KATO's documents list and its service never imports."""
    bare = name.removeprefix("kato.")
    return _dead(bare, _UNREAD) if bare.startswith(_DEAD_FAMILIES) and bare.isidentifier() else None
