"""Percentile curves: how long the slowest so many percent took, only as far as the sample carries it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.record.estimates import Estimates
from bench.stats.histogram import MAX_VALUE, Histogram
from bench.stats.quantiles import CONFIDENCE, Estimate, required

if TYPE_CHECKING:
    from bench.record.reader import RunRecord

#: The percentiles that the axis names.
NAMED = (0.5, 0.9, 0.95, 0.99, 0.999)
#: Points of a curve, evenly spaced on the axis of 1/(1-q).
_POINTS = 120
#: Requests that succeeded, and those that nobody answered: slower than every answer.
_TIMED = ("ok", "lost")


@dataclass(frozen=True)
class Curve:
    """Seconds at each quantile of `q`; infinite where nobody answered. `carried`: the highest quantile that
    the sample carries; 0 if none."""

    q: list[float]
    seconds: list[float]
    carried: float
    n: int

    @property
    def unanswered_from(self) -> float | None:
        """The first quantile at which no answer came; None where all were answered."""
        return next((q for q, value in zip(self.q, self.seconds, strict=True) if math.isinf(value)), None)


@dataclass(frozen=True)
class OperationCurves:
    """`named`: the response time with its interval at the percentiles that the axis names."""

    operation: str
    response: Curve
    service: Curve
    named: dict[float, Estimate]


def curves_of(record: RunRecord, estimates: Estimates) -> list[OperationCurves]:
    """One for each operation whose sample carries a median, over the measure phase."""
    found = []
    for name in record.operations():
        response, service = (
            curve(record.histogram(name, estimates.phase, kind, _TIMED)) for kind in ("response", "service")
        )
        if response.q:
            named = {q: estimates.percentile(q, name) for q in NAMED if q <= response.carried}
            found.append(OperationCurves(name, response, service, named))
    return found


def curve(histogram: Histogram) -> Curve:
    """The quantiles of a histogram up to the last one that its count carries (`quantiles.required`)."""
    n = histogram.count
    carried = highest(n)
    if carried < NAMED[0]:
        return Curve([], [], 0.0, n)
    steps = np.linspace(0.0, -math.log10(1 - carried), _POINTS)
    q = [*np.unique(np.append(1 - 10.0**-steps, [one for one in NAMED if one <= carried])).tolist()]
    values = [histogram.quantile(one) or 0.0 for one in q]
    return Curve(q, [math.inf if value >= MAX_VALUE else value for value in values], carried, n)


def highest(n: int) -> float:
    """The highest quantile that n observations carry (the inverse of `quantiles.required`); 0 if they do not
    carry the median."""
    if n < required(0.5):
        return 0.0
    return float(((1 - CONFIDENCE) / 2) ** (1 / n))
