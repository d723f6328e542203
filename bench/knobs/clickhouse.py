"""ClickHouse: its server, the settings profile of the user that KATO connects as, KATO's table, its
inserts."""

from __future__ import annotations

from bench.knobs.knob import Effect, Home, Kind, Knob, Value

_USERS = "KATO 3.10.1 config/clickhouse/users.xml"
_LOGGING = "KATO 3.10.1 config/clickhouse/logging.xml"
_TABLE = "KATO 3.10.1 config/clickhouse/init.sql"
_INSERT = "KATO 3.10.1 clickhouse_writer.py"
_SETTINGS = "ClickHouse settings; unset by KATO"
_SERVER = "ClickHouse server settings; unset by KATO"
_MERGE_TREE = "ClickHouse MergeTree settings; unset by KATO"
_HOLDS_FOR = "ClickHouse from 23.6"
_NOT_SHOWN = (
    "whether it acts on the engine was never shown; set it in a ClickHouse of yours and measure with "
    "--target URL --clickhouse-url URL"
)


def _knob(
    name: str,
    home: Home,
    spelled: str,
    kind: Kind,
    influences: str,
    *,
    source: str,
    shipped: Value | None = None,
    own: Value | None = None,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    unit: str | None = None,
    effect: Effect = "live",
    unsettable: str | None = None,
) -> Knob:
    return Knob(
        name=f"clickhouse.{name}",
        system="clickhouse",
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
        unsettable=unsettable,
        influences=influences,
        holds_for=_HOLDS_FOR,
        source=source,
    )


def _setting(
    name: str,
    kind: Kind,
    influences: str,
    *,
    source: str = _SETTINGS,
    shipped: Value | None = None,
    own: Value | None = None,
    low: float | None = 0,
    choices: tuple[str, ...] = (),
    unit: str | None = None,
    unsettable: str | None = _NOT_SHOWN,
) -> Knob:
    return _knob(
        name, "clickhouse profile", name, kind, influences, source=source, shipped=shipped, own=own, low=low,
        choices=choices, unit=unit, unsettable=unsettable,
    )  # fmt: skip


_PROFILE = (
    _setting("max_memory_usage", "bytes", "memory that one query may take; it fails beyond that, and KATO "
             "then answers predictions empty", shipped=10_000_000_000, own=0, unit="bytes", source=_USERS,
             unsettable=None),
    _setting("log_queries_min_query_duration_ms", "int", "which queries system.query_log holds", shipped=1000,
             own=0, unit="ms", source=_USERS, unsettable=None),
    _setting("max_threads", "int", "threads of one query: its time when alone, and that of all when many",
             unit="threads", unsettable=None),
    _setting("use_uncompressed_cache", "bool", "memory, against CPU time of reading the same blocks again",
             own=False, low=None, source=f"{_USERS}, 0"),
    _setting("load_balancing", "enum", "nothing: there is one replica", own="random", low=None,
             choices=("random", "nearest_hostname", "hostname_levenshtein_distance", "in_order",
                      "first_or_random", "round_robin"), source=_USERS),
    _setting("max_execution_time", "float", "when a query is given up; KATO then answers predictions empty",
             own=0, unit="s, 0 = never"),
    _setting("max_memory_usage_for_user", "bytes", "memory that all queries of KATO's user may take", own=0,
             unit="bytes"),
    _setting("max_concurrent_queries_for_user", "int", "queries at once of KATO's user; more are refused",
             own=0, unit="queries, 0 = no limit"),
    _setting("max_query_size", "bytes", "the longest query: KATO lists up to 500 names in one", own=262_144,
             unit="bytes"),
    _setting("max_block_size", "int", "memory of a query, against its CPU time", unit="rows"),
    _setting("max_partitions_per_insert_block", "int", "nodes whose patterns are written at once: more in "
             "one asynchronous flush are lost, and KATO does not hear of it", own=100, unit="partitions"),
    _setting("async_insert_busy_timeout_max_ms", "int", "how long inserts are gathered: parts against the "
             "time until a pattern is found", unit="ms"),
    _setting("async_insert_max_data_size", "bytes", "how much is gathered before it is written",
             unit="bytes"),
    _setting("use_skip_indexes", "bool", "whether the skip indexes of the table are used", own=True,
             low=None),
    _setting("readonly", "int", "above 0 KATO cannot learn", own=0),
    _setting("log_queries", "bool", "whether system.query_log is written", own=True, low=None),
)  # fmt: skip

_SENT = (
    _knob("insert.async_insert", "clickhouse insert", "async_insert", "bool", "inserts are gathered by the "
          "server: few parts, and a pattern is found some 200 ms later", shipped=True, source=_INSERT),
    _knob("insert.wait_for_async_insert", "clickhouse insert", "wait_for_async_insert", "bool", "KATO does "
          "not wait: an insert that fails later is lost, and never tried again", shipped=False, own=True,
          source=_INSERT),
)  # fmt: skip


