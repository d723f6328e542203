"""What a run record holds for the judgement of its soundness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from bench.gate.disturbance import foreign_cores
from bench.gate.soundness import THROTTLED, Loss, Measurements
from bench.record.estimates import Estimates
from bench.record.manifest import Settling
from bench.record.reader import RunRecord
from bench.stats import steady
from bench.stats.series import Series, mean, per_second, within

if TYPE_CHECKING:
    from bench.record.manifest import LoadEnds, Phase
    from bench.targets.base import TargetFacts

_OPTIMISING = 1.0

#: Operations rarer than this share of all requests are not asked whether they are steady.
LEAST_SHARE = 0.2

Metrics = Mapping[tuple[str, str, str], Series]


def measurements(record: RunRecord, load: LoadEnds) -> Measurements:
    """Gather them from the rows, histograms and metrics of the measure phase; `load` is what the load
    children said when they ended."""
    phase = record.phase("measure")
    if phase is None or phase.end is None:
        return Measurements(due=0)
    estimates = Estimates(record)
    typical = estimates.percentile(0.95, kind="service").value or 0.0
    settled = min(typical, (phase.end - phase.start) / 2)
    plan = record.manifest.plan
    # More are open at a higher rate: where it changes, only those count that have waited longer than usual.
    waited = 0.0 if plan.closed or plan.stationary else _usual_wait(record, phase)
    rows = _Rows(record, phase, settled, waited)
    metrics, window = record.metrics(), (phase.start, phase.end)
    throttled = _throttled(metrics, window)
    target = record.manifest.target
    statuses = [
        within(series, *window)
        for (source, _, name), series in metrics.items()
        if (source, name) == ("qdrant", "status")
    ]
    qdrant_seen = any(source == "qdrant" for source, _, _ in metrics)
    ends = [end for end in load.ends if "in_flight_seconds" in end]
    processes = record.manifest.plan.loaders.number
    lost = tuple(Loss(one.process, processes, one.due, one.unsent) for one in load.lost)
    # A request that fell due in a process that had died was not sent for a reason of the generator's.
    unsent = sum(loss.unsent for loss in lost)
    return Measurements(
        due=record.count(None, "measure").requests + unsent,
        dropped_by_generator=rows.dropped_late + unsent,
        dropped_by_target=rows.dropped - rows.dropped_late,
        dispatch_lag_p99=estimates.percentile(0.99, kind="lag").value,
        response_p95=record.histogram().quantile(0.95),
        generator_cpu=_generator_cpu(metrics, window),
        throttled=throttled,
        steal=_steal(metrics, window),
        in_flight_integral=sum(end["in_flight_seconds"] - end["unanswered_seconds"] for end in ends)
        if ends and not load.missing_end
        else None,
        busy_seconds=rows.busy_seconds,
        lost=lost,
        backlog_start=rows.open_at_start,
        backlog_end=rows.open_at_end,
        steadiness=_steadiness(estimates),
        settled=record.settling.settled if record.settling else None,
        qdrant_optimising=any((values == _OPTIMISING).any() for values in statuses) if qdrant_seen else None,
        foreign_cores=foreign_cores(record.manifest, metrics, window),
        cores=record.manifest.fingerprint.must_match.cores,
        target_throttled=_target_throttled(metrics, window, target, throttled),
    )


class _Rows:
    """Sums over all rows, read once in batches. `settled`: seconds into the phase from which the backlog can
    tell something; a target that answers after a second has a second's worth of requests open. `waited`: how
    long a request is open before it counts as backlog."""

    def __init__(self, record: RunRecord, measure: Phase, settled: float, waited: float) -> None:
        assert measure.end is not None
        timeout = record.manifest.plan.timeout
        self.dropped = self.dropped_late = self.open_at_start = self.open_at_end = 0
        self.busy_seconds = 0.0
        for batch in record.batches(("due", "picked", "done", "phase", "error")):
            due, picked, done = (
                batch.column(name).to_numpy(zero_copy_only=False) for name in ("due", "picked", "done")
            )
            measured = pc.equal(batch.column("phase"), "measure").to_numpy(False)
            dropped = pc.equal(batch.column("error"), "dropped").to_numpy(False) & measured
            self.dropped += int(dropped.sum())
            self.dropped_late += int((dropped & (picked - due > timeout / 2)).sum())
            self.busy_seconds += float(np.nansum(done - picked))
            # Who got no answer had given up waiting by then.
            over = np.where(np.isnan(done), due + timeout, done)
            self.open_at_start += _open(due + waited, over, measure.start + settled)
            self.open_at_end += _open(due + waited, over, measure.end)


def _usual_wait(record: RunRecord, measure: Phase) -> float:
    """The response time that 95 % of the answers of the first half stayed within; 0 if there are none."""
    assert measure.end is not None
    middle = (measure.start + measure.end) / 2
    waits = [np.empty(0)]
    for batch in record.batches(("due", "done")):
        due, done = (batch.column(name).to_numpy(zero_copy_only=False) for name in ("due", "done"))
        waits.append((done - due)[(due >= measure.start) & (due < middle) & ~np.isnan(done)])
    answered = np.concatenate(waits)
    return float(np.quantile(answered, 0.95)) if len(answered) else 0.0


def _open(due: NDArray[np.float64], over: NDArray[np.float64], at: float) -> int:
    """Requests that were due by then and not yet over."""
    return int(((due <= at) & (over > at)).sum())


def _throttled(metrics: Metrics, window: tuple[float, float]) -> float | None:
    """Share of the control group's periods in which it was held back; a group without a quota has none. Of
    several machines, the worst."""
    shares = []
    for source, instance in _machines(metrics):
        held, all_ = (
            per_second(metrics.get((source, instance, f"cgroup_cpu_{name}_total")), *window)
            for name in ("throttled_periods", "periods")
        )
        if held is not None and all_ is not None:
            shares.append(held / all_ if all_ else 0.0)
    return max(shares, default=None)


def _target_throttled(
    metrics: Metrics, window: tuple[float, float], target: TargetFacts | None, own: float | None
) -> bool | None:
    """Whether a CPU limit held a part of the target back; None where nobody could tell. `own`: the share of
    the generator's control group, which what is started for the run is in."""
    if target is None or target.kind in ("embedded", "source"):
        return None if own is None or target is None else own > THROTTLED
    parts = {one.name for one in target.containers if one.part is not None}
    shares = []
    for source, instance, name in metrics:
        service, _, number = instance.rpartition("-")
        named = {instance, service if number.isdecimal() else instance}
        if (source, name) != ("docker", "running") or not named & parts:
            continue
        held, all_ = (
            per_second(metrics.get((source, instance, f"cpu_{kind}_total")), *window)
            for kind in ("throttled_periods", "periods")
        )
        # A container without a CPU limit has no periods.
        shares.append(held / all_ if held and all_ else 0.0)
    return max(shares) > THROTTLED if shares else None


