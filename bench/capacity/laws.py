"""From the runs of `capacity growth` to its result: cost laws, breaks, bytes per pattern and session."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from bench.capacity.growth import GrowthOutcome, SizeOutcome
from bench.capacity.results import Break, Interval, LawFit, Series, Slope
from bench.gate.objectives import Objective
from bench.stats import growth
from bench.stats.growth import FEWEST_SIZES, Growth, Law
from bench.stats.quantiles import Estimate
from bench.stats.ratios import Z

#: Beyond this many times the largest size no number is given.
REACH = 2.0
#: Points that miss their line by more than this share of their span do not lie on one.
BENT = 0.05

#: Gauge -> (metric of its slope, per pattern; where it is read).
PATTERN_GAUGES = {
    "redis": ("Redis memory", "used_memory once the patterns were learned"),
    "clickhouse_disk": ("ClickHouse disk", "bytes on disk of active parts"),
    "clickhouse_rss": ("ClickHouse RSS", "resident memory of its processes"),
    "kato_rss": ("KATO RSS", "resident memory of all its processes"),
}
SESSION_METRIC = "Redis memory of sessions"


def series(outcome: GrowthOutcome) -> list[Series]:
    """Every statistic that was measured at enough sizes, with its law."""
    names = dict.fromkeys(name for run in outcome.sizes for name in run.statistics)
    return [_series(name, outcome.sizes) for name in names]


def breaks(outcome: GrowthOutcome, bounds: Sequence[Objective]) -> list[Break]:
    return [_break(bound, outcome.sizes) for bound in bounds]


def memory(outcome: GrowthOutcome, nodes: int) -> list[Slope]:
    """Bytes per learned pattern (of all nodes together), and per session."""
    found = []
    for gauge, (metric, source) in PATTERN_GAUGES.items():
        points = [
            (float(nodes * run.patterns), value)
            for run in outcome.sizes
            if (value := (run.learned if gauge == "redis" else run.final).get(gauge)) is not None
        ]
        found += _slope(metric, "pattern", source, points)
    points = [(float(run.sessions), run.final["redis"]) for run in outcome.sessions if "redis" in run.final]
    return found + _slope(SESSION_METRIC, "session", "used_memory at the end of equal loads", points)


def fitted(name: str, runs: Sequence[SizeOutcome]) -> Growth | None:
    """The law through the sizes that carry the statistic; None for too few of them."""
    known = [
        (run.patterns, estimate.value, _error(estimate))
        for run in runs
        if (estimate := run.statistics.get(name)) is not None
        if estimate.value is not None and 0 < estimate.value < math.inf
    ]
    if len({size for size, _, _ in known}) < FEWEST_SIZES:
        return None
    sizes, values, errors = zip(*known, strict=True)
    return growth.fit(sizes, values, errors)


def subject(bound: Objective) -> str:
    """The name under which a bound's statistic is kept."""
    return f"response {bound.subject}"


def _series(name: str, runs: Sequence[SizeOutcome]) -> Series:
    law = fitted(name, runs)
    return Series(
        metric=name,
        unit="s",
        values=[_interval(run.statistics.get(name)) for run in runs],
        law=None if law is None else _told(law),
    )


def _told(found: Growth) -> LawFit:
    law = found.law
    return LawFit(name=law.name, a=law.a, b=law.b, c=law.c, error=found.error, sentence=_words(law))


def _words(law: Law) -> str:
    """In milliseconds, for n patterns per node."""
    start, step = f"{1000 * law.a:.3g} ms", f"{1000 * law.b:.3g} ms"
    match law.name:
        case "constant":
            return f"constant, {start}"
        case "linear":
            return f"linear, {start} + {step} × n"
        case "power":
            return f"power, {step} × n^{law.c:.2f}"
        case "affine power":
            return f"affine power, {start} + {step} × n^{law.c:.2f}"