def _server(name: str, kind: Kind, influences: str, *, unit: str | None = None, own: Value | None = None,
            low: float | None = 0, source: str = _SERVER) -> Knob:  # fmt: skip
    return _knob(
        f"server.{name}", "clickhouse server", name, kind, influences, source=source, own=own, low=low,
        unit=unit, effect="restart",
    )  # fmt: skip


_OF_SERVER = (
    _server("max_server_memory_usage", "bytes", "memory of the whole server; queries fail beyond", own=0,
            unit="bytes, 0 = the ratio"),
    _server("max_server_memory_usage_to_ram_ratio", "float", "memory of the whole server, as a share of the "
            "machine's or the container's: 7.2 of 8 GB", own=0.9),
    _server("max_concurrent_queries", "int", "queries at once; more are refused", own=0,
            unit="queries, 0 = no limit"),
    _server("max_connections", "int", "connections; each worker of KATO opens one", own=4096, low=1),
    _server("background_pool_size", "int", "threads that merge parts", own=16, low=1, unit="threads"),
    _server("mark_cache_size", "bytes", "how much of the tables' marks stays in memory", unit="bytes"),
    _server("uncompressed_cache_size", "bytes", "blocks that stay in memory, where the profile uses them",
            own=0, unit="bytes"),
    _server("async_insert_threads", "int", "threads that write gathered inserts", own=16, unit="threads"),
    _server("max_table_size_to_drop", "bytes", "the largest table that may be dropped", own=50_000_000_000,
            unit="bytes"),
    _server("max_partition_size_to_drop", "bytes", "the largest node that clear-all can empty",
            own=50_000_000_000, unit="bytes"),
    _server("query_log.ttl", "string", "disk space of system.query_log; KATO keeps 7 days", low=None,
            source=_LOGGING),
    _server("metric_log.ttl", "string", "disk space of system.metric_log; KATO keeps 7 days", low=None,
            source=_LOGGING),
    _server("part_log.ttl", "string", "disk space of system.part_log; KATO keeps 3 days", low=None,
            source=_LOGGING),
    _server("text_log", "string", "disk space and merges: KATO takes it out, as it had grown to 379 MiB",
            low=None, source=_LOGGING),
    _server("trace_log", "string", "disk space and merges: KATO takes it out, as it had grown to 2.8 GiB",
            low=None, source=_LOGGING),
)  # fmt: skip


def _table(name: str, kind: Kind, influences: str, *, shipped: Value | None = None, own: Value | None = None,
           low: float | None = 0, unit: str | None = None, effect: Effect = "live",
           source: str = _MERGE_TREE) -> Knob:  # fmt: skip
    return _knob(
        f"table.{name}", "clickhouse table", name, kind, influences, source=source, shipped=shipped, own=own,
        low=low, unit=unit, effect=effect,
    )  # fmt: skip


_OF_TABLE = (
    _table("engine", "string", "MergeTree keeps duplicate rows of a pattern for ever", shipped="MergeTree",
           low=None, effect="rebuild", source=_TABLE),
    _table("partition_by", "string", "one partition a node: thousands of nodes make thousands of parts",
           shipped="kb_id", low=None, effect="rebuild", source=_TABLE),
    _table("order_by", "string", "which filters read less than a node's whole partition: length only",
           shipped="kb_id, length, name", low=None, effect="rebuild", source=_TABLE),
    _table("index_granularity", "int", "rows read for one key, against the size of the index", shipped=8192,
           own=8192, low=1, unit="rows", effect="rebuild", source=_TABLE),
    _table("idx_token_bloom", "string", "nothing: no query of KATO's can use it",
           shipped="token_set bloom_filter(0.01)", low=None, effect="rebuild", source=_TABLE),
    _table("idx_first_token", "string", "rows read by a prediction from one symbol; KATO has no such index",
           low=None, effect="rebuild", source="KATO 3.10.1: first_token = reads the node's whole partition"),
    _table("parts_to_delay_insert", "int", "parts of one partition from which on inserts are held back",
           own=1000, unit="parts"),
    _table("parts_to_throw_insert", "int", "parts of one partition from which on inserts are refused, and "
           "patterns lost", own=3000, unit="parts"),
    _table("max_parts_in_total", "int", "parts of the table from which on inserts are refused: with one "
           "partition a node, a limit of nodes", own=100_000, unit="parts"),
    _table("max_bytes_to_merge_at_max_space_in_pool", "bytes", "the largest part that merging makes",
           own=161_061_273_600, unit="bytes"),
)  # fmt: skip

KNOBS = (*_PROFILE, *_SENT, *_OF_SERVER, *_OF_TABLE)
