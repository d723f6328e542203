"""One metric of one operation on two sides: by how much they differ, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from bench.gate.values import ALL, METRICS, Metric, RunValues
from bench.stats import paired as statistics
from bench.stats.paired import Shift
from bench.stats.ratios import difference

#: A change that is none leaves this much of itself in the arithmetic.
_ROUNDING = 1e-12
#: Of so many pairs, the one with the lowest and the one with the highest ratio do not count: a machine that
#: does something else for a minute spoils a run, and in Student's interval one such run hides any change.
_PAIRS_PER_TRIMMED = 8
#: Fewer pairs do not tell how the machine's speed shows in a metric.
LEAST_ADJUSTED = 6

Design = Literal["paired", "independent"]


@dataclass(frozen=True, slots=True)
class Effect:
    """What B changed against A, as a share of A (0.12 is 12 % more) or, of metrics compared by difference, as
    that difference. `a` and `b` are the values of the runs, in the metric's unit.

    `low` and `high` are None where a side has a single run; `detectable`: the smallest change that so many
    runs with this spread would have shown in four of five repetitions. `p`: signed-rank test that nothing
    changed, `robust`: Hodges-Lehmann estimate of the change, both of pairs alone."""

    metric: Metric
    operation: str
    a: tuple[float, ...]
    b: tuple[float, ...]
    change: float
    low: float | None = None
    high: float | None = None
    detectable: float | None = None
    p: float | None = None
    robust: float | None = None

    @property
    def worse(self) -> bool | None:
        """True if B is surely worse, False if surely better, None if the interval holds no change."""
        if self.low is None or self.high is None:
            return None
        if self.low <= _ROUNDING and self.high >= -_ROUNDING:
            return None
        return (self.low > 0) == (self.metric.worse == "higher")


def effect(
    metric: Metric,
    operation: str,
    a: Sequence[RunValues],
    b: Sequence[RunValues],
    design: Design,
    risks: tuple[float, float] = (0.025, 0.025),
) -> Effect | None:
    """None unless every run of both sides has the metric. `paired`: a[i] and b[i] were measured side by side.
    `risks`: with which probability the truth may lie below `low`, and above `high`.

    Raises ValueError if `paired` sets differ in length."""
    sides = [[run.value(operation, metric.name) for run in runs] for runs in (a, b)]
    values_a, values_b = (tuple(value for value in side if value is not None) for side in sides)
    if not a or not b or (len(values_a), len(values_b)) != (len(a), len(b)):
        return None
    if metric.scale == "points":
        return _of_points(metric, operation, (values_a, values_b), design, risks)
    if metric.scale == "difference":
        return _of_shares(metric, operation, (values_a, values_b), (a, b), design, risks)
    if min(values_a + values_b) <= 0:
        return None
    logs = statistics.logarithms(values_a), statistics.logarithms(values_b)
    if min(len(a), len(b)) < 2:
        change = math.expm1(float(logs[1].mean() - logs[0].mean()))
        return Effect(metric, operation, values_a, values_b, change)
    differences = statistics.log_ratios(values_a, values_b) if design == "paired" else None
    shift = statistics.welch(*logs) if differences is None else _paired_shift(metric, logs, a, b)
    return Effect(
        metric,
        operation,
        values_a,
        values_b,
        change=math.expm1(shift.value),
        low=math.expm1(shift.low(risks[0])),
        high=math.expm1(shift.high(risks[1])),
        detectable=math.expm1(shift.detectable(risks[0])),
        p=None if differences is None else statistics.signed_rank_p(differences.tolist()),
        robust=None if differences is None else math.expm1(statistics.hodges_lehmann(differences)),
    )


def _paired_shift(
    metric: Metric, logs: tuple[ArrayLike, ArrayLike], a: Sequence[RunValues], b: Sequence[RunValues]
) -> Shift:
    """Of times, what the machine's own speed explains is taken out where every run knows it."""
    trim = len(a) // _PAIRS_PER_TRIMMED
    slowness = [[run.machine_seconds or 0.0 for run in runs] for runs in (a, b)]
    known = all(seconds > 0 for side in slowness for seconds in side)
    if metric.unit == "s" and known and len(a) >= LEAST_ADJUSTED:
        machine = statistics.logarithms(slowness[0]), statistics.logarithms(slowness[1])
        return statistics.adjusted(logs, machine, trim)
    return statistics.paired(np.asarray(logs[1]) - np.asarray(logs[0]), trim)


def _of_points(
    metric: Metric,
    operation: str,
    values: tuple[tuple[float, ...], tuple[float, ...]],
    design: Design,
    risks: tuple[float, float],
) -> Effect:
    change = float(np.mean(values[1]) - np.mean(values[0]))
    if min(map(len, values)) < 2:
        return Effect(metric, operation, *values, change)
    shift = (
        statistics.paired(np.subtract(values[1], values[0]))
        if design == "paired"
        else statistics.welch(*values)
    )
    low, high = shift.low(risks[0]), shift.high(risks[1])
    return Effect(metric, operation, *values, change, low, high, shift.detectable(risks[0]))


def _of_shares(
    metric: Metric,
    operation: str,
    values: tuple[tuple[float, ...], tuple[float, ...]],
    runs: tuple[Sequence[RunValues], Sequence[RunValues]],
    design: Design,
    risks: tuple[float, float],
) -> Effect:
    """Two intervals are drawn and the wider bound counts: that of the runs' shares, because failures come in
    clusters, and that of all requests together, because runs without a failure have no spread."""
    sides = [
        (sum(run.errors[operation] for run in side), sum(run.requests[operation] for run in side))
        for side in runs
    ]
    low, high = difference(sides[0], sides[1], risks)
    change = sides[1][0] / sides[1][1] - sides[0][0] / sides[0][1]
    if min(map(len, runs)) < 2:
        return Effect(metric, operation, *values, change)
    shift: Shift = (
        statistics.paired([b - a for a, b in zip(*values, strict=True)])
        if design == "paired"
        else statistics.welch(*values)
    )
    # The pooled interval's half-width is z(1 - risk) standard errors; a detectable change is z(power) more.
    z_risk, z_power = (NormalDist().inv_cdf(p) for p in (1 - risks[0], statistics.POWER))
    detectable = max(shift.detectable(risks[0]), (change - low) * (1 + z_power / z_risk))
    low, high = min(low, shift.low(risks[0])), max(high, shift.high(risks[1]))
    return Effect(metric, operation, *values, change, low, high, detectable)


def every_effect(
    a: Sequence[RunValues],
    b: Sequence[RunValues],
    design: Design,
    risks: tuple[float, float] = (0.025, 0.025),
) -> list[Effect]:
    """Of all operations and metrics that every run has, in their usual order."""
    names = [name for name in a[0].values if name != ALL] if a else []
    found = (
        effect(metric, operation, a, b, design, risks)
        for operation in (*names, ALL)
        for metric in METRICS.values()
    )
    return [one for one in found if one is not None]
