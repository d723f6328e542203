"""What a run counts for in a comparison: one number per operation and metric.

Requests of one run resemble each other, so that a comparison of single latencies finds differences where
there are none. The run is therefore the unit: everything in this room that compares works on these values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench.gate.disturbance import Metrics, busy_share, foreign_cores
from bench.gate.soundness import DISTURBED
from bench.plan import load_shape
from bench.record.manifest import MustMatch
from bench.record.recall import as_kato_asks, recall_of
from bench.record.vocabulary import LOST, OPERATIONS
from bench.stats.quantiles import required
from bench.stats.series import mean, per_second

if TYPE_CHECKING:
    from bench.record.manifest import Manifest, Totals, Verification
    from bench.record.reader import RunRecord

#: A drift within a run is not among them: pairs in turns and one value a run take it in, and in short runs
#: it is often chance.
_TRANSIENT = frozenset({DISTURBED, "qdrant_optimising", "target_throttled"})
#: The name under which what belongs to no single operation stands.
ALL = "all"


@dataclass(frozen=True)
class Metric:
    """`scale`: how two sides are set against each other: by ratio, by the difference of counted shares, or by
    that of shares that each run has estimated as one value (points). `worse`: the direction
    of a change that a user would regret."""

    name: str
    title: str
    unit: Literal["s", "share", "1/s"]
    scale: Literal["ratio", "difference", "points"] = "ratio"
    worse: Literal["higher", "lower"] = "higher"


METRICS = {
    metric.name: metric
    for metric in (
        Metric("service_p50", "service p50", "s"),
        Metric("service_p95", "service p95", "s"),
        Metric("response_p50", "response p50", "s"),
        Metric("response_p95", "response p95", "s"),
        Metric("kato_cpu", "KATO CPU per request", "s"),
        Metric("target_cpu", "target CPU per request", "s"),
        Metric("errors", "error share", "share", scale="difference"),
        Metric("rate", "rate", "1/s", worse="lower"),
        Metric("recall_10", "recall@10", "share", scale="points", worse="lower"),
        Metric("recall_3", "recall@3", "share", scale="points", worse="lower"),
    )
}


#: Seconds, shares, per second: none of them is negative, and none without a number is kept.
Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]


class Compared(BaseModel):
    """What may differ between two sides, because it is what they are compared for."""

    model_config = ConfigDict(extra="forbid")

    kind: str
    url: str | None = None
    source: str | None = Field(default=None, description="path of the checkout")
    commit: str | None = Field(default=None, description="of the checkout; + where files differ from it")
    kato: str | None = Field(default=None, description="KATO's version")
    profile: str | None = None
    knobs: dict[str, str] = Field(default_factory=dict, description="as set, by canonical name")
    faults: dict[str, str] = Field(default_factory=dict)


class RunValues(BaseModel):
    """One run. `values`: operation or "all" -> metric -> value; seconds, shares from 0 to 1, per second.

    What the run does not carry is left out: a percentile of too few requests, one that lies among requests
    without an answer, CPU that nobody sampled. `errors` are counts: operation -> failed requests, and of
    predictions those too that `--verify` found wrong."""

    model_config = ConfigDict(extra="forbid")

    run: str
    status: Literal["running", "finished", "interrupted"]
    soundness: Literal["sound", "qualified", "unsound"] | None
    reasons: list[str] = Field(default_factory=list, description="why it is not simply sound")
    overloaded: bool = Field(default=False, description="times are lower bounds")
    transient: bool = Field(default=False, description="under a condition that passes: measuring again helps")
    values: dict[str, dict[str, Number]]
    requests: dict[str, Count]
    errors: dict[str, Count]
    must_match: MustMatch
    foreign_cores: Number | None = Field(
        default=None, description="cores that other processes of the machine kept busy meanwhile"
    )
    machine_busy: float | None = Field(
        default=None, description="share of the machine's CPU time that was used meanwhile, by whomever"
    )
    machine_seconds: Number | None = Field(
        default=None,
        description="CPU time of the collector's fixed piece of work meanwhile: how slow the machine was",
    )
    load: dict[str, Any] = Field(description="the plan without its target: what was sent, how, for how long")
    compared: Compared

    @model_validator(mode="after")
    def _is_of_one_run(self) -> RunValues:
        if unknown := {*self.values, *self.requests, *self.errors} - {*OPERATIONS, ALL}:
            raise ValueError(f"there is no operation {min(unknown)}")
        if self.errors.keys() != self.requests.keys():
            raise ValueError("requests and errors are not of the same operations")
        for name, failed in self.errors.items():
            if failed > self.requests[name]:
                raise ValueError(f"{name} has more errors than requests")
        for name, values in self.values.items():
            if unknown := values.keys() - METRICS.keys():
                raise ValueError(f"{name} has {min(unknown)}, which is no metric")
            if values.get("errors", 0.0) > 1:
                raise ValueError(f"{name} has a share of errors above 1")
        return self

    def value(self, operation: str, metric: str) -> float | None:
        return self.values.get(operation, {}).get(metric)


def run_values(record: RunRecord) -> RunValues:
    """Reads the rows of the measure phase once. Raises UsageError if the folder is no run."""
    manifest, soundness = record.manifest, record.manifest.soundness
    reasons = soundness.reasons if soundness else []
    operations = [name for name in record.operations() if record.count(name).requests]
    counts = {name: record.count(None if name == ALL else name) for name in (*operations, ALL)}
    errors = _errors(manifest.verification, counts)
    target = manifest.plan.target
    phase, metrics = record.phase("measure"), record.metrics()
    window = (phase.start, phase.end) if phase is not None and phase.end and phase.end > phase.start else None
    return RunValues(
        run=manifest.run,
        status=manifest.status,
        soundness=soundness.level if soundness else None,
        reasons=[reason.sentence for reason in reasons],
        overloaded=any(reason.code == "overloaded" for reason in reasons),
        transient=any(reason.code in _TRANSIENT for reason in reasons),
        values=_values(record, operations, counts, errors, metrics, window),
        requests={name: totals.requests for name, totals in counts.items()},
        errors=errors,
        must_match=manifest.fingerprint.must_match,
        foreign_cores=foreign_cores(manifest, metrics, window) if window else None,
        machine_busy=busy_share(metrics, window) if window else None,
        machine_seconds=mean(metrics.get(("machine", "", "work_seconds")), *window) if window else None,
        load=load_shape(manifest.plan),
        compared=Compared(
            kind=target.kind,
            url=target.where,
            source=target.source.folder if target.source is not None else None,
            commit=_commit(manifest),
            kato=manifest.fingerprint.must_match.target,
            profile=target.profile if target.is_started else None,
            knobs=target.knobs,
            faults=target.faults,
        ),
    )


def _commit(manifest: Manifest) -> str | None:
    source = manifest.target.source if manifest.target is not None else None
    if source is None or source.commit is None:
        return None
    return f"{source.commit}+" if source.dirty else source.commit


def _errors(verification: Verification | None, counts: Mapping[str, Totals]) -> dict[str, int]:
    """Failed requests of each operation. A wrong answer is none that anybody can use: it counts, too."""
    errors = {name: totals.errors for name, totals in counts.items()}
    if verification is not None:
        for name in ("predict", ALL):
            if name in errors:
                errors[name] = min(errors[name] + verification.wrong, counts[name].requests)
    return errors


def _values(
    record: RunRecord,
    operations: list[str],
    counts: Mapping[str, Totals],
    errors: Mapping[str, int],
    metrics: Metrics,
    window: tuple[float, float] | None,
) -> dict[str, dict[str, float]]:
    rows = record.requests(["due", "sent", "done", "operation", "phase", "error"])
    found: dict[str, dict[str, float]] = {name: dict(_times(rows, name)) for name in operations}
    found[ALL] = (dict(_cpu(record, metrics, window)) if window else {}) | dict(_recall(record))
    for name, values in found.items():
        requests = counts[name].requests
        if requests:
            values["errors"] = errors[name] / requests
        if window:
            values["rate"] = (requests - errors[name]) / (window[1] - window[0])
    return found


def _times(table: pa.Table, operation: str) -> Iterator[tuple[str, float]]:
    """Exact percentiles, from the rows: the histograms' buckets are as wide as the differences looked for."""
    mine = pc.and_(pc.equal(table["operation"], operation), pc.equal(table["phase"], "measure"))
    timed = pc.is_in(table["error"].cast("string"), value_set=pa.array(["", *LOST]))
    rows = table.filter(pc.and_(mine, timed))
    lost = pc.not_equal(rows["error"], "").to_numpy()
    due, sent, done = (rows[name].to_numpy() for name in ("due", "sent", "done"))
    for kind, began in (("service", sent), ("response", due)):
        durations = np.where(lost, np.inf, done - began)
        for name, q in (("p50", 0.5), ("p95", 0.95)):
            if len(durations) >= required(q):
                value = float(np.quantile(durations, q, method="inverted_cdf"))
                if np.isfinite(value):
                    yield f"{kind}_{name}", value


def _cpu(record: RunRecord, metrics: Metrics, window: tuple[float, float]) -> Iterator[tuple[str, float]]:
    """CPU-seconds of the measure phase over the requests answered in it, background work included."""
    answered, target = record.count().answered, record.manifest.target
    if target is None or not answered:
        return
    used = {
        part.name: per_second(metrics.get(("process", part.name, "cpu_seconds_total")), *window)
        for part in target.parts
    }
    rate = answered / (window[1] - window[0])
    if (kato := used.get("kato")) is not None:
        yield "kato_cpu", kato / rate
    seen = [cores for cores in used.values() if cores is not None]
    if len(seen) == len(used):
        yield "target_cpu", sum(seen) / rate


def _recall(record: RunRecord) -> Iterator[tuple[str, float]]:
    """As KATO's own searches find, in the collection that finds least."""
    probes = recall_of(record)
    for k in (10, 3):
        probe = as_kato_asks(probes, k)
        if probe is not None and probe.recall.value is not None:
            yield f"recall_{k}", probe.recall.value


def flat(shape: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested keys joined by dots, so that a difference has a name."""
    found: dict[str, Any] = {}
    for name, value in shape.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found
