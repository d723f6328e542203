"""From sampled series to evidence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from advisor.evidence import (
    PARTS,
    ClickHouseUse,
    Collection,
    Counts,
    Evidence,
    KeyFamily,
    Knob,
    Load,
    QdrantUse,
    RedisUse,
)
from bench.stats import series
from bench.stats.series import Series

SeriesByKey = Mapping[tuple[str, str, str], Series]

#: With fewer patterns or observations the growth of Redis' memory is that of its tables and buffers.
LEAST_LEARNED, LEAST_OBSERVATIONS = 200, 300

_CPU = re.compile(r"cpu\d+")
_YELLOW = 1.0
_GLOBAL_STREAM = "stm:global"


def from_series(
    rows: SeriesByKey,
    window: tuple[float, float],
    facts: Mapping[str, Any],
    counts: Counts,
    knobs: Mapping[str, Knob] | None = None,
    usable_cores: int | None = None,
    *,
    load: Load | None = None,
    preload: tuple[float, float] | None = None,
) -> Evidence:
    """Build the evidence from a run record.

    `rows`: (source, instance, metric) -> sampled series. `window`: start and end of the measure phase,
    seconds since the origin. `facts`: TargetFacts as JSON. `knobs`: live values, which win over those that
    the facts name as asked for. `usable_cores`: those that the run's processes were bound to. `preload`:
    start and end of the preload."""
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
        run_delay_seconds={
            name: waited
            for name, waited in _increases(rows, "process", "run_delay_seconds_total", start, end).items()
            if name in PARTS
        },
        rss_bytes=_resident(rows, lambda values: series.highest(values, start, end)),
        rss_growth_bytes=_resident(rows, lambda values: series.growth(values, start, end)),
        stalls=_stalls(rows, start, end),
        machine_busy=series.mean(rows.get(("host", "", "cpu_busy_share")), start, end),
        load=load or Load(),
        redis=_redis(rows, (start, end), preload, load or Load(), counts),
        qdrant=_qdrant(rows, start, end),
        clickhouse=ClickHouseUse(
            *(
                series.highest(rows.get(("clickhouse", "", metric)), start, end)
                for metric in ("rows", "max_parts_in_partition")
            )
        ),
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


def _resident(rows: SeriesByKey, told: Callable[[Series], float | None]) -> dict[str, float]:
    """What is told of the resident memory of each process tree, by label."""
    return {
        instance: number
        for (source, instance, metric), values in rows.items()
        if source == "process" and metric == "rss_bytes" and "/" not in instance
        if (number := told(values)) is not None
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


def _redis(
    rows: SeriesByKey,
    window: tuple[float, float],
    preload: tuple[float, float] | None,
    load: Load,
    counts: Counts,
) -> RedisUse:
    def row(metric: str, instance: str = "") -> Series | None:
        return rows.get(("redis", instance, metric))

    used, resident = (
        series.mean(row(metric), *window) for metric in ("used_memory_bytes", "used_memory_rss_bytes")
    )
    grown = series.growth(row("used_memory_bytes"), *window)
    taught = series.growth(row("used_memory_bytes"), *preload) if preload is not None else None
    observations = sum(counts.answered.get(operation, 0) for operation in ("observe", "sequence"))
    stream = row("stream_entries", _GLOBAL_STREAM)
    return RedisUse(
        used_memory_bytes=series.highest(row("used_memory_bytes"), *window),
        memory_growth_bytes=grown,
        evicted_keys=series.total_increase(row("evicted_keys_total")),
        refused_writes=series.total_increase(row("oom_errors_total")),
        lost_meanwhile=_sum(
            series.increase(row(metric), *window) for metric in ("evicted_keys_total", "oom_errors_total")
        ),
        main_thread_cpu_seconds=_redis_cpu(rows, "main_thread_", *window),
        bytes_per_pattern=_each(taught, load.learned, LEAST_LEARNED),
        bytes_per_observation=_each(grown, observations, LEAST_OBSERVATIONS),
        fragmentation=series.mean(row("mem_fragmentation_ratio"), *window),
        wasted_bytes=resident - used if resident is not None and used is not None else None,
        keys=series.highest(row("keys"), *window),
        stream_entries=series.highest(stream, *window),
        stream_bytes=series.highest(row("stream_bytes", _GLOBAL_STREAM), *window),
        stream_growth=series.growth(stream, *window),
        system_memory_bytes=series.last(row("total_system_memory_bytes"), *window),
        families=_families(rows),
    )


def _sum(numbers: Iterable[float | None]) -> float | None:
    """Of those that are known; None if none is."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def _each(grown: float | None, number: int | None, least: int) -> float | None:
    """Growth per thing, None where too few things were made to tell."""
    return max(0.0, grown) / number if grown is not None and number is not None and number >= least else None


def _families(rows: SeriesByKey) -> dict[str, KeyFamily]:
    def drawn(family: str, metric: str) -> float:
        return series.total_of(rows.get(("redis", family, metric)))

    names = {
        instance for source, instance, metric in rows if (source, metric) == ("redis", "sampled_keys_total")
    }
    return {
        name: KeyFamily(
            sampled=int(number),
            without_ttl=int(drawn(name, "sampled_keys_without_ttl_total")),
            mean_bytes=drawn(name, "sampled_bytes_total") / number,
        )
        for name in names
        if (number := drawn(name, "sampled_keys_total"))
    }


def _qdrant(rows: SeriesByKey, start: float, end: float) -> QdrantUse:
    def last(name: str, metric: str) -> int | None:
        value = series.last(rows.get(("qdrant", name, metric)), start, end)
        return None if value is None else int(value)

    names = sorted(
        {instance for source, instance, metric in rows if (source, metric) == ("qdrant", "points")}
    )
    states = [series.within(rows.get(("qdrant", name, "status")), start, end) for name in names]
    seen = [float((values == _YELLOW).mean()) for values in states if values.size]
    return QdrantUse(
        collections=tuple(
            Collection(name, points, last(name, "indexed_vectors"), last(name, "segments"))
            for name in names
            if (points := last(name, "points")) is not None
        ),
        optimising=max(seen, default=None),
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
