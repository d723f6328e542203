"""Names that KATO's documents, shipped files or older versions give, and that change nothing in KATO
3.10.1."""

from __future__ import annotations

from bench.knobs.knob import Kind, Knob, State

_SOURCE = "KATO 3.10.1, every module that the service imports"


def _dead(
    name: str,
    why: str,
    state: State = "unread",
    *,
    instead: str | None = None,
    kind: Kind = "string",
    low: float | None = None,
    high: float | None = None,
    crashes: str | None = None,
) -> Knob:
    return Knob(
        name=f"kato.{name}",
        system="kato",
        kind=kind,
        home="environment",
        spelled=name,
        aliases=(name,),
        low=low,
        high=high,
        state=state,
        why=why,
        instead=instead,
        crashes=crashes,
        influences="nothing",
        holds_for="KATO 3.10.1",
        source=_SOURCE,
    )


_REPORTED = "KATO only repeats it in GET /concurrency; the command line decides"
_UNUSED = "KATO reads it but nothing uses it"
_UNREAD = "KATO does not read it"
_MODULE = "KATO does not read it: the service does not import the module that would"

_REPEATED = (
    _dead("UVICORN_WORKERS", _REPORTED, "reported", instead="uvicorn.workers"),
    _dead("UVICORN_LIMIT_CONCURRENCY", _REPORTED, "reported", instead="uvicorn.limit_concurrency"),
    _dead("UVICORN_BACKLOG", _REPORTED, "reported", instead="uvicorn.backlog"),
    _dead("UVICORN_TIMEOUT_KEEP_ALIVE", _REPORTED, "reported", instead="uvicorn.timeout_keep_alive"),
)

_CHECKED = (
    _dead(
        "CONNECTION_POOL_SIZE", _UNUSED, "unused", kind="int", low=1, high=100, crashes="a value above 100"
    ),
    _dead("REQUEST_TIMEOUT", _UNUSED, "unused", kind="float", low=0, high=300, crashes="a value above 300"),
    _dead(
        "CORS_ORIGINS",
        f"{_UNUSED}, and anything but a JSON list stops KATO from starting",
        "unused",
        crashes="anything but a JSON list",
    ),
)

_ONLY_READ = tuple(
    _dead(name, _UNUSED, "unused")
    for name in (
        "FUZZY_TOKEN_THRESHOLD", "KATO_USE_BLOOM_FILTER", "KATO_USE_REDIS_CACHE", "AUTO_LEARN_ENABLED",
        "AUTO_LEARN_THRESHOLD", "LOG_FORMAT", "LOG_OUTPUT", "SERVICE_VERSION", "HOST", "PORT", "CORS_ENABLED",
        "DOCS_ENABLED", "MAX_REQUEST_SIZE", "QDRANT_GRPC_PORT", "QDRANT_COLLECTION_PREFIX",
        "QDRANT_COLLECTION", "KATO_VECTOR_DIM", "KATO_VECTOR_DB_BACKEND", "KATO_CACHE_ENABLED",
        "KATO_ARCHITECTURE_MODE",
    )
)  # fmt: skip

#: Wrong name -> (state, the spelling that acts, its canonical name).
_MISNAMED: dict[str, tuple[State, str, str]] = {
    "WORKERS": ("unused", "KATO_WORKERS", "uvicorn.workers"),
    "GUNICORN_WORKERS": ("unread", "KATO_WORKERS", "uvicorn.workers"),
    "KATO_USE_TOKEN_MATCHING": ("unread", "USE_TOKEN_MATCHING", "kato.USE_TOKEN_MATCHING"),
    "SORT": ("unread", "SORT_SYMBOLS", "kato.SORT_SYMBOLS"),
    "KATO_FUZZY_TOKEN_THRESHOLD": (
        "unread",
        "fuzzy_token_threshold of a session",
        "session.fuzzy_token_threshold",
    ),
    "AFFINITY_EMOTIVE": ("unread", "affinity_emotive of a session", "session.affinity_emotive"),
    "CLICKHOUSE_MAX_MEMORY_USAGE": (
        "unread",
        "max_memory_usage in ClickHouse's users.xml",
        "clickhouse.max_memory_usage",
    ),
    "QDRANT_HNSW_M": ("unread", "hnsw_config.m of each collection", "qdrant.hnsw.m"),
    "QDRANT_HNSW_EF_CONSTRUCT": (
        "unread",
        "hnsw_config.ef_construct of each collection",
        "qdrant.hnsw.ef_construct",
    ),
    "QDRANT_HNSW_EF": ("unread", "hnsw_config.ef_construct of each collection", "qdrant.hnsw.ef_construct"),
}

_MISNOMERS = tuple(
    _dead(name, f"{_UNUSED if state == 'unused' else _UNREAD}; {better} is the name that acts", state,
          instead=instead)
    for name, (state, better, instead) in _MISNAMED.items()
)  # fmt: skip

_NEVER_READ = tuple(
    _dead(name, _UNREAD)
    for name in (
        "KATO_BATCH_SIZE", "KATO_VECTOR_BATCH_SIZE", "KATO_VECTOR_SEARCH_LIMIT", "KATO_USE_OPTIMIZED",
        "KATO_STRICT_MODE", "PROCESSOR_ID", "PROCESSOR_NAME", "KATO_MANIFEST", "QDRANT_USE_GRPC",
        "REDIS_MAX_CONNECTIONS", "CLICKHOUSE_POOL_SIZE", "CLICKHOUSE_CLUSTER", "MIN_PATTERN_FREQUENCY",
        "MAX_PATTERN_LENGTH_MATCH", "LOG_VERBOSE", "LOG_SAMPLE_RATE", "API_KEY", "API_KEYS",
        "CORS_CREDENTIALS", "CORS_METHODS", "CORS_HEADERS",
    )
)  # fmt: skip

KNOBS = (*_REPEATED, *_CHECKED, *_ONLY_READ, *_MISNOMERS, *_NEVER_READ)

#: Of the families of names that documents list: KATO's service imports none of what would read them.
FAMILIES = (
    "KATO_GPU_", "MONGO_", "JWT_", "VECTORDB_", "RATE_LIMIT_", "AUTH_", "WEBSOCKET_", "PROMETHEUS_",
    "ENDPOINT_", "HEALTH_", "QDRANT_HNSW_",
)  # fmt: skip


def unlisted(name: str) -> Knob | None:
    """A member of the families of names that KATO's documents list and its service never imports."""
    bare = name.removeprefix("kato.")
    return _dead(bare, _MODULE) if bare.startswith(FAMILIES) and bare.isidentifier() else None
