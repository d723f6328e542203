"""Qdrant: settings of its server, of the collections that KATO creates, and of a search."""

from __future__ import annotations

from bench.knobs.knob import Danger, Effect, Home, Kind, Knob, Value

_CREATED = (
    "KATO 3.10.1 PUT /collections/vectors_<kb>; ranges: Qdrant API, HnswConfigDiff, OptimizersConfigDiff"
)
_CONFIG = "Qdrant config/config.yaml"
_HOLDS_FOR = "Qdrant from 1.0"
#: Why a setting that KATO's own request decides is not one of the embedded target.
_NOT_HERE = (
    "KATO sends {} when it creates a collection, and only PATCH changes it; set it in a Qdrant of yours and "
    "measure with --target URL --qdrant-url URL"
)


def _knob(
    name: str,
    home: Home,
    spelled: str,
    kind: Kind,
    influences: str,
    *,
    shipped: Value | None = None,
    own: Value | None = None,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    unit: str | None = None,
    effect: Effect = "rebuild",
    dangers: tuple[Danger, ...] = (),
    wiring: bool = False,
    unsettable: str | None = None,
    source: str,
) -> Knob:
    return Knob(
        name=f"qdrant.{name}",
        system="qdrant",
        kind=kind,
        home=home,
        spelled=spelled,
        shipped=shipped,
        own=own,
        low=low,
        high=high,
        choices=choices,
        unit=unit,
        effect=effect,
        dangers=dangers,
        wiring=wiring,
        unsettable=unsettable,
        influences=influences,
        holds_for=_HOLDS_FOR,
        source=source,
    )


def _collection(
    name: str,
    spelled: str,
    kind: Kind,
    influences: str,
    *,
    shipped: Value | None = None,
    own: Value | None = None,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    unit: str | None = None,
    effect: Effect = "rebuild",
    unsettable: str | None = _NOT_HERE,
    home: Home = "qdrant collection",
) -> Knob:
    return _knob(
        name,
        home,
        spelled,
        kind,
        influences,
        shipped=shipped,
        own=own,
        low=low,
        high=high,
        choices=choices,
        unit=unit,
        effect=effect,
        unsettable=unsettable,
        source=_CREATED,
    )


_PATCHED = (
    _collection(
        "hnsw.m",
        "hnsw_config.m",
        "int",
        "recall, memory (about 8 bytes × m a vector) and time to build; "
        "only of vectors above the indexing threshold",
        shipped=16,
        own=16,
        low=0,
        high=1024,
        unit="links per point",
        unsettable=None,
    ),
    # KATO's searches name no ef: Qdrant then takes that of the construction.
    _collection(
        "hnsw.ef_construct",
        "hnsw_config.ef_construct",
        "int",
        "recall and time of every search, as KATO "
        "names no ef, and time to build; only of vectors above the indexing threshold",
        shipped=128,
        own=100,
        low=4,
        high=100_000,
        unit="candidates",
        unsettable=None,
    ),
    _collection(
        "hnsw.full_scan_threshold",
        "hnsw_config.full_scan_threshold",
        "int",
        "below it a segment is searched in full: m and ef change nothing there",
        shipped=10_000,
        own=10_000,
        low=0,
        unit="kB of vectors",
        unsettable=None,
    ),
    _collection(
        "optimizers.indexing_threshold",
        "optimizers_config.indexing_threshold",
        "int",
        "below it a segment has no graph and is searched in full",
        shipped=10_000,
        own=10_000,
        low=0,
        unit="kB of vectors per segment, 0 = no index",
        effect="live",
        unsettable=None,
    ),
)

_CREATED_WITH = (
    _collection(
        "hnsw.max_indexing_threads",
        "hnsw_config.max_indexing_threads",
        "int",
        "CPU time that building a graph takes from searches",
        own=0,
        low=0,
        unit="threads, 0 = up to 8 to 16",
    ),
    _collection(
        "hnsw.on_disk", "hnsw_config.on_disk", "bool", "memory, against the time of a search", own=False
    ),
    _collection(
        "optimizers.default_segment_number",
        "optimizers_config.default_segment_number",
        "int",
        "segments, each with a graph of its own: as many as cores for latency, 2 for throughput",
        shipped=4,
        own=0,
        low=0,
        unit="segments, 0 = as many as cores",
        effect="live",
    ),
    _collection(
        "optimizers.max_segment_size",
        "optimizers_config.max_segment_size",
        "int",
        "the largest segment that is made by merging",
        shipped=500_000,
        low=1,
        unit="kB of vectors",
        effect="live",
    ),
    _collection(
        "optimizers.memmap_threshold",
        "optimizers_config.memmap_threshold",
        "int",
        "from which size on a segment's vectors are read from disk",
        shipped=20_000,
        low=0,
        unit="kB of vectors",
        effect="live",
    ),
    _collection(
        "optimizers.deleted_threshold",
        "optimizers_config.deleted_threshold",
        "float",
        "share of deleted vectors at which a segment is rebuilt",
        shipped=0.2,
        own=0.2,
        low=0,
        high=1,
        effect="live",
    ),
    _collection(
        "optimizers.vacuum_min_vector_number",
        "optimizers_config.vacuum_min_vector_number",
        "int",
        "the smallest segment that is rebuilt for its deleted vectors",
        shipped=1000,
        own=1000,
        low=100,
        unit="vectors",
        effect="live",
    ),
    _collection(
        "optimizers.flush_interval_sec",
        "optimizers_config.flush_interval_sec",
        "int",
        "how much of the log a restart reads again",
        shipped=5,
        own=5,
        low=0,
        unit="s",
        effect="live",
    ),
    _collection(
        "optimizers.max_optimization_threads",
        "optimizers_config.max_optimization_threads",
        "int",
        "CPU time that optimising takes from searches; 0 stops it, and with it indexing",
        low=0,
        unit="threads",
        effect="live",
    ),
    _collection(
        "on_disk_payload",
        "params.on_disk_payload",
        "bool",
        "memory, against the time of a search",
        shipped=True,
        own=True,
    ),
    _collection(
        "replication_factor",
        "params.replication_factor",
        "int",
        "copies of each vector; KATO names none",
        own=1,
        low=1,
    ),
)


