"""Does each knob act? Both values on the real engines, and the metric that the knob should move.

`make knob-table` measures every row and writes the table into docs/embedded.md; names of rows as arguments
measure only those, and leave the others as they are written there. A row that does not move its metric as it
should ends the program with 1."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Literal

import httpx

from tests.deployed import seconds_of
from tests.tables.stage import Stage, rate_of, staged, vectors

PAGE = Path("docs/embedded.md")
_MARKS = ("<!-- knob table: make knob-table -->\n", "<!-- end of the knob table -->")

#: Measures a deployment that has the value; what is set by request, session or DDL is given the value.
Measure = Callable[[Stage, str], float]


@dataclass(frozen=True)
class Row:
    """`factor`: by how much the metric has to move at least, in the `expected` direction."""

    knob: str
    before: str
    after: str
    metric: str
    expected: Literal["higher", "lower"]
    measure: Measure
    factor: float = 1.2
    home: Literal["--set", "--session", "request", "DDL"] = "--set"
    beside: dict[str, str] = field(default_factory=dict)

    def moved(self, before: float, after: float) -> bool:
        low, high = (before, after) if self.expected == "higher" else (after, before)
        return high > low * self.factor


# --- KATO's server ---------------------------------------------------------------------------------------


def prediction_rate(stage: Stage, _: str) -> float:
    """Four clients, each its own node, so that any worker can serve any of them."""
    actions = []
    for number in range(4):
        session = stage.session(f"rate{number}")
        stage.learn(session, 400, seed=number)
        stage.look(session)
        client = stage.another_kato()

        def predict(client: httpx.Client = client, session: str = session) -> None:
            client.get(f"{session}/predictions").raise_for_status()

        actions.append(predict)
    rate_of(actions, 1)
    return rate_of(actions, 6)


def refused_share(stage: Stage, _: str) -> float:
    """Of eight clients, each of whom keeps the connection that it gets."""
    clients = [stage.another_kato() for _ in range(8)]
    refused = sum(client.get("/health").status_code == 503 for client in clients)
    for client in clients:
        client.close()
    return refused / len(clients)


def health_cpu_ms(stage: Stage, _: str) -> float:
    return _cpu_ms(stage, "kato", lambda: stage.kato.get("/health"), 4000)


def connection_cpu_ms(stage: Stage, _: str) -> float:
    """Each opened for one /health, which leaves the event loop more to do than a request does."""

    closing = {"Connection": "close"}
    return _cpu_ms(stage, "kato", lambda: stage.kato.get("/health", headers=closing), 3000)


def log_bytes(stage: Stage, _: str) -> float:
    session, log = stage.session("table"), stage.folder / "logs" / "kato.log"
    before = log.stat().st_size
    for _number in range(300):
        stage.observe(session, "a").raise_for_status()
    return (log.stat().st_size - before) / 300


def memory_per_pattern(stage: Stage, _: str) -> float:
    """The end of a training reads all patterns at once; what the allocator keeps of that hides the index."""
    session, patterns = stage.session("table"), 1500
    stage.learn(session, 300, finalize=False)
    before = stage.resident_bytes("kato")
    stage.learn(session, patterns, seed=2, finalize=False)
    return (stage.resident_bytes("kato") - before) / patterns


# --- Redis -----------------------------------------------------------------------------------------------


def _fill(stage: Stage, megabytes: int) -> None:
    with stage.redis.pipeline(transaction=False) as pipeline:
        for number in range(megabytes * 100):
            pipeline.set(f"table:{number}", b"x" * 10_000)
        pipeline.execute(raise_on_error=False)


def evicted(stage: Stage, _: str) -> float:
    _fill(stage, 24)
    return float(stage.redis.info("stats")["evicted_keys"])


def kept(stage: Stage, _: str) -> float:
    """Bytes that a restart would find in the append-only file."""
    _fill(stage, 4)
    return float(sum(one.stat().st_size for one in stage.folder.rglob("*.aof")))


def set_ms(stage: Stage, _: str) -> float:
    return 1000 * median(seconds_of(lambda: stage.redis.set("table", b"x" * 4000), 400))


def threaded_reads(stage: Stage, _: str) -> float:
    clients = [stage.another_redis() for _ in range(24)]

    def mget(client: Any) -> Callable[[], Any]:
        return lambda: client.mget(["table"] * 200)

    stage.redis.set("table", b"x" * 2000)
    rate_of([mget(client) for client in clients], 4)
    return float(stage.redis.info("stats").get("io_threaded_reads_processed", 0))


# --- Qdrant ----------------------------------------------------------------------------------------------

_COUNT = 20_000
_POINTS = vectors(_COUNT + 200)
_QUERIES = _POINTS[_COUNT:]


def recall(stage: Stage, _: str) -> float:
    return stage.recall(stage.collection(_POINTS[:_COUNT]), _QUERIES)


def indexed(stage: Stage, _: str) -> float:
    path = stage.collection(_POINTS[:_COUNT])
    return float(stage.collection_info(path)["indexed_vectors_count"])


def recall_with_ef(stage: Stage, value: str) -> float:
    return stage.recall(stage.collection(_POINTS[:_COUNT]), _QUERIES, hnsw_ef=int(value))


def recall_oversampled(stage: Stage, value: str) -> float:
    wanted = {"rescore": True, "oversampling": float(value)}
    return stage.recall(stage.collection(_POINTS[:_COUNT]), _QUERIES, quantization=wanted)


def filtered_search_cpu_ms(stage: Stage, value: str) -> float:
    path = stage.collection(_POINTS[:_COUNT])
    if value == "keyword":
        index = {"field_name": "kb", "field_schema": "keyword"}
        stage.qdrant.put(f"{path}/index?wait=true", json=index).raise_for_status()
    wanted = {"must": [{"key": "kb", "match": {"value": "n1"}}]}
    query = _QUERIES[0].tolist()
    return _cpu_ms(stage, "qdrant", lambda: stage.search(path, query, filter=wanted), 400)


# --- ClickHouse ------------------------------------------------------------------------------------------


def _table(stage: Stage, *, granularity: int = 8192, index: bool = True) -> None:
    """200 000 patterns of one node, with KATO's order and its index of tokens or without it."""
    tokens = ", INDEX tokens token_set TYPE bloom_filter(0.01) GRANULARITY 1" if index else ""
    _sql(stage, "DROP TABLE IF EXISTS table_rows")
    _sql(
        stage,
        f"CREATE TABLE table_rows (kb String, length UInt16, name String, token_set Array(String){tokens}) "
        f"ENGINE MergeTree PARTITION BY kb ORDER BY (kb, length, name) "
        f"SETTINGS index_granularity = {granularity}",
    )
    _sql(
        stage,
        "INSERT INTO table_rows SELECT 'n', 10, toString(number), "
        "arrayMap(i -> concat('t', toString(cityHash64(number, i) % 20000)), range(10)) FROM numbers(200000)",
    )
    _sql(stage, "OPTIMIZE TABLE table_rows FINAL")


