"""KATO's environment variables that act, and the files they name; those that do not act are in
`kato_dead`."""

from __future__ import annotations

from bench.knobs.knob import Danger, Effect, Home, Kind, Knob, Value

_SETTINGS = "KATO 3.10.1 settings.py"
_VECTORS = "KATO 3.10.1 vectordb_config.py"
_SEARCH = "KATO 3.10.1 pattern_search.py"
_COMPOSE = "KATO 3.10.1 docker-compose.yml"
_HOLDS_FOR = "KATO 3.10.1"
_NOT_HERE = "its reference API has no such setting; set it in a KATO of yours and measure with --target URL"
_BENCH = "kato-bench's reference API; KATO itself has no such bound"


def _env(
    name: str,
    kind: Kind,
    shipped: Value | None,
    influences: str,
    *,
    healthy: Value | None = None,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    unit: str | None = None,
    effect: Effect = "restart",
    crashes: bool | None = None,
    dangers: tuple[Danger, ...] = (),
    unsettable: str | None = None,
    holds_for: str = _HOLDS_FOR,
    source: str = _SETTINGS,
) -> Knob:
    """`crashes`: whether KATO does not start with a value outside the legal range; None: as its typed
    settings do, which are those with a range and the switches."""
    typed = source == _SETTINGS and (kind == "bool" or low is not None or high is not None)
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
        crashes="any other value" if (typed if crashes is None else crashes) else None,
        dangers=dangers,
        unsettable=unsettable,
        influences=influences,
        holds_for=holds_for,
        source=source,
    )


def _wiring(
    name: str,
    shipped: Value | None,
    influences: str,
    *,
    kind: Kind = "string",
    dangers: tuple[Danger, ...] = (),
    source: str = _SETTINGS,
    home: Home = "environment",
) -> Knob:
    return Knob(
        name=f"kato.{name}",
        system="kato",
        kind=kind,
        home=home,
        spelled=name,
        aliases=(name,),
        own=shipped,
        dangers=dangers,
        wiring=True,
        influences=influences,
        holds_for=_HOLDS_FOR,
        source=source,
    )


def _in_file(name: str, kind: Kind, own: Value | None, influences: str, *, unit: str | None = None) -> Knob:
    return Knob(
        name=f"kato.vectors.{name}",
        system="kato",
        kind=kind,
        home="vector config file",
        spelled=name,
        own=own,
        unit=unit,
        influences=influences,
        holds_for=_HOLDS_FOR,
        source=f"{_VECTORS}: the file takes the place of all settings of the vector store, host and port too",
    )


_RANKINGS = (
    "potential", "similarity", "evidence", "confidence", "snr", "fragmentation", "frequency",
    "normalized_entropy", "global_normalized_entropy", "predictive_information", "itfdf_similarity",
    "tfidf_score", "confluence", "bayesian_posterior", "bayesian_prior", "bayesian_likelihood",
    "weighted_similarity", "weighted_evidence", "weighted_confidence", "weighted_snr",
)  # fmt: skip

_LEARNING = (
    _env("MAX_PATTERN_LENGTH", "int", 0, "default of sessions: learns by itself at so many events, an insert "
         "into ClickHouse each", low=0, unit="events"),
    _env("PERSISTENCE", "int", 5, "how many emotives are kept of a pattern: size of its keys in Redis",
         low=1, high=100, unit="values"),
    _env("STM_MODE", "enum", "CLEAR", "default of sessions: with ROLLING each observe learns once the memory "
         "is full", choices=("CLEAR", "ROLLING")),
    _env("SORT_SYMBOLS", "bool", True, "whether the symbols of an event are sorted: which events are equal"),
    _env("INDEXER_TYPE", "enum", "VI", "nothing but VI works with vectors", choices=("VI",),
         unsettable=_NOT_HERE, dangers=(Danger(("VI",), "vectors do not work with it", others=True),)),
    _env("MINHASH_HASH_FUNC", "enum", "sha1", "CPU time of learning; patterns learned with the other are not "
         "found by the filter minhash", choices=("sha1", "xxhash"), effect="rebuild", unsettable=_NOT_HERE,
         source="KATO 3.10.1 clickhouse_writer.py"),
)  # fmt: skip

