"""ClickHouse, where KATO keeps its patterns."""

from __future__ import annotations

from advisor.evidence import Evidence
from advisor.findings import Finding
from advisor.rules.base import rule
from bench import words

#: Active parts of one partition: from the first on merging does not keep up; at DELAYED ClickHouse holds
#: inserts back (parts_to_delay_insert, from 23.6), and at 3 000 it refuses them.
MANY, ALARMING, DELAYED = 300, 500, 1000


@rule(
    "clickhouse.parts-pile-up",
    holds_for="KATO 3.10 on ClickHouse from 23.6",
    precondition=lambda evidence: evidence.clickhouse.parts_in_partition is not None,
    source="ClickHouse MergeTree settings, parts_to_delay_insert 1000, parts_to_throw_insert 3000",
)
def parts_pile_up(evidence: Evidence) -> Finding | None:
    """Each insert makes a part, and parts are merged in the background: where inserts are small and many,
    reading slows down, then learning, and in the end patterns are lost, as KATO waits for no insert."""
    parts = evidence.clickhouse.parts_in_partition or 0.0
    if parts <= MANY:
        return None
    return Finding(
        "clickhouse.parts-pile-up",
        "warning" if parts > ALARMING else "advice",
        "Inserts come faster than ClickHouse merges",
        f"A node's partition reached {words.count(parts)} active parts; at {words.count(DELAYED)} ClickHouse "
        "holds inserts back. Learn in longer batches, or let async_insert_busy_timeout_ms gather more.",
        {"parts_in_partition": parts, "parts_to_delay_insert": DELAYED},
    )