def _sql(stage: Stage, statement: str, data: bytes = b"", **settings: Any) -> httpx.Headers:
    return stage.sql(statement, data, **settings).raise_for_status().headers


def _rows_read(stage: Stage, where: str) -> float:
    headers = _sql(stage, f"SELECT count() FROM table_rows WHERE {where}", wait_end_of_query=1)
    found = re.search(r'"read_rows":"(\d+)"', headers["x-clickhouse-summary"])
    assert found is not None
    return float(found[1])


def rows_by_granularity(stage: Stage, value: str) -> float:
    _table(stage, granularity=int(value))
    return _rows_read(stage, "kb = 'n' AND length = 10 AND name = '7777'")


def rows_by_index(stage: Stage, value: str) -> float:
    _table(stage, granularity=256, index=value == "bloom_filter")
    return _rows_read(stage, "hasAny(token_set, ['t123'])")


def insert_rate(stage: Stage, value: str) -> float:
    """Rows a second, so many in each INSERT."""
    size, name = int(value), "table_batches"
    _sql(stage, f"CREATE TABLE IF NOT EXISTS {name} (a UInt64, b String) ENGINE MergeTree ORDER BY a")
    data = "".join(f"{row}\tpattern{row}\n" for row in range(size)).encode()
    each = median(seconds_of(lambda: _sql(stage, f"INSERT INTO {name} FORMAT TSV", data), 20))
    return size / each


def memory_refusals(stage: Stage, _: str) -> float:
    """Share of ten large aggregations that end with error 241."""
    statement = "SELECT count() FROM (SELECT number FROM numbers(1000000) GROUP BY number)"
    refused = [stage.sql(statement) for _ in range(10)]
    return sum(one.headers.get("x-clickhouse-exception-code") == "241" for one in refused) / 10


# --- Sessions --------------------------------------------------------------------------------------------


