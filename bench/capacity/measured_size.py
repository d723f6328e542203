"""What a run record says for the growth of cost: times by operation, and what the stores held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.capacity.growth import SizeOutcome
from bench.capacity.laws import subject
from bench.capacity.observe import binding
from bench.gate.objectives import Objective
from bench.record import redis_full
from bench.record.estimates import Estimates
from bench.record.reader import RunRecord
from bench.stats.quantiles import Estimate
from bench.stats.series import Series

#: Gauge -> (source, instance, metric).
_GAUGES = {
    "redis": ("redis", "", "used_memory_bytes"),
    "clickhouse_disk": ("clickhouse", "", "disk_bytes"),
    "clickhouse_rss": ("process", "clickhouse", "rss_bytes"),
    "kato_rss": ("process", "kato", "rss_bytes"),
}
#: Operations rarer than this share get no law of their own.
_LEAST_SHARE = 0.05
MEAN_SERVICE = "service mean"


def size_outcome(record: RunRecord, patterns: int, sessions: int, bounds: Sequence[Objective]) -> SizeOutcome:
    """The outcome of a finished run; one that was stopped is marked and holds nothing else."""
    manifest = record.manifest
    rate, seconds = manifest.plan.rate or 0.0, manifest.plan.phases.measure
    soundness = manifest.soundness
    if manifest.status != "finished" or soundness is None:
        return SizeOutcome(patterns, sessions, rate, seconds, run=manifest.run, interrupted=True)
    estimates = Estimates(record)
    total = estimates.count().requests
    requests = {name: estimates.count(name).requests for name in record.operations()}
    names = [name for name, count in requests.items() if count and count >= _LEAST_SHARE * total]
    medians = {name: estimates.percentile(0.5, name, "service") for name in names}
    first = binding(record)
    metrics, measure, preload = record.metrics(), record.phase("measure"), record.phase("preload")
    return SizeOutcome(
        patterns,
        sessions,
        rate,
        seconds,
        statistics=_statistics(estimates, names, medians, bounds),
        requests={name: requests[name] for name in names},
        slowest=max((one.value for one in medians.values() if one.value is not None), default=None),
        learned=_gauges(metrics, preload.end if preload else None),
        final=_gauges(metrics, measure.end if measure else None),
        evicted=redis_full.evicted(metrics),
        refused=redis_full.refused(metrics),
        utilisation=first.utilisation if first else None,
        machine_busy=first.machine_busy if first else None,
        level=soundness.level,
        conditions=tuple(reason.code for reason in soundness.reasons),
        reasons=tuple(reason.sentence for reason in soundness.reasons),
        run=manifest.run,
    )


def _statistics(
    estimates: Estimates, names: Sequence[str], medians: Mapping[str, Estimate], bounds: Sequence[Objective]
) -> dict[str, Estimate]:
    found = {MEAN_SERVICE: estimates.answered_mean(None, "service")}
    for name in names:
        found[f"service p50({name})"] = medians[name]
        found[f"service p95({name})"] = estimates.percentile(0.95, name, "service")
    for bound in bounds:
        estimate = estimates.estimate(bound.statistic, bound.operation)
        if estimate is not None:
            found[subject(bound)] = estimate
    return found


def _gauges(metrics: Mapping[tuple[str, str, str], Series], at: float | None) -> dict[str, float]:
    """Each gauge as it was sampled next after a moment, or last before it."""
    found = {}
    for gauge, key in _GAUGES.items():
        if at is not None and key in metrics:
            times, values = metrics[key]
            after = values[times >= at]
            found[gauge] = float(after[0] if len(after) else values[-1])
    return found
