"""How a comparison's effects read: numbers, and one sentence each."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from bench import words
from bench.gate.effects import Effect
from bench.gate.noninferiority import Judged
from bench.gate.values import ALL, Metric
from bench.report import digits

#: Larger changes are no longer told apart: they only say that the runs tell nothing.
_MOST_PERCENT = 999

#: What more and less of a metric is called.
_MORE_LESS = {"s": ("slower", "faster"), "1/s": ("higher", "lower"), "share": ("higher", "lower")}


def name(effect: Effect) -> str:
    """`predict: service p50`, or the metric alone where it belongs to no single operation."""
    title = effect.metric.title
    return title if effect.operation == ALL else f"{effect.operation}: {title}"


def value(metric: Metric, values: tuple[float, ...]) -> str:
    """What the runs of a side measured, in one number: the geometric mean of times, else the mean."""
    if metric.scale != "ratio" or min(values) <= 0:
        mean = sum(values) / len(values)
    else:
        mean = math.exp(sum(map(math.log, values)) / len(values))
    if metric.unit == "s":
        return digits.with_unit(mean)
    return words.percent(mean) if metric.unit == "share" else f"{digits.number(mean)}/s"


def change(effect: Effect) -> str:
    """+12 %, -0.4 %, or +0.12 pp where a share is compared by difference."""
    return f"{_percent(effect.change, sign=True)} {_unit(effect.metric)}"


def interval(effect: Effect) -> str:
    """`+9.1 to +15`, in the unit of the change."""
    if effect.low is None or effect.high is None:
        return digits.UNKNOWN
    return f"{_percent(effect.low, sign=True)} to {_percent(effect.high, sign=True)}"


def detectable(effect: Effect) -> str:
    return (
        digits.UNKNOWN
        if effect.detectable is None
        else f"{_percent(effect.detectable)} {_unit(effect.metric)}"
    )


def sentence(judged: Judged) -> str:
    """`predict: service p50 is 12 % (9.1 to 15 %) slower, tolerance 7 %`."""
    effect = judged.effect
    unit = _unit(effect.metric)
    tolerance = f"{_percent(judged.tolerance)} {unit}"
    if judged.verdict == "fail" and effect.low is not None and effect.high is not None:
        bounds = f"{_percent(effect.low)} to {_percent(effect.high)} {unit}"
        worse = f"{_percent(effect.change)} {unit} ({bounds}) {_comparative(effect)}"
        return f"{name(effect)} is {worse}, tolerance {tolerance}"
    changed = f"{name(effect)} changed by {change(effect)} ({interval(effect)})"
    if judged.verdict == "pass":
        return f"{changed}, within the tolerance of {tolerance}"
    if judged.verdict == "inconclusive":
        why = judged.reason or f"only {detectable(effect)} would surely have been found"
        return f"{changed}, which does not decide about a tolerance of {tolerance}: {why}"
    return changed


def change_words(effect: Effect) -> str:
    """For a comparison without a tolerance: `slower`, `faster`, `no change`, or `n/a` without an interval."""
    if effect.low is None:
        return digits.UNKNOWN
    return "no change" if effect.worse is None else _comparative(effect)


def as_json(effect: Effect) -> dict[str, Any]:
    """Times in seconds; `change`, its bounds and `detectable` as shares of A, or as differences."""
    fields = asdict(effect)
    metric = fields.pop("metric")
    return {"metric": metric["name"], "unit": metric["unit"], "scale": metric["scale"], **fields}


def judged_json(judged: Judged) -> dict[str, Any]:
    return {
        **as_json(judged.effect),
        "verdict": judged.verdict,
        "tolerance": judged.tolerance,
        "sentence": sentence(judged),
    }


def _comparative(effect: Effect) -> str:
    more, less = _MORE_LESS[effect.metric.unit]
    if effect.operation == ALL and effect.metric.unit == "s":
        more, less = "higher", "lower"
    return more if effect.change > 0 else less


def _percent(share: float, *, sign: bool = False) -> str:
    percent = 100 * share
    if percent > _MOST_PERCENT:
        return f">{_MOST_PERCENT}"
    places = 0 if abs(percent) >= 9.95 else 1 if abs(percent) >= 0.95 else 2
    text = f"{percent:{'+' if sign else ''}.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _unit(metric: Metric) -> str:
    """Percentage points where shares are compared by difference."""
    return "pp" if metric.scale != "ratio" else "%"