def _taught(stage: Stage, config: dict[str, Any], patterns: int = 1500) -> str:
    """A session of a node that knows so many patterns, with an unfinished sequence in it."""
    stage.learn(stage.session("taught"), patterns)
    session = stage.session("taught", **config)
    stage.look(session)
    return session


def _config(option: str, read: Callable[[str], Any]) -> Callable[[str], dict[str, Any]]:
    return lambda value: {option: read(value)}


def predicted(option: str, read: Callable[[str], Any]) -> Measure:
    """Predictions returned."""

    def measure(stage: Stage, value: str) -> float:
        session = _taught(stage, _config(option, read)(value))
        return float(len(stage.predictions(session)))

    return measure


def predict_ms(option: str, read: Callable[[str], Any]) -> Measure:
    def measure(stage: Stage, value: str) -> float:
        session = _taught(stage, _config(option, read)(value))
        return 1000 * median(seconds_of(lambda: stage.predictions(session), 15))

    return measure


def reply_kb(stage: Stage, value: str) -> float:
    session = _taught(stage, {"max_predictions": int(value)})
    return len(stage.kato.get(f"{session}/predictions").raise_for_status().content) / 1000


def observe_ms(stage: Stage, value: str) -> float:
    session = _taught(stage, {"process_predictions": value == "true"})
    return 1000 * median(seconds_of(lambda: stage.observe(session, "t1").raise_for_status(), 15))


def _filter(value: str) -> list[str]:
    return [value] if value else []


def _cpu_ms(stage: Stage, part: str, action: Callable[[], Any], times: int) -> float:
    """CPU time of a part for each action."""
    for _ in range(20):
        action()
    before = stage.cpu_seconds(part)
    for _ in range(times):
        action()
    return 1000 * (stage.cpu_seconds(part) - before) / times


_EVICTING = {"redis.maxmemory-policy": "allkeys-lru", "redis.maxmemory": "12mb"}
#: So few vectors get no graph by KATO's own threshold.
_INDEXED = {"qdrant.optimizers.indexing_threshold": "1000"}
_THIN = {
    "qdrant.hnsw.m": "4",
    "qdrant.hnsw.ef_construct": "8",
    "qdrant.hnsw.full_scan_threshold": "100",
    **_INDEXED,
}
_BINARY = {"kato.KATO_QUANTIZATION_ENABLED": "true", "kato.KATO_QUANTIZATION_TYPE": "binary"}

