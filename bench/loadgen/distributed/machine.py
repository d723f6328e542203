"""What a worker says of the machine that it runs on, where no collector of the run can look."""

from __future__ import annotations

import time

import psutil

from bench.collectors import cgroup

#: Sources of metrics. A worker on the run's own machine counts among its processes, one elsewhere does not.
HERE, ELSEWHERE = "process", "worker"


class OwnMachine:
    """Samples of the calling process, its CPU limit, and the time that the hypervisor gave to others."""

    def __init__(self, process: int, origin: float, *, shared: bool) -> None:
        """`shared`: it is the machine on which the run is recorded."""
        self._name = f"load-{process}"
        self._origin = origin
        self._source = HERE if shared else ELSEWHERE
        self._group = cgroup.limiting_group()
        self._before = psutil.cpu_times()

    def sample(self) -> list[list[object]]:
        """Rows of a METRICS frame."""
        values: list[tuple[str, str, float]] = [
            (self._source, "cpu_seconds_total", round(time.process_time(), 3))
        ]
        now, before = psutil.cpu_times(), self._before
        self._before = now
        if hasattr(now, "steal") and (total := sum(now) - sum(before)) > 0:
            values.append((ELSEWHERE, "cpu_steal_share", round((now.steal - before.steal) / total, 5)))
        counters = None if self._group is None else cgroup.read_throttling(self._group)
        if counters is not None:
            values.append((ELSEWHERE, "cgroup_cpu_periods_total", counters.periods))
            values.append((ELSEWHERE, "cgroup_cpu_throttled_periods_total", counters.throttled_periods))
        t = round(time.monotonic() - self._origin, 4)
        return [[t, source, self._name, metric, float(value)] for source, metric, value in values]
