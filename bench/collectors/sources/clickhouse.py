"""ClickHouse over HTTP: one query a sample over its live system tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar, Self

from bench.collectors import http
from bench.collectors.base import WHOLE, Collector, Context, Discovery, Knob, Metric, Row, counter, gauge
from bench.targets.base import PartFacts

#: system.events name -> metric; those in seconds are in microseconds there. ClickHouse does not list an event
#: that has not happened yet: it counts as 0.
_EVENTS = {
    "Query": ("queries_total", counter("queries, the collector's own included")),
    "SelectQuery": ("select_queries_total", counter("SELECT queries, the collector's own included")),
    "InsertQuery": ("insert_queries_total", counter("INSERT queries")),
    "FailedQuery": ("failed_queries_total", counter("queries that ended in an error")),
    "SelectedRows": ("selected_rows_total", counter("rows read from tables")),
    "SelectedBytes": ("selected_bytes_total", counter("bytes read from tables, uncompressed", "bytes")),
    "InsertedRows": ("inserted_rows_total", counter("rows written")),
    "InsertedBytes": ("inserted_bytes_total", counter("bytes written, uncompressed", "bytes")),
    "DelayedInserts": ("delayed_inserts_total", counter("inserts slowed down: too many parts")),
    "RejectedInserts": ("rejected_inserts_total", counter("inserts refused: too many parts")),
    "MergedRows": ("merged_rows_total", counter("rows read by background merges")),
    "QueryTimeMicroseconds": ("query_seconds_total", counter("time in queries", "seconds")),
    "UserTimeMicroseconds": ("query_cpu_user_seconds_total", counter("user CPU of query threads", "seconds")),
    "SystemTimeMicroseconds": (
        "query_cpu_sys_seconds_total",
        counter("system CPU of query threads", "seconds"),
    ),
}

#: system.metrics name -> metric.
_GAUGES = {
    "Query": ("running_queries", gauge("queries that run now, the collector's own included")),
    "Merge": ("running_merges", gauge("background merges that run now")),
    "MemoryTracking": ("memory_tracking_bytes", gauge("memory that the server accounts for", "bytes")),
}

_PARTS = {
    "active_parts": gauge("active data parts of user tables"),
    "rows": gauge("rows in active parts"),
    "disk_bytes": gauge("size of active parts on disk", "bytes"),
    "max_parts_in_partition": gauge("most active parts in one partition; inserts are delayed at 1000"),
}


def _quoted(names: Mapping[str, object]) -> str:
    return ", ".join(f"'{name}'" for name in names)


_QUERY = f"""
SELECT 'event', event, toFloat64(value) FROM system.events WHERE event IN ({_quoted(_EVENTS)})
UNION ALL
SELECT 'metric', metric, toFloat64(value) FROM system.metrics WHERE metric IN ({_quoted(_GAUGES)})
UNION ALL
SELECT 'part', name, value FROM (
    SELECT [('active_parts', toFloat64(sum(parts))), ('rows', toFloat64(sum(rows))),
            ('disk_bytes', toFloat64(sum(size))), ('max_parts_in_partition', toFloat64(max(parts)))] AS pairs
    FROM (
        SELECT count() AS parts, sum(rows) AS rows, sum(bytes_on_disk) AS size
        FROM system.parts WHERE active AND lower(database) NOT IN ('system', 'information_schema')
        GROUP BY database, table, partition_id
    )
) ARRAY JOIN pairs.1 AS name, pairs.2 AS value
FORMAT TabSeparated
"""

_SETTINGS = ("max_memory_usage", "max_threads", "log_queries_min_query_duration_ms")
_SETTINGS_QUERY = (
    f"SELECT name, value FROM system.settings WHERE name IN {_SETTINGS} "
    "UNION ALL SELECT 'version', version() FORMAT TabSeparated"
)


class ClickHouseCollector:
    source: ClassVar[str] = "clickhouse"
    metrics: ClassVar[Mapping[str, Metric]] = {
        **dict(_EVENTS.values()),
        **dict(_GAUGES.values()),
        **_PARTS,
    }
    min_interval: ClassVar[float] = 0.0

    def __init__(self, address: str) -> None:
        self._client = http.client(address)

    @classmethod
    def create(cls, context: Context) -> Self | None:
        part = context.facts.part("clickhouse")
        return None if part is None or part.address is None else cls(part.address)

    def discover(self) -> Discovery:
        values = dict(self._ask(_SETTINGS_QUERY))
        knobs: dict[str, Knob] = {
            f"clickhouse.{name}": number
            for name in _SETTINGS
            if (number := _whole_number(values.get(name, ""))) is not None
        }
        return Discovery(PartFacts("clickhouse", engine="ClickHouse", version=values["version"]), knobs)

    def sample(self) -> list[Row]:
        found = {(kind, name): float(value) for kind, name, value in self._ask(_QUERY)}
        return list(_rows(found))

    def close(self) -> None:
        self._client.close()

    def _ask(self, query: str) -> list[list[str]]:
        answer = self._client.post("/", content=query.encode()).raise_for_status()
        return [line.split("\t") for line in answer.text.splitlines()]


def _rows(found: Mapping[tuple[str, str], float]) -> Iterator[Row]:
    for event, (metric, kind) in _EVENTS.items():
        value = found.get(("event", event), 0.0)
        yield metric, WHOLE, value / 1e6 if kind.unit == "seconds" else value
    for name, (metric, _) in _GAUGES.items():
        if ("metric", name) in found:
            yield metric, WHOLE, found["metric", name]
    for metric in _PARTS:
        if ("part", metric) in found:
            yield metric, WHOLE, found["part", metric]


def _whole_number(text: str) -> int | None:
    """A setting's number; one that follows the machine reads `auto(2)`, and newer servers quote it."""
    match = re.search(r"\d+", text)
    return None if match is None else int(match[0])


COLLECTOR: type[Collector] = ClickHouseCollector
