"""The machine that kato-bench runs on: CPUs, memory, pressure, throttling, disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import psutil

from bench.collectors import cgroup
from bench.collectors.base import WHOLE, Collector, Context, Discovery, Metric, Row, counter, gauge

_PRESSURE = Path("/proc/pressure")
_RESOURCES = ("cpu", "memory", "io")

_METRICS = {
    "cpu_busy_share": gauge("share of time at work since the sample before; per CPU and of all CPUs"),
    "cpu_iowait_share": gauge("share of time idle with I/O outstanding"),
    "cpu_steal_share": gauge("share of time that the hypervisor gave to other machines"),
    "memory_total_bytes": gauge("physical memory", "bytes"),
    "memory_available_bytes": gauge("memory that can be had without swapping", "bytes"),
    "load_average_1m": gauge("tasks that run, wait to run or wait for the disk, over about a minute"),
    "disk_free_bytes": gauge("free for us where the run is recorded; instance = folder", "bytes"),
    "cgroup_cpu_quota_cores": gauge("CPU limit of our control group, if it has one", "cores"),
    "cgroup_cpu_periods_total": counter("CFS enforcement periods of our control group"),
    "cgroup_cpu_throttled_periods_total": counter("periods in which our control group was throttled"),
    "cgroup_cpu_throttled_seconds_total": counter("time that our control group was held back", "seconds"),
    **{
        f"psi_{resource}_{kind}_seconds_total": counter(f"{meaning} {resource}", "seconds")
        for resource in _RESOURCES
        for kind, meaning in (
            ("some", "time in which at least one task waited for"),
            ("full", "time in which every task with work to do waited for"),
        )
    },
}


class HostCollector:
    source: ClassVar[str] = "host"
    metrics: ClassVar[Mapping[str, Metric]] = _METRICS
    min_interval: ClassVar[float] = 0.0

    def __init__(self) -> None:
        self._before = _cpu_times()
        self._folder = Path.cwd()
        self._pressure = [name for name in _RESOURCES if (_PRESSURE / name).exists()]
        self._group = cgroup.limiting_group()

    @classmethod
    def create(cls, context: Context) -> Self | None:
        return cls()

    def discover(self) -> Discovery:
        return Discovery()

    def sample(self) -> list[Row]:
        memory = psutil.virtual_memory()
        return [
            *self._shares(),
            ("memory_total_bytes", WHOLE, float(memory.total)),
            ("memory_available_bytes", WHOLE, float(memory.available)),
            ("load_average_1m", WHOLE, psutil.getloadavg()[0]),
            ("disk_free_bytes", str(self._folder), float(psutil.disk_usage(str(self._folder)).free)),
            *self._stalls(),
            *self._throttling(),
        ]

    def close(self) -> None: ...

    def _shares(self) -> Iterator[Row]:
        after = _cpu_times()
        for instance, now in after.items():
            before = self._before.get(instance)
            if before is None or (total := now["total"] - before["total"]) <= 0:
                continue
            for kind in ("busy", "iowait", "steal"):
                share = min(1.0, max(0.0, (now[kind] - before[kind]) / total))
                yield f"cpu_{kind}_share", instance, round(share, 5)
        self._before = after

    def _stalls(self) -> Iterator[Row]:
        for resource in self._pressure:
            for line in (_PRESSURE / resource).read_text().splitlines():
                kind, *fields = line.split()
                total = int(fields[-1].removeprefix("total="))
                yield f"psi_{resource}_{kind}_seconds_total", WHOLE, total / 1e6

    def _throttling(self) -> Iterator[Row]:
        if self._group is None or (counters := cgroup.read_throttling(self._group)) is None:
            return
        if (quota := cgroup.quota_cores(self._group)) is not None:
            yield "cgroup_cpu_quota_cores", WHOLE, quota
        yield "cgroup_cpu_periods_total", WHOLE, float(counters.periods)
        yield "cgroup_cpu_throttled_periods_total", WHOLE, float(counters.throttled_periods)
        yield "cgroup_cpu_throttled_seconds_total", WHOLE, counters.throttled_seconds


def _cpu_times() -> dict[str, dict[str, float]]:
    """Seconds busy, waiting for I/O, stolen and in total, of every CPU (`cpu0`, …) and of all together."""
    every = {f"cpu{index}": _fold(times) for index, times in enumerate(psutil.cpu_times(percpu=True))}
    whole = {kind: sum(one[kind] for one in every.values()) for kind in ("busy", "iowait", "steal", "total")}
    return {WHOLE: whole, **every}


def _fold(times: Any) -> dict[str, float]:
    """Guest time is already part of user time, so it is left out of the total (proc(5), /proc/stat)."""
    spent = {name: value for name, value in times._asdict().items() if not name.startswith("guest")}
    iowait, steal = spent.get("iowait", 0.0), spent.get("steal", 0.0)
    total = sum(spent.values())
    return {
        "busy": total - spent["idle"] - iowait - steal,
        "iowait": iowait,
        "steal": steal,
        "total": total,
    }


COLLECTOR: type[Collector] = HostCollector