_PREDICTING = (
    _env("PROCESS_PREDICTIONS", "bool", True, "default of sessions: whether observe predicts as well, which "
         "costs as much as a prediction, leaves it in Redis without end, and can stop a worker for ever"),
    _env("RECALL_THRESHOLD", "float", 0.1, "how many patterns are matched in full and fetched from Redis; "
         "default of sessions, and the value at observe time", low=0, high=1),
    _env("MAX_PREDICTIONS", "int", 100, "size of answers and of stored sessions, about 1.3 kB each; default "
         "of sessions, and the value at observe time", low=1, high=10_000, unit="predictions"),
    _env("USE_TOKEN_MATCHING", "bool", True, "default of sessions: symbols matched whole, or by characters"),
    _env("RANK_SORT_ALGO", "enum", "potential", "by what predictions are sorted, and so which are answered",
         choices=_RANKINGS),
    _env("KATO_USE_FAST_MATCHING", "bool", True, "false matches with difflib, many times slower",
         source=_SEARCH),
    _env("KATO_USE_INDEXING", "bool", True, "an index in the worker's memory that nothing reads: 7.2 instead "
         "of 1.8 kB for each learned pattern", source=_SEARCH),
    _env("KATO_BENCH_PREDICTION_TTL", "int", 0, "how long predictions made at observe time stay in Redis",
         healthy=3600, low=0, unit="s, 0 = for ever", holds_for="kato-bench's reference API", source=_BENCH),
)  # fmt: skip

_SESSIONS = (
    _env("SESSION_TTL", "int", 3600, "how long a session lives after its last write, and a node's processor "
         "without use", low=60, high=86_400, unit="s"),
    _env("SESSION_AUTO_EXTEND", "bool", True, "whether requests move the end of a session; reads move only "
         "that of its key"),
    _env("KATO_BENCH_STREAM_MAXLEN", "int", 0, "how many entries the two event streams in Redis keep",
         healthy=10_000, low=0, unit="entries, 0 = no bound", holds_for="kato-bench's reference API",
         source=_BENCH),
)  # fmt: skip

_VECTOR_STORE = (
    _env("KATO_SIMILARITY_METRIC", "enum", "euclidean", "distance of collections that are created from "
         "now on", choices=("euclidean", "cosine", "dot", "manhattan"), effect="rebuild", source=_VECTORS),
    _env("KATO_QUANTIZATION_ENABLED", "bool", False, "memory and recall of collections that are created from "
         "now on", effect="rebuild", source=_VECTORS),
    _env("KATO_QUANTIZATION_TYPE", "enum", "scalar", "memory and recall of collections that are created from "
         "now on", choices=("scalar", "product", "binary"), effect="rebuild", source=_VECTORS),
    _in_file("qdrant.on_disk_payload", "bool", True, "whether payloads are read from disk"),
    _in_file("qdrant.optimizers", "string", None, "thresholds of the optimizer, for new collections"),
    _in_file("quantization.parameters", "string", None, "quantile, compression and memory of quantisation"),
    _in_file("search_timeout", "float", None, "when a search of vectors is given up", unit="s"),
)  # fmt: skip

_OPERATING = (
    _env("LOG_LEVEL", "enum", "INFO", "INFO writes some 3.6 kB an observation; WARNING gave 60 % more "
         "sequences in training, little elsewhere",
         choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), crashes=True),
    _env("ENVIRONMENT", "string", "development", "a warning at the start, and a debug flag",
         unsettable=_NOT_HERE),
    _env("METRICS_CACHE_TTL_SECONDS", "float", 5, "how old the answer of GET /metrics may be", low=0,
         unit="s", source="KATO 3.10.1 monitoring.py"),
    _env("SESSION_COUNT_CACHE_TTL_SECONDS", "float", 5, "how old the answer of GET /sessions/count may be",
         low=0, unit="s", source="KATO 3.10.1 sessions.py"),
)  # fmt: skip

