"""Against the embedded deployment's pattern store, which is ClickHouse's engine."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from bench.collectors.base import WHOLE, Collector, Context, Row
from bench.collectors.sources.clickhouse import ClickHouseCollector
from bench.targets.base import PartFacts, TargetFacts

Table = Callable[[Collector, list[Row]], dict[tuple[str, str], float]]


@pytest.fixture(scope="module")
def url(module_front: Callable[[str, str], object]) -> str:
    front = module_front("bench.targets.embedded.patterns", "/ping")
    return front.url  # type: ignore[attr-defined, no-any-return]


@pytest.fixture
def collector(url: str) -> ClickHouseCollector:
    facts = TargetFacts("embedded", "http://127.0.0.1:1", parts=(PartFacts("clickhouse", address=url),))
    made = ClickHouseCollector.create(Context(facts))
    assert made is not None
    return made


def run(url: str, query: str) -> httpx.Response:
    return httpx.post(url, content=query.encode(), trust_env=False)


def test_discovers_version_and_settings(collector: ClickHouseCollector) -> None:
    found = collector.discover()

    assert found.part is not None
    assert found.part.version is not None
    assert found.part.version[0].isdigit()
    assert isinstance(found.knobs["clickhouse.max_threads"], int)
    assert isinstance(found.knobs["clickhouse.max_memory_usage"], int)


def test_counts_queries_rows_and_parts(collector: ClickHouseCollector, url: str, table: Table) -> None:
    insert = (
        "INSERT INTO kato.patterns_data (kb_id, name, length) SELECT 'n' || toString(number % 2), "
        "toString(number), 1 FROM numbers(100)"
    )
    before = table(collector, collector.sample())
    assert run(url, insert).is_success
    assert run(url, "SELECT count() FROM kato.patterns_data WHERE length = 1").text.strip() == "100"
    assert not run(url, "SELECT nonsense").is_success
    after = table(collector, collector.sample())

    def grown(metric: str) -> float:
        return after[metric, WHOLE] - before[metric, WHOLE]

    assert set(before) == set(after) == {(metric, WHOLE) for metric in collector.metrics}
    assert grown("inserted_rows_total") == 100
    assert grown("rows") == 100
    assert grown("active_parts") == 2
    assert grown("insert_queries_total") == 1
    assert grown("failed_queries_total") >= 1
    assert grown("select_queries_total") >= 2
    assert grown("disk_bytes") > 0
    assert 0 < grown("query_seconds_total") < 60
    assert after["max_parts_in_partition", WHOLE] >= 1
    assert after["memory_tracking_bytes", WHOLE] > 0
