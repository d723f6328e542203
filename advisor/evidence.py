"""Everything that a rule may look at: plain numbers of one run, no matter where they came from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from advisor import series
from advisor.series import Series

Knob = str | int | float | bool | None

SeriesByKey = Mapping[tuple[str, str, str], Series]

#: Names of the target's parts among the process rows; every other name there is a process of kato-bench.
PARTS = ("kato", "redis", "qdrant", "clickhouse")

_CPU = re.compile(r"cpu\d+")


@dataclass(frozen=True)
class Counts:
    """What the requests of the measure phase say. `requests`: answered well, within the phase. `errors`: by
    kind (`bench.record.vocabulary.ERRORS`). Seconds by operation: `response_p95`, `service_p95`; None where
    the sample is too small. `backlog_grows`: more was due than answered, all through the phase; None if
    unknown (a closed model has no backlog)."""

    requests: int
    errors: Mapping[str, int] = field(default_factory=dict)
    response_p95: Mapping[str, float | None] = field(default_factory=dict)
    service_p95: Mapping[str, float | None] = field(default_factory=dict)
    backlog_grows: bool | None = None


@dataclass(frozen=True)
class RedisUse:
    """What Redis did. `evicted_keys` and `refused_writes` (maxmemory reached) count over the whole record,
    as a key lost in the preload is lost too; the rest is of the measure phase. None: unknown."""

    used_memory_bytes: float | None = None
    memory_growth_bytes: float | None = None
    evicted_keys: float | None = None
    refused_writes: float | None = None
    main_thread_cpu_seconds: float | None = None
    container_limit_bytes: float | None = None


@dataclass(frozen=True)
class Evidence:
    """One run. All numbers are of the measure phase, which lasted `seconds`.

    `cores`: CPUs of the machine, or what the CPU limit of the control group leaves of them. `cpu_seconds`:
    of each part's whole process tree; a part that is missing runs where it cannot be seen.
    `own_cpu_seconds`: of kato-bench's processes, by label. `worker_cpu_seconds`: of each process of KATO,
    by pid. `rss_bytes`: the highest. `stalls`: share of time in which tasks waited, by `cpu_some`,
    `memory_full`, `io_full` and so on. `machine_busy`: share of all CPUs' time, whoever used it.
    `knobs`: canonical name -> value in force; a knob that is missing or None is unknown."""

    counts: Counts
    seconds: float
    cores: float | None = None
    workers: int | None = None
    cpu_seconds: Mapping[str, float] = field(default_factory=dict)
    own_cpu_seconds: Mapping[str, float] = field(default_factory=dict)
    worker_cpu_seconds: Mapping[str, float] = field(default_factory=dict)
    rss_bytes: Mapping[str, float] = field(default_factory=dict)
    stalls: Mapping[str, float] = field(default_factory=dict)
    machine_busy: float | None = None
    redis: RedisUse = RedisUse()
    knobs: Mapping[str, Knob] = field(default_factory=dict)
    versions: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def throughput(self) -> float:
        """Answered requests per second."""
        return self.counts.requests / self.seconds

    def with_knob(self, name: str, value: Knob) -> Evidence:
        """The same run with one knob set otherwise: what a change is expected to make of the evidence."""
        return replace(self, knobs={**self.knobs, name: value})


def from_series(
    rows: SeriesByKey,
    window: tuple[float, float],
    facts: Mapping[str, Any],
    counts: Counts,
    knobs: Mapping[str, Knob] | None = None,
    usable_cores: int | None = None,
) -> Evidence:
    """Build the evidence from a run record.

    `rows`: (source, instance, metric) -> sampled series. `window`: start and end of the measure phase,
    seconds since the origin. `facts`: TargetFacts as JSON. `knobs`: live values, which win over those that
    the facts name as asked for. `usable_cores`: those that the run's processes were bound to."""
    start, end = window
    processes = _increases(rows, "process", "cpu_seconds_total", start, end)
    cpu = {name: used for name, used in processes.items() if name in PARTS}
    if "redis" not in cpu and (used := _redis_cpu(rows, "", start, end)) is not None:
        cpu["redis"] = used
    return Evidence(
        counts=counts,
        seconds=end - start,
        cores=_least(_cores(rows, start, end), usable_cores),
        workers=facts.get("workers"),
        cpu_seconds=cpu,
        own_cpu_seconds={
            name: used for name, used in processes.items() if name not in PARTS and "/" not in name
        },
        worker_cpu_seconds={
            name.removeprefix("kato/"): used for name, used in processes.items() if name.startswith("kato/")
        },
        rss_bytes={
            instance: peak
            for (source, instance, metric), values in rows.items()
            if source == "process" and metric == "rss_bytes" and "/" not in instance
            if (peak := series.highest(values, start, end)) is not None
        },
        stalls=_stalls(rows, start, end),
        machine_busy=series.mean(rows.get(("host", "", "cpu_busy_share")), start, end),
        redis=_redis(rows, start, end),
        knobs={
            **{
                name: _typed(name, value)
                for name, value in {**facts.get("knobs", {}), **(knobs or {})}.items()
            }
        },
        versions={part["name"]: part.get("version") for part in facts.get("parts", ())},
    )


