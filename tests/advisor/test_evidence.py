"""From sampled series, as the record hands them out, to evidence."""

from __future__ import annotations

import numpy as np
import pytest

from advisor.evidence import Counts
from advisor.from_series import SeriesByKey, from_series
from bench.targets.base import PartFacts, TargetFacts

TIMES = np.arange(0.0, 41.0)
WINDOW = (5.0, 35.0)
COUNTS = Counts(600, {"overload": 3}, {"predict": 0.05}, {"predict": 0.04}, backlog_grows=False)
FACTS = TargetFacts(
    "embedded",
    "http://127.0.0.1:8000",
    workers=2,
    parts=(PartFacts("kato", version="3.10.1"), PartFacts("redis", version="9.1.2")),
    knobs={"redis.maxmemory": "64mb", "redis.appendonly": "yes", "redis.save": ""},
).to_json()


def counter(per_second: float, start: float = 100.0) -> tuple[np.ndarray, np.ndarray]:
    return TIMES, start + per_second * TIMES


def gauge(value: float) -> tuple[np.ndarray, np.ndarray]:
    return TIMES, np.full_like(TIMES, value)


def rows() -> dict[tuple[str, str, str], tuple[np.ndarray, np.ndarray]]:
    return {
        ("host", "", "cpu_busy_share"): gauge(0.4),
        **{("host", f"cpu{index}", "cpu_busy_share"): gauge(0.4) for index in range(4)},
        ("host", "", "psi_cpu_some_seconds_total"): counter(0.1),
        ("host", "", "psi_memory_full_seconds_total"): counter(0.0),
        ("process", "kato", "cpu_seconds_total"): counter(0.5),
        ("process", "kato/11", "cpu_seconds_total"): counter(0.4),
        ("process", "kato/12", "cpu_seconds_total"): counter(0.1),
        ("process", "redis", "cpu_seconds_total"): counter(0.2),
        ("process", "load-0", "cpu_seconds_total"): counter(0.3),
        ("process", "kato", "run_delay_seconds_total"): counter(0.05),
        ("process", "load-0", "run_delay_seconds_total"): counter(0.01),
        ("process", "kato", "rss_bytes"): (TIMES, 1e6 * TIMES),
        ("clickhouse", "", "max_parts_in_partition"): gauge(12),
        ("redis", "", "used_memory_bytes"): (TIMES, 1e6 + 1e3 * TIMES),
        ("redis", "", "evicted_keys_total"): (TIMES, np.where(TIMES < 2, 7.0, 9.0)),
        ("redis", "", "main_thread_cpu_user_seconds_total"): counter(0.05),
        ("redis", "", "main_thread_cpu_sys_seconds_total"): counter(0.03),
        ("redis", "", "cpu_user_seconds_total"): counter(0.1),
        ("redis", "", "cpu_sys_seconds_total"): counter(0.1),
    }


def test_from_series() -> None:
    live = {"redis.maxmemory": 20 << 20, "redis.maxmemory-policy": "allkeys-lru"}
    found = from_series(rows(), WINDOW, FACTS, COUNTS, live)

    assert found.counts is COUNTS
    assert found.seconds == 30
    assert found.throughput == 20
    assert found.cores == 4
    assert found.workers == 2
    assert found.cpu_seconds == pytest.approx({"kato": 15, "redis": 6})
    assert found.own_cpu_seconds == pytest.approx({"load-0": 9})
    assert found.worker_cpu_seconds == pytest.approx({"11": 12, "12": 3})
    assert found.run_delay_seconds == pytest.approx({"kato": 1.5})
    assert found.rss_bytes == {"kato": 35e6}
    assert found.rss_growth_bytes == {"kato": 30e6}
    assert found.clickhouse.parts_in_partition == 12
    assert found.clickhouse.rows is None
    assert found.stalls == pytest.approx({"cpu_some": 0.1, "memory_full": 0})
    assert found.machine_busy == pytest.approx(0.4)
    assert found.redis.used_memory_bytes == 1e6 + 35e3
    assert found.redis.memory_growth_bytes == pytest.approx(30e3)
    assert found.redis.main_thread_cpu_seconds == pytest.approx(2.4)
    assert found.redis.evicted_keys == 2, "those of the preload count"
    assert found.redis.refused_writes is None
    assert found.versions == {"kato": "3.10.1", "redis": "9.1.2"}
    assert found.knobs == {
        "redis.maxmemory": 20 << 20,
        "redis.maxmemory-policy": "allkeys-lru",
        "redis.appendonly": "yes",
        "redis.save": "",
    }


def test_the_collectors_yield_what_is_read() -> None:
    from bench.collectors.registry import catalogue

    metrics = catalogue()
    read = {(source, metric) for source, _, metric in rows()} | {
        ("host", "cgroup_cpu_quota_cores"),
        ("redis", "oom_errors_total"),
    }
    assert [pair for pair in read if pair[1] not in metrics[pair[0]]] == []


def test_values_that_were_asked_for_as_text_are_read() -> None:
    assert from_series({}, WINDOW, FACTS, COUNTS).knobs["redis.maxmemory"] == 64 << 20
    odd = from_series({}, WINDOW, {"knobs": {"redis.maxmemory": "lots", "what.ever": "1"}}, COUNTS)
    assert odd.knobs == {"redis.maxmemory": "lots", "what.ever": "1"}


def test_redis_elsewhere_counts_its_own_cpu() -> None:
    elsewhere = {key: value for key, value in rows().items() if key[0] == "redis"}
    found = from_series(elsewhere, WINDOW, FACTS, COUNTS)

    assert found.cpu_seconds == pytest.approx({"redis": 6})
    assert found.cores is None


def test_a_cpu_limit_is_what_counts() -> None:
    limited = {**rows(), ("host", "", "cgroup_cpu_quota_cores"): gauge(1.5)}
    assert from_series(limited, WINDOW, FACTS, COUNTS).cores == 1.5


def test_series_that_miss_the_window_say_nothing() -> None:
    late: SeriesByKey = {key: (times + 100, values) for key, (times, values) in rows().items()}
    found = from_series(late, WINDOW, FACTS, COUNTS)

    assert found.cpu_seconds == {}
    assert found.machine_busy is None
    assert found.redis.used_memory_bytes is None
    assert found.redis.evicted_keys == 2
