"""ClickHouse: the settings profile of the user that KATO connects as."""

from __future__ import annotations

from bench.knobs.knob import Kind, Knob, Value

_USERS = "KATO 3.10.1 config/clickhouse/users.xml"


def _setting(name: str, kind: Kind, *, shipped: Value | None, low: int = 0, unit: str, source: str) -> Knob:
    return Knob(
        name=f"clickhouse.{name}",
        system="clickhouse",
        kind=kind,
        home="clickhouse profile",
        spelled=name,
        shipped=shipped,
        low=low,
        unit=unit,
        effect="live",
        source=source,
    )


KNOBS = (
    _setting("max_memory_usage", "bytes", shipped=10_000_000_000, unit="bytes", source=_USERS),
    _setting("log_queries_min_query_duration_ms", "int", shipped=1000, unit="ms", source=_USERS),
    _setting("max_threads", "int", shipped=None, unit="threads", source="ClickHouse settings; unset by KATO"),
)
