"""The charts of how times and hits are distributed: percentile curves, and recall by ef."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.report import digits
from bench.report.charts import scales
from bench.report.charts.chart import Chart, Dot, Layer, Rule, Trace, Whisker
from bench.report.page.curves import NAMED, Curve, OperationCurves

if TYPE_CHECKING:
    from bench.record.recall import RecallProbe
    from bench.report.page.recall import RecallCurve


def curve_charts(curves: Sequence[OperationCurves]) -> list[Chart]:
    """One an operation, on common axes."""
    finite = [
        value for one in curves for value in (*one.response.seconds, *one.service.seconds) if value < math.inf
    ]
    if not finite:
        return []
    y = scales.logarithmic(max(min(finite), 1e-5), max(finite), scales.seconds_label)
    x = scales.tail(max(one.response.carried for one in curves), NAMED)
    return [_curve(one, x, y) for one in curves]


def recall_chart(curve: RecallCurve) -> Chart | None:
    """Recall against ef; None where no search had one."""
    probes = [probe for probe in curve.swept if probe.ef and probe.recall.value is not None]
    if not probes:
        return None
    asked = curve.as_asked
    efs = [float(probe.ef or 1) for probe in probes]
    values = [probe.recall.value or 0.0 for probe in probes]
    lows = [
        probe.recall.low if probe.recall.low is not None else value
        for probe, value in zip(probes, values, strict=True)
    ]
    if asked is not None and asked.recall.value is not None:
        lows.append(asked.recall.low or asked.recall.value)
    least = min(*lows, curve.target if curve.target is not None else 1.0)
    layers: list[Layer] = [Trace(efs, values, "op-observe")]
    layers += [_interval(float(probe.ef or 1), probe, "op-observe") for probe in probes]
    if curve.target is not None:
        layers.append(Rule(curve.target, f"target {curve.target:g}"))
    if asked is not None and asked.recall.value is not None:
        if curve.built_with is not None:
            layers.append(Dot(curve.built_with, asked.recall.value, "op-predict", "as KATO asks"))
        else:
            layers.append(Rule(asked.recall.value, "as KATO asks", "op-predict"))
    where = [*efs, *([curve.built_with] if curve.built_with is not None and asked is not None else [])]
    return Chart(
        title=f"recall@{curve.k} of {curve.collection} by ef",
        description=f"From {values[0]:.3g} at ef {efs[0]:g} to {values[-1]:.3g} at ef {efs[-1]:g}.",
        x=scales.logarithmic(min(where), max(where), lambda ef: f"{ef:g}", most=10),
        y=scales.linear(math.floor(least * 20 - 1e-9) / 20, 1.0, lambda share: f"{share:.3g}"),
        layers=layers,
        x_title="ef: how many candidates a search keeps",
    )


def _curve(one: OperationCurves, x: scales.Scale, y: scales.Scale) -> Chart:
    css = f"op-{one.operation}"
    layers: list[Layer] = [
        Trace(one.service.q, _answered(one.service), css, "service", "dashed"),
        Trace(one.response.q, _answered(one.response), css, "response"),
    ]
    layers += [
        Whisker(q, max(estimate.low, y.low), min(estimate.high, y.high), css)
        for q, estimate in one.named.items()
        if estimate.low is not None and estimate.high is not None and estimate.value != math.inf
    ]
    told = ", ".join(
        f"p{round(100 * q, 6):g} {digits.with_unit(estimate.value)}"
        for q, estimate in one.named.items()
        if estimate.value is not None and estimate.value != math.inf
    )
    return Chart(
        title=f"{one.operation}: response and service time by percentile",
        description=f"Response time: {told}.",
        x=x,
        y=y,
        layers=layers,
        x_title="percentile",
    )


def _answered(curve: Curve) -> list[float | None]:
    """The line ends where no answer came."""
    return [None if math.isinf(seconds) else seconds for seconds in curve.seconds]


def _interval(x: float, probe: RecallProbe, css: str) -> Whisker:
    value = probe.recall.value or 0.0
    low, high = probe.recall.low, probe.recall.high
    return Whisker(x, value if low is None else low, value if high is None else high, css)