def _fixed(name: str, spelled: str, kind: Kind, influences: str, **more: object) -> Knob:
    return _collection(
        name,
        spelled,
        kind,
        influences,
        home="qdrant creation",
        unsettable=None,
        **more,  # type: ignore[arg-type]
    )


_FIXED = (
    _fixed(
        "quantization",
        "quantization_config",
        "string",
        "memory (a quarter with int8), time and recall of a "
        "search; KATO has candidates not checked against the originals",
    ),
    _fixed(
        "vectors.size",
        "params.vectors.size",
        "int",
        "fixed by the first vector that is learned; others are answered 200 and not stored",
        low=1,
        high=65_536,
        unit="components",
    ),
    _fixed(
        "vectors.distance",
        "params.vectors.distance",
        "enum",
        "which vectors are near",
        shipped="Euclid",
        choices=("Euclid", "Cosine", "Dot", "Manhattan"),
    ),
    _fixed(
        "vectors.on_disk", "params.vectors.on_disk", "bool", "memory, against the time of a search", own=False
    ),
    _fixed(
        "wal_config.wal_capacity_mb",
        "wal_config.wal_capacity_mb",
        "int",
        "disk space of a collection: thousands of nodes make thousands of logs",
        own=32,
        low=1,
        unit="MB",
    ),
)


def _server(name: str, kind: Kind, influences: str, **more: object) -> Knob:
    return _knob(
        f"server.{name}",
        "qdrant server",
        name,
        kind,
        influences,
        effect="restart",
        source=_CONFIG,
        **more,  # type: ignore[arg-type]
    )


_SERVER = (
    _server("service.api_key", "string", "who may read and write vectors", wiring=True),
    _server("service.host", "string", "who reaches the server", own="0.0.0.0", wiring=True),
    _server("service.http_port", "int", "where KATO finds it: REST", own=6333, wiring=True),
    _server("service.grpc_port", "int", "nothing: KATO speaks REST", own=6334, wiring=True),
    _server(
        "service.max_workers",
        "int",
        "threads of the REST interface",
        own=0,
        low=0,
        unit="threads, 0 = as many as cores",
    ),
    _server("service.max_request_size_mb", "int", "the largest request", own=32, low=1, unit="MB"),
    _server("storage.storage_path", "string", "where vectors are kept", wiring=True),
    _server(
        "storage.performance.max_search_threads",
        "int",
        "CPU time of searches",
        own=0,
        low=0,
        unit="threads, 0 = as many as cores",
    ),
    _server(
        "storage.performance.optimizer_cpu_budget",
        "int",
        "cores that optimising leaves to searches",
        own=0,
        unit="cores, 0 = by itself, negative = that many left",
    ),
    _server("storage.performance.update_rate_limit", "int", "updates at the same time", low=1),
    _server(
        "storage.optimizers.indexing_threshold_kb",
        "int",
        "nothing: KATO's collections bring their own",
        low=0,
        unit="kB of vectors",
    ),
    _server("storage.hnsw_index.m", "int", "nothing: KATO's collections bring their own", low=0),
    _server("storage.hnsw_index.ef_construct", "int", "nothing: KATO's collections bring their own", low=4),
    _server("storage.on_disk_payload", "bool", "nothing: KATO's collections bring their own", own=True),
    _server(
        "cluster.enabled",
        "bool",
        "nothing for KATO: it creates collections without shards or replicas",
        own=False,
    ),
)


def _search(name: str, kind: Kind, influences: str, **more: object) -> Knob:
    return _knob(
        f"search.{name}",
        "qdrant search",
        name,
        kind,
        influences,
        effect="live",
        source="Qdrant API, SearchParams; KATO 3.10.1 sends none, and limit 3",
        **more,  # type: ignore[arg-type]
    )


_SEARCH = (
    _search(
        "hnsw_ef", "int", "recall and time of a search; KATO's take ef_construct", low=0, unit="candidates"
    ),
    _search("exact", "bool", "searches in full: the truth that recall is measured against", own=False),
    _search("indexed_only", "bool", "leaves out segments without a graph: fast, and incomplete", own=False),
    _search("quantization.ignore", "bool", "searches the original vectors", own=False),
    _search("quantization.rescore", "bool", "checks candidates against the original vectors"),
    _search("quantization.oversampling", "float", "how many more candidates are checked", low=1),
    _search("limit", "int", "neighbours that are asked for; KATO always asks for 3", shipped=3, low=1),
)

KNOBS = (*_PATCHED, *_CREATED_WITH, *_FIXED, *_SERVER, *_SEARCH)
