"""ClickHouse, where KATO keeps its patterns."""

from __future__ import annotations

from collections.abc import Iterator

from bench import words
from bench.inspection.checks.base import check
from bench.inspection.findings import Finding
from bench.inspection.seen import Seen
from bench.knobs import fixed

_MOST_MEMORY = "clickhouse.max_memory_usage"
#: Active parts of one partition: from the first on merging does not keep up; at `_DELAYED` inserts are held
#: back (parts_to_delay_insert, from 23.6), and at 3 000 they are refused.
_MANY, _DELAYED = 300, 1000


@check("clickhouse.no-table", source="KATO 3.10.1: init.sql makes the table, KATO does not")
def no_table(seen: Seen) -> Iterator[Finding]:
    """Without its table KATO learns nothing: it answers 500, and predictions are empty."""
    if seen.clickhouse is None or seen.clickhouse.has_table is not False:
        return
    yield Finding(
        "clickhouse.no-table",
        "critical",
        "KATO's table is missing",
        f"There is no {fixed.DATABASE}.{fixed.PATTERNS} in ClickHouse: learning fails, and predictions are "
        "empty.",
        "Run KATO's config/clickhouse/init.sql; its container does so only when it starts with an empty "
        "volume.",
        ("kato.CLICKHOUSE_DB",),
    )


@check("clickhouse.query-above-limit", source="KATO 3.10.1 users.xml: 10 GB a query, in a container of 8 GB")
def query_above_limit(seen: Seen) -> Iterator[Finding]:
    """A query that may take more memory than the server has is ended with the server, not by itself."""
    allowed = seen.number(_MOST_MEMORY)
    declared = seen.number("container.clickhouse.memory")
    measured = seen.clickhouse.container_limit if seen.clickhouse else None
    limits = {
        "container.clickhouse.memory": declared if declared is not None else measured,
        "clickhouse.server.max_server_memory_usage": seen.number("clickhouse.server.max_server_memory_usage"),
    }
    known = [(limit, name) for name, limit in limits.items() if limit]
    if not allowed or not known or allowed <= min(known)[0]:
        return
    limit, name = min(known)
    yield Finding(
        "clickhouse.query-above-limit",
        "warning",
        "One query may take more memory than ClickHouse has",
        f"max_memory_usage allows a query {words.size(allowed)}, and "
        + ("the container holds" if name.startswith("container") else "the server may take")
        + f" {words.size(limit)}: the limit of the query never acts.",
        f"max_memory_usage of about {int(0.6 * limit)} in users.xml.",
        (_MOST_MEMORY, name),
        {"max_memory_usage": allowed, "limit_bytes": limit},
    )


@check(
    "clickhouse.parts-pile-up",
    source="ClickHouse MergeTree settings, parts_to_delay_insert, parts_to_throw_insert",
)
def parts_pile_up(seen: Seen) -> Iterator[Finding]:
    """Where parts come faster than they are merged, reading slows down, then learning, and in the end
    patterns are lost, as KATO waits for no insert."""
    nodes = seen.clickhouse.nodes if seen.clickhouse else ()
    worst = max(nodes, key=lambda node: node.parts, default=None)
    if worst is None or worst.parts <= _MANY:
        return
    delayed = int(seen.number("clickhouse.table.parts_to_delay_insert") or _DELAYED)
    yield Finding(
        "clickhouse.parts-pile-up",
        "critical" if worst.parts >= delayed else "warning",
        "Inserts come faster than ClickHouse merges",
        f"{worst.kb} has {words.count(worst.parts)} active parts; at {words.count(delayed)} inserts are held "
        "back.",
        "Learn in longer batches, or let async_insert_busy_timeout_max_ms gather more.",
        ("clickhouse.table.parts_to_delay_insert", "clickhouse.async_insert_busy_timeout_max_ms"),
        {"parts": worst.parts, "parts_to_delay_insert": delayed},
    )


@check("clickhouse.readonly", source="ClickHouse settings, readonly; KATO swallows failed inserts")
def readonly(seen: Seen) -> Iterator[Finding]:
    """A profile that may only read lets nothing be learned."""
    if not seen.number("clickhouse.readonly"):
        return
    yield Finding(
        "clickhouse.readonly",
        "critical",
        "KATO's user may not write",
        "Its profile sets readonly: learning fails.",
        "readonly 0 in the profile of KATO's user.",
        ("clickhouse.readonly",),
    )