ROWS = (
    Row("uvicorn.workers", "1", "2", "predictions/s of 4 clients", "higher", prediction_rate, 1.3),
    Row("uvicorn.limit_concurrency", "40", "6", "share of 8 connections refused", "higher", refused_share),
    Row("uvicorn.http", "httptools", "h11", "KATO CPU per /health, ms", "higher", health_cpu_ms, 1.1),
    Row("uvicorn.loop", "uvloop", "asyncio", "KATO CPU per connection, ms", "higher", connection_cpu_ms, 1.1),
    Row("uvicorn.access_log", "true", "false", "KATO CPU per /health, ms", "lower", health_cpu_ms, 1.05),
    Row("kato.LOG_LEVEL", "INFO", "WARNING", "log per observe, bytes", "lower", log_bytes, 1.5),
    Row("redis.maxmemory", "12mb", "64mb", "keys evicted by 24 MB", "lower", evicted,
        beside={"redis.maxmemory-policy": "allkeys-lru"}),
    Row("redis.maxmemory-policy", "allkeys-lru", "noeviction", "keys evicted by 24 MB", "lower", evicted,
        beside={"redis.maxmemory": "12mb"}),
    Row("redis.appendonly", "no", "yes", "append-only file, bytes", "higher", kept),
    Row("redis.appendfsync", "everysec", "always", "SET p50, ms", "higher", set_ms,
        beside={"redis.appendonly": "yes"}),
    Row("redis.io-threads", "1", "2", "reads done by I/O threads", "higher", threaded_reads),
    Row("qdrant.hnsw.m", "4", "16", "recall@10", "higher", recall,
        beside={"qdrant.hnsw.ef_construct": "16", "qdrant.hnsw.full_scan_threshold": "100", **_INDEXED}),
    Row("qdrant.hnsw.ef_construct", "8", "128", "recall@10", "higher", recall, 1.1,
        beside={"qdrant.hnsw.m": "8", "qdrant.hnsw.full_scan_threshold": "100", **_INDEXED}),
    Row("hnsw_ef", "16", "256", "recall@10", "higher", recall_with_ef, home="request", beside=_THIN),
    Row("qdrant.hnsw.full_scan_threshold", "100", "1000000", "recall@10", "higher", recall, 1.1,
        beside={key: value for key, value in _THIN.items() if "full_scan" not in key}),
    Row("qdrant.optimizers.indexing_threshold", "0", "1000", "indexed vectors", "higher", indexed),
    Row("kato.KATO_QUANTIZATION_ENABLED", "false", "true", "recall@10", "lower", recall, 1.05,
        beside={"kato.KATO_QUANTIZATION_TYPE": "binary"}),
    Row("kato.KATO_QUANTIZATION_TYPE", "binary", "scalar", "recall@10", "higher", recall, 1.05,
        beside={"kato.KATO_QUANTIZATION_ENABLED": "true"}),
    Row("oversampling", "1", "4", "recall@10", "higher", recall_oversampled, 1.05, home="request",
        beside=_BINARY),
    Row("payload index", "none", "keyword", "Qdrant CPU per filtered search, ms", "lower",
        filtered_search_cpu_ms, home="request"),
    Row("index_granularity", "8192", "256", "rows read by a key lookup", "lower", rows_by_granularity,
        home="DDL"),
    Row("skip index", "none", "bloom_filter", "rows read by hasAny", "lower", rows_by_index, home="DDL"),
    Row("rows per INSERT", "1", "1000", "rows/s", "higher", insert_rate, 10, home="request"),
    Row("clickhouse.max_memory_usage", "10000000000", "5000000", "share of aggregations refused", "higher",
        memory_refusals),
    Row("kato.KATO_USE_INDEXING", "true", "false", "KATO's memory per pattern, bytes", "lower",
        memory_per_pattern, 1.5),
    Row("recall_threshold", "0.1", "0.5", "predictions returned", "lower",
        predicted("recall_threshold", float), home="--session"),
    Row("filter_pipeline", "", "jaccard", "GET predictions p50, ms", "lower",
        predict_ms("filter_pipeline", _filter), home="--session"),
    Row("max_predictions", "100", "10", "reply, kB", "lower", reply_kb, 3, home="--session"),
    Row("process_predictions", "true", "false", "observe p50, ms", "lower", observe_ms, home="--session"),
)  # fmt: skip


@contextmanager
def _with_value(row: Row, value: str) -> Iterator[Stage]:
    knobs = {**row.beside, row.knob: value} if row.home == "--set" else row.beside
    with staged(knobs) as stage:
        yield stage


def _measured(row: Row) -> tuple[float, float]:
    values = []
    for value in (row.before, row.after):
        with _with_value(row, value) as stage:
            values.append(row.measure(stage, value))
    return values[0], values[1]


def _line(row: Row, before: float, after: float, *, moved: bool) -> str:
    values = f"{row.before or '[]'} → {row.after or '[]'}"
    beside = ", ".join(f"{name}={value}" for name, value in row.beside.items())
    cells = (row.knob, row.home, values, row.metric, f"{before:.3g}", f"{after:.3g}", beside)
    return "| " + " | ".join((*cells, "acts" if moved else "**did not act**")) + " |"


def main(names: list[str]) -> int:
    unknown = sorted(set(names) - {row.knob for row in ROWS})
    if unknown:
        print(f"no row is called {unknown[0]!r}; there are {', '.join(row.knob for row in ROWS)}")
        return 2
    began, lines, all_moved = time.monotonic(), _written(), True
    for row in ROWS:
        if names and row.knob not in names:
            continue
        before, after = _measured(row)
        moved = row.moved(before, after)
        all_moved = all_moved and moved
        lines[row.knob] = _line(row, before, after, moved=moved)
        print(lines[row.knob], flush=True)
    print(f"measured in {time.monotonic() - began:.0f} s")
    _write_page([lines[row.knob] for row in ROWS if row.knob in lines])
    return 0 if all_moved else 1


def _written() -> dict[str, str]:
    """The lines of the page, by knob."""
    table = PAGE.read_text().split(_MARKS[0])[1].split(_MARKS[1])[0]
    return {line.split(" | ")[0].removeprefix("| "): line for line in table.splitlines()[2:]}


def _write_page(lines: list[str]) -> None:
    head, rest = PAGE.read_text().split(_MARKS[0])
    tail = rest.split(_MARKS[1])[1]
    columns = ("knob", "set by", "values", "metric", "before", "after", "beside", "")
    table = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|", *lines]
    PAGE.write_text(head + _MARKS[0] + "\n".join(table) + "\n" + _MARKS[1] + tail)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