def _break(bound: Objective, runs: Sequence[SizeOutcome]) -> Break:
    """Where the law reaches the bound, as far as the sizes measured allow to say."""
    name = subject(bound)
    unknown = Interval()
    values = {
        run.patterns: estimate.value
        for run in runs
        if (estimate := run.statistics.get(name)) is not None and estimate.value is not None
    }
    smallest = min(values, default=0)
    if values and values[smallest] >= bound.bound:
        return Break(
            objective=bound.text,
            sizes=Interval(high=float(smallest)),
            sentence=f"{bound.text} is missed at {smallest} patterns per node already, the smallest size.",
        )
    missed = min((size for size, value in values.items() if value >= bound.bound), default=None)
    law = fitted(name, runs)
    if missed is not None and (law is None or not _between(law, bound.bound, smallest, missed)):
        held = max(size for size in values if size < missed)
        return Break(
            objective=bound.text,
            sizes=Interval(low=float(held), high=float(missed)),
            sentence=f"{bound.text} holds at {held} patterns per node and is missed at {missed}; no law says "
            "where between them it breaks.",
        )
    if law is None:
        return Break(
            objective=bound.text,
            sizes=unknown,
            sentence=f"Where {bound.text} breaks is unknown: {bound.subject} could be told at {len(values)} "
            f"sizes, and a law takes {FEWEST_SIZES}.",
        )
    largest = max(values)
    at, reach = law.reaches(bound.bound), REACH * largest
    if at.value is None or max(at.value, at.low or 0.0) > reach:
        return Break(
            objective=bound.text,
            sizes=unknown,
            at_least=float(largest),
            sentence=f"{bound.text} holds at {largest} patterns per node, the most tested (>= {largest}); "
            f"where it breaks lies beyond {reach:.0f}, about which these sizes say nothing.",
        )
    # It held at the smallest size, whatever the law makes of that.
    likely, low = (max(float(smallest), size or 0.0) for size in (at.value, at.low))
    high = at.high if at.high is not None and at.high <= reach else None
    return Break(
        objective=bound.text,
        sizes=Interval(value=likely, low=low, high=high),
        sentence=f"{bound.text} breaks at about {size_words(likely)} patterns per node "
        f"({size_words(low)} to {size_words(high) if high is not None else 'where no size was measured'}).",
    )


def _between(law: Growth, bound: float, held: float, missed: float) -> bool:
    """Does the law reach the bound about where the measurements say that it was crossed?"""
    at = law.reaches(bound).value
    return at is not None and held <= at <= REACH * missed


def size_words(size: float) -> str:
    """A number of patterns with three digits: more would be chance."""
    digits = max(0, math.floor(math.log10(size)) - 2) if size >= 1 else 0
    return str(int(round(size, -digits)))


def _slope(metric: str, per: str, source: str, points: Iterable[tuple[float, float]]) -> list[Slope]:
    """By regression where the points lie on a line, else by the last two of them: what one more costs is
    asked of the deployment as it is going to be. What is bounded and fills up, such as an event stream,
    bends the curve; the interval then reaches to the slope before."""
    pairs = sorted(points)
    if len({x for x, _ in pairs}) < 2:
        return []
    base, slope = growth.straight_line([x for x, _ in pairs], [y for _, y in pairs])
    interval = _interval(slope)
    span = max(y for _, y in pairs) - min(y for _, y in pairs)
    if len(pairs) > 3 and max(abs(y - base - (slope.value or 0.0) * x) for x, y in pairs) > BENT * span:
        before, last = (
            (y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in zip(pairs[-3:-1], pairs[-2:], strict=True)
        )
        interval = Interval(value=last, low=min(before, last), high=max(before, last))
        base = pairs[-1][1] - last * pairs[-1][0]
        source = f"{source}; not on a line, so from the largest sizes"
    return [
        Slope.model_validate(
            {"metric": metric, "per": per, "source": source, "base": base, "bytes": interval, "points": pairs}
        )
    ]


def _interval(estimate: Estimate | None) -> Interval:
    if estimate is None:
        return Interval()
    value, low, high = (
        None if number is None or math.isinf(number) else number
        for number in (estimate.value, estimate.low, estimate.high)
    )
    return Interval(value=value, low=low, high=high)


def _error(estimate: Estimate) -> float:
    """Standard error as a share of the value; 0 where no interval says it."""
    if not estimate.value or estimate.low is None or estimate.high is None or math.isinf(estimate.high):
        return 0.0
    return (estimate.high - estimate.low) / (2 * Z * estimate.value)