_REDIS = (
    _wiring("REDIS_URL", None, "where sessions, metadata and caches are; without it sessions live in one "
            "worker's memory; sentinel and cluster addresses are not understood"),
    _wiring("REDIS_ENABLED", False, "must be true: otherwise every node fails with 500", kind="bool",
            dangers=(Danger((False,), "every node fails with 500"),)),
    _wiring("REDIS_HOST", None, "where pattern metadata is, if REDIS_URL does not say it"),
    _wiring("REDIS_PORT", 6379, "where pattern metadata is, if REDIS_URL does not say it", kind="int"),
    _wiring("REDIS_TLS", False, "encrypts the connection of pattern metadata only, not that of sessions",
            kind="bool", dangers=(Danger((True,), "only the connection of pattern metadata is encrypted, "
                                          "that of the sessions is not"),)),
    _wiring("REDIS_PASSWORD", None, "the compose file puts it into REDIS_URL", source=_COMPOSE,
            home="compose variable"),
    _wiring("REDIS_PERSISTENCE", None, "any value but an empty one, false too, turns snapshots and the "
            "append-only file on", source=_COMPOSE, home="compose variable",
            dangers=(Danger(("false", "False", "FALSE", "no", "off", "0"),
                            "any value turns persistence on, this one too; to turn it off, leave it out"),
                     )),
)  # fmt: skip

_CLICKHOUSE = (
    _wiring("CLICKHOUSE_HOST", "localhost", "where patterns are; taken as one host, whatever it lists"),
    _wiring("CLICKHOUSE_PORT", 8123, "where patterns are; HTTP only", kind="int",
            dangers=(Danger((9000, 9440), "it is the port of the native protocol, and KATO speaks HTTP"),)),
    _wiring("CLICKHOUSE_USER", "default", "whose profile of settings holds"),
    _wiring("CLICKHOUSE_PASSWORD", None, "who may read and write patterns"),
    _wiring("CLICKHOUSE_SECURE", False, "whether the connection is encrypted", kind="bool"),
    _wiring("CLICKHOUSE_DB", "kato", "the database of filters; writes always go to kato",
            dangers=(Danger(("kato",), "writes go to the database kato, filters read this one",
                            others=True),)),
)  # fmt: skip

_QDRANT = (
    _wiring("QDRANT_HOST", "localhost", "where vectors are", source=_VECTORS),
    _wiring("QDRANT_PORT", 6333, "where vectors are; REST only", kind="int", source=_VECTORS,
            dangers=(Danger((6334,), "it is the port of gRPC, and KATO speaks REST"),)),
    _wiring("QDRANT_API_KEY", None, "who may read and write vectors", source=_VECTORS),
    _wiring("QDRANT_HTTPS", False, "whether the connection is encrypted", kind="bool", source=_VECTORS),
)  # fmt: skip

_FILES = (
    _wiring("KATO_VECTOR_CONFIG_FILE", None, "a file that takes the place of all settings of the vector "
            "store, those of the environment included", source=_VECTORS),
    _wiring("KATO_CONFIG_FILE", None, "a file of settings that win over the environment"),
    _wiring("SERVICE_NAME", "kato", "the end of the name of every node's data: with another name none of it "
            "is found"),
)  # fmt: skip

KNOBS = (
    *_LEARNING,
    *_PREDICTING,
    *_SESSIONS,
    *_VECTOR_STORE,
    *_OPERATING,
    *_REDIS,
    *_CLICKHOUSE,
    *_QDRANT,
    *_FILES,
)
