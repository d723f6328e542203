"""A recorded run as pandas frames, for notebooks: `import bench; run = bench.load("latest")`.

Units throughout: times and durations in seconds (times since the run's origin), memory in bytes, shares from
0 to 1, rates per second.
"""

from __future__ import annotations

import math
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.record import advice
from bench.record.estimates import Estimates
from bench.record.folder import find_run
from bench.record.reader import RunRecord, read_intact
from bench.stats.histogram import value_of

if TYPE_CHECKING:
    from bench.plan import Plan
    from bench.record.manifest import Manifest
    from bench.stats.quantiles import Estimate

#: What `requests` derives: start and end of each duration.
_DURATIONS = {
    "response": ("due", "done"),
    "service": ("sent", "done"),
    "wait": ("picked", "sent"),
    "lag": ("due", "picked"),
}
_TIMES = ("due", "picked", "sent", "done")
_PERCENTILES = (50, 90, 95, 99, 99.9)


def load(run: str | Path = "latest", base: Path | None = None) -> Run:
    """A run by its path, its id, its last four letters, a prefix, or `latest`; `base`: the folder of the runs
    (default: results/runs here).

    Raises UsageError if there is no such run, or if its files are not those that it ended with."""
    return Run(read_intact(find_run(str(run), base)))


class Run:
    """One run; everything is read when it is first asked for.

    `record` and `manifest` are the run record itself, for what the frames leave out."""

    def __init__(self, record: RunRecord) -> None:
        self.record = record

    def __repr__(self) -> str:
        manifest = self.manifest
        sound = f", {manifest.soundness.level}" if manifest.soundness else ""
        return f"<Run {manifest.run}: {manifest.status}{sound}, {manifest.totals.requests} requests>"

    @property
    def manifest(self) -> Manifest:
        """What was measured, where, and how it was judged."""
        return self.record.manifest

    @property
    def plan(self) -> Plan:
        """What is needed to measure it again."""
        return self.manifest.plan

    @cached_property
    def requests(self) -> pd.DataFrame:
        """One row a request of every phase, in the order in which they were due.

        Times `due`, `picked` (taken up by the generator), `sent`, `done`; NaN = did not happen. Durations
        `response` = done - due, `service` = done - sent, `wait` = sent - picked, `lag` = picked - due.
        Categories `operation`, `phase` and `error` ("" = success). `status`: of HTTP, 0 = none. `session`,
        `node`, `connection`, `process` number who sent it; `bytes` and `items` describe the answer."""
        frame: pd.DataFrame = self.record.requests().to_pandas()
        for name in ("operation", "phase", "error"):
            frame[name] = frame[name].astype("category").cat.remove_unused_categories()
        durations = {name: frame[end] - frame[start] for name, (start, end) in _DURATIONS.items()}
        others = [name for name in frame.columns if name not in _TIMES]
        frame = pd.concat([frame[list(_TIMES)], pd.DataFrame(durations), frame[others]], axis=1)
        return frame.sort_values("due", kind="stable", ignore_index=True)

    @cached_property
    def operations(self) -> pd.DataFrame:
        """One row an operation over the measure phase, indexed by its name, with 95 % intervals.

        `requests`, `answered`, `errors`, `dropped`; `rate` of successful answers; `response_p50` to
        `response_p99.9`, and the same of `service`; each with `_low` and `_high`. NaN where the sample does
        not carry it; infinite where so many got no answer."""
        estimates = Estimates(self.record)
        rows = {}
        for name in self.record.operations():
            counts = estimates.count(name)
            if not counts.requests:
                continue
            row: dict[str, Any] = {
                "requests": counts.requests,
                "answered": counts.answered,
                "errors": counts.errors,
                "dropped": counts.dropped,
                **_columns("rate", estimates.rate(name)),
            }
            for kind in ("response", "service"):
                for percent in _PERCENTILES:
                    estimate = estimates.percentile(round(percent / 100, 12), name, kind)
                    row |= _columns(f"{kind}_p{percent:g}", estimate)
            rows[name] = row
        frame = pd.DataFrame.from_dict(rows, orient="index")
        frame.index.name = "operation"
        return frame

    def histogram(
        self,
        operation: str | None = None,
        phase: str | None = "measure",
        kind: str = "response",
        outcome: str | tuple[str, ...] | None = "ok",
    ) -> pd.DataFrame:
        """How often each duration occurred: `seconds` (within 0.5 %), `count`, `share` of all up to there.

        `kind`: response, service, wait or lag. `outcome`: ok, error, or lost (nobody answered; these are in
        the highest bucket). None = of all operations, phases or outcomes."""
        histogram = self.record.histogram(operation, phase, kind, outcome)
        counts = histogram.counts
        return pd.DataFrame(
            {
                "seconds": value_of(histogram.buckets),
                "count": counts,
                "share": np.cumsum(counts) / max(1, counts.sum()),
            }
        )

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """Every sample: `t`, `source`, `instance` ("" = the source itself), `metric`, `value`."""
        parts = [
            pd.DataFrame(
                {"t": times, "source": source, "instance": instance, "metric": name, "value": values}
            )
            for (source, instance, name), (times, values) in self.record.metrics().items()
        ]
        columns = ["t", "source", "instance", "metric", "value"]
        frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
        for name in ("source", "instance", "metric"):
            frame[name] = frame[name].astype("category")
        return frame.sort_values("t", kind="stable", ignore_index=True)

    def metric(self, source: str, name: str, *, per_second: bool = False) -> pd.DataFrame:
        """One metric over time, indexed by `t`: a column an instance, under the source's name for itself.

        `per_second`: how fast a counter grows, between each sample and the one before; a fall is a restart
        from zero. Raises KeyError, with the nearest names, for a metric that the run does not have."""
        found = {
            instance or source: pd.Series(values, index=pd.Index(times, name="t"))
            for (of, instance, metric), (times, values) in self.record.metrics().items()
            if (of, metric) == (source, name)
        }
        if not found:
            raise KeyError(self._no_metric(source, name))
        if per_second:
            found = {instance: _growth(series) for instance, series in found.items()}
        return pd.DataFrame(
            {instance: series[~series.index.duplicated()] for instance, series in found.items()}
        )

    @cached_property
    def phases(self) -> pd.DataFrame:
        """`start`, `end` and length in `seconds` of each phase, indexed by its name."""
        names = ("preload", "warmup", "measure", "cooldown")
        known = [phase for name in names if (phase := self.record.phase(name)) is not None]
        frame = pd.DataFrame(
            {"start": [phase.start for phase in known], "end": [phase.end for phase in known]},
            index=pd.Index([phase.name for phase in known], name="phase"),
            dtype="float64",
        )
        frame["seconds"] = frame["end"] - frame["start"]
        return frame

    @cached_property
    def events(self) -> pd.DataFrame:
        """What happened: `t`, `kind`, and the `facts` of each as a dict."""
        events = self.record.events()
        return pd.DataFrame(
            {
                "t": pd.Series([event["t"] for event in events], dtype="float64"),
                "kind": pd.Series([event["kind"] for event in events], dtype="object"),
                "facts": pd.Series(
                    [{key: event[key] for key in event if key not in ("t", "kind")} for event in events],
                    dtype="object",
                ),
            }
        )

    @cached_property
    def findings(self) -> pd.DataFrame:
        """The advice, the gravest first: a row for each change, or for a finding without one.

        `severity`, `id`, `title`, `message`, `knob`, `old`, `new`, `applies`, `risk`, `verify`; empty if
        nobody looked for advice (`kato-bench advise`)."""
        advised = advice.read(self.record.folder)
        rows: list[dict[str, Any]] = []
        for finding in advised.findings if advised else ():
            said = finding.model_dump(include={"severity", "id", "title", "message"})
            changes = [
                one.model_dump(include={"knob", "old", "new", "applies", "risk", "verify"})
                for one in finding.recommendations
            ]
            rows.extend({**said, **change} for change in changes or [{}])
        columns = ("severity", "id", "title", "message", "knob", "old", "new", "applies", "risk", "verify")
        return pd.DataFrame(rows, columns=list(columns), dtype="object")

    def _no_metric(self, source: str, name: str) -> str:
        import difflib

        known = sorted({f"{of} {metric}" for of, _, metric in self.record.metrics()})
        near = difflib.get_close_matches(f"{source} {name}", known, n=3, cutoff=0.4)
        return f"no metric {source} {name}" + (f"; the nearest are {', '.join(near)}" if near else "")


def _columns(name: str, estimate: Estimate) -> dict[str, float]:
    values = {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return {column: math.nan if value is None else value for column, value in values.items()}


def _growth(series: pd.Series[float]) -> pd.Series[float]:
    steps = series.diff()
    grown = steps.where(steps >= 0, series).where(steps.notna())
    return grown / np.diff(series.index.to_numpy(), prepend=np.nan)