def _increases(rows: SeriesByKey, source: str, metric: str, start: float, end: float) -> dict[str, float]:
    """Increase in the window by instance, where it is known."""
    return {
        instance: grown
        for (origin, instance, name), values in rows.items()
        if (origin, name) == (source, metric)
        if (grown := series.increase(values, start, end)) is not None
    }


def _least(*numbers: float | None) -> float | None:
    return min((number for number in numbers if number is not None), default=None)


def _cores(rows: SeriesByKey, start: float, end: float) -> float | None:
    cpus = sum(
        source == "host" and metric == "cpu_busy_share" and _CPU.fullmatch(instance) is not None
        for source, instance, metric in rows
    )
    quota = series.mean(rows.get(("host", "", "cgroup_cpu_quota_cores")), start, end)
    return (min(float(cpus), quota) if quota is not None else float(cpus)) if cpus else None


def _stalls(rows: SeriesByKey, start: float, end: float) -> dict[str, float]:
    return {
        match[1]: grown / (end - start)
        for (source, _, metric), values in rows.items()
        if source == "host" and (match := re.fullmatch(r"psi_(\w+)_seconds_total", metric))
        if (grown := series.increase(values, start, end)) is not None
    }


def _redis_cpu(rows: SeriesByKey, thread: str, start: float, end: float) -> float | None:
    """User and system CPU as Redis counts them, of all threads or of the `main_thread_`."""
    used = [
        series.increase(rows.get(("redis", "", f"{thread}cpu_{kind}_seconds_total")), start, end)
        for kind in ("user", "sys")
    ]
    return None if None in used else sum(one for one in used if one is not None)


def _redis(rows: SeriesByKey, start: float, end: float) -> RedisUse:
    def row(metric: str) -> Series | None:
        return rows.get(("redis", "", metric))

    return RedisUse(
        used_memory_bytes=series.highest(row("used_memory_bytes"), start, end),
        memory_growth_bytes=series.growth(row("used_memory_bytes"), start, end),
        evicted_keys=series.total_increase(row("evicted_keys_total")),
        refused_writes=series.total_increase(row("oom_errors_total")),
        main_thread_cpu_seconds=_redis_cpu(rows, "main_thread_", start, end),
    )


def _typed(name: str, value: Knob) -> Knob:
    """A value that came as text, as what it means: sizes in bytes, numbers, truth values."""
    from bench.knobs.catalogue import find
    from bench.knobs.knob import KnobError

    if not isinstance(value, str):
        return value
    try:
        return find(name).read(value)
    except KnobError:
        return value
