from __future__ import annotations

import time
from collections.abc import Callable

import psutil
import pytest

from bench.collectors.base import WHOLE, Collector, Context, Row
from bench.collectors.sources.host import HostCollector
from bench.targets.base import TargetFacts

Table = Callable[[Collector, list[Row]], dict[tuple[str, str], float]]


@pytest.fixture
def host() -> HostCollector:
    made = HostCollector.create(Context(TargetFacts("url", "http://127.0.0.1:1")))
    assert made is not None
    return made


def spin(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_shares_show_the_work_of_this_machine(host: HostCollector, table: Table) -> None:
    begin = time.monotonic()
    spin(0.5)
    values = table(host, host.sample())
    cores = psutil.cpu_count()

    # This thread alone kept a core busy for half a second; the clock of /proc/stat ticks 100 times a second.
    assert values["cpu_busy_share", WHOLE] >= 0.7 * 0.5 / ((time.monotonic() - begin) * cores)
    shares = [value for (metric, _), value in values.items() if metric.endswith("_share")]
    assert all(0 <= share <= 1 for share in shares)
    assert len([instance for metric, instance in values if metric == "cpu_busy_share"]) == cores + 1


def test_memory_and_disk(host: HostCollector, table: Table) -> None:
    values = table(host, host.sample())

    assert 0 < values["memory_available_bytes", WHOLE] < values["memory_total_bytes", WHOLE]
    assert next(value for (metric, _), value in values.items() if metric == "disk_free_bytes") > 0


def test_pressure_totals_only_grow(host: HostCollector, table: Table) -> None:
    before = table(host, host.sample())
    spin(0.1)
    after = table(host, host.sample())

    counters = [key for key in before if host.metrics[key[0]].kind == "counter"]
    assert counters
    assert all(after[key] >= before[key] for key in counters)