def _steal(metrics: Metrics, window: tuple[float, float]) -> float | None:
    """Of several machines, the worst."""
    shares = [
        mean(metrics.get((source, instance, "cpu_steal_share")), *window)
        for source, instance in _machines(metrics)
    ]
    return max((share for share in shares if share is not None), default=None)


def _machines(metrics: Metrics) -> list[tuple[str, str]]:
    """Source and instance of the machine that recorded the run, and of each worker's."""
    workers = {(source, instance) for source, instance, _ in metrics if source == "worker"}
    return [("host", ""), *sorted(workers)]


def _generator_cpu(metrics: Metrics, window: tuple[float, float]) -> float | None:
    """The busiest load process' share of its core, as the collector or a worker itself saw it."""
    shares = [
        share
        for (source, instance, name), series in metrics.items()
        if source in ("process", "worker") and name == "cpu_seconds_total" and instance.startswith("load-")
        if (share := per_second(series, *window)) is not None
    ]
    return max(shares, default=None)


def settling(record: RunRecord) -> Settling | None:
    """How much of the measure phase was still warm-up: of the operation that took longest to settle, of those
    that are frequent enough. None where the arrivals are not stationary, so that nothing has to settle.

    In an open model the schedule makes the rate, so that response times alone tell. What is found counts once
    it stands in the manifest (`RunRecord.settled_from`)."""
    phase = record.phase("measure")
    if not record.manifest.plan.stationary or phase is None:
        return None
    found = [steady.settle(*steady.medians(record.per_second(name))) for name in _frequent(Estimates(record))]
    if any(one.reached is False for one in found):
        return Settling(settled=False)
    start = max((one.start for one in found if one.start is not None), default=None)
    reached = True if any(one.reached for one in found) else None
    return Settling(cut=max(0.0, start - phase.start) if start else 0.0, start=start, settled=reached)


def _steadiness(estimates: Estimates) -> steady.Steadiness | None:
    """Of the operation that drifts, if one does, else of the most frequent: the median over operations of
    unlike cost lies between them and sees the drift of none.

    Asked only of an open model with a rate that does not change: a closed one slows with its target, and
    where the load changes, response times may."""
    record = estimates.record
    if not record.manifest.plan.stationary:
        return None
    judged = [steady.assess(*steady.medians(record.per_second(name))) for name in _frequent(estimates)]
    drifting = [one for one in judged if one.steady is False]
    return next(iter(drifting or judged), None)


def _frequent(estimates: Estimates) -> list[str]:
    """The operations that are asked whether they are steady, the most frequent first."""
    counts = {name: estimates.count(name).requests for name in estimates.record.operations()}
    least = LEAST_SHARE * estimates.count().requests
    return [name for name in sorted(counts, key=lambda name: -counts[name]) if counts[name] >= least]
