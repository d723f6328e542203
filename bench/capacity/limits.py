"""The limits ahead of a growing deployment, and the day on which each is reached. Pure.

Memory and disk grow by the measured bytes per pattern. Latency breaks at the measured number of patterns per
node. The rate that is carried falls as the mean service time of a request grows. Each day comes with the
interval that follows from the measurement's; what lacks a measurement is `unknown` and names the command.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

from bench import words
from bench.capacity.laws import REACH, SESSION_METRIC, size_words
from bench.capacity.results import Break, GrowthResult, SearchResult
from bench.stats.growth import Law

Status = Literal["now", "dated", "beyond", "unknown"]

SECONDS_A_DAY = 86_400.0
#: KATO's own session lifetime, where the runs did not say another one.
SESSION_TTL = 3600.0
#: Room that a changed setting leaves above what the horizon needs.
ROOM = 1.25
#: Share of the highest load that held, where the search confirmed no load to recommend.
UNCONFIRMED = 0.8
#: Points of a curve in the chart.
POINTS = 60


@dataclass(frozen=True, slots=True)
class Commands:
    """What measures the missing, as typed at a shell: for the deployment and load that the results are of."""

    search: str = "kato-bench capacity search --objective 'p95(predict)<80ms'"
    growth: str = "kato-bench capacity growth"


@dataclass(frozen=True, slots=True)
class Expected:
    """What the planner says of the future. Patterns and sessions per day over all nodes. `peak`: the busiest
    hour's rate over the mean. Bytes: `redis_memory`, `disk`; None = as measured, or not judged."""

    patterns_per_day: float
    sessions_per_day: float
    horizon_days: int
    patterns_now: float = 0.0
    nodes: int = 1
    requests_per_session: float | None = None
    peak: float = 3.0
    redis_memory: float | None = None
    disk: float | None = None

    def patterns(self, day: float) -> float:
        return self.patterns_now + self.patterns_per_day * day


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit. `first` and `last`: the interval of the day on which it is reached; `last` None where its
    end lies beyond the horizon or is unknown. `curve`: (day, share of the limit in use). `missing`: the
    command that would make it known."""

    name: str
    status: Status
    sentence: str
    change: str | None = None
    first: date | None = None
    likely: date | None = None
    last: date | None = None
    curve: tuple[tuple[float, float], ...] = ()
    missing: str | None = None


def limits_ahead(
    expected: Expected,
    search: SearchResult | None,
    growth: GrowthResult | None,
    today: date,
    commands: Commands,
) -> Iterator[Limit]:
    yield _redis(expected, growth, today, commands)
    yield _disk(expected, growth, today, commands)
    yield from _latency(expected, growth, today, commands)
    yield _rate(expected, search, growth, today, commands)


def _redis(expected: Expected, growth: GrowthResult | None, today: date, commands: Commands) -> Limit:
    name = "Redis memory"
    per_pattern, per_session = (
        (growth.slope(metric) if growth else None) for metric in ("Redis memory", SESSION_METRIC)
    )
    if growth is None or per_pattern is None or per_pattern.bytes.value is None:
        return _unmeasured(name, "bytes per pattern", growth, commands)
    limit = expected.redis_memory or _live_memory(growth)
    if limit is None:
        return Limit(name, "unknown", f"{name}: Redis has no maxmemory; give --redis-memory.")
    sessions = _live_sessions(expected, growth)
    ends = (per_session.bytes.value, per_session.bytes.high) if per_session else (None, None)
    each = max(ends[0] or 0.0, 0.0)
    most = max(each, ends[1] or each)
    base = per_pattern.base or 0.0

    def used(bytes_a_pattern: float, bytes_a_session: float) -> Callable[[float], float]:
        return lambda day: base + bytes_a_pattern * expected.patterns(day) + bytes_a_session * sessions

    curve = used(per_pattern.bytes.value, each)
    needed = ROOM * used(per_pattern.bytes.high or per_pattern.bytes.value, most)(expected.horizon_days)
    unknown_sessions = sessions > 0 and ends[0] is None
    of_sessions = "" if ends[0] is None else f" and {words.size(each)} per live session"
    found = _dated(
        name,
        expected,
        today,
        limit,
        curve,
        early=used(per_pattern.bytes.high or per_pattern.bytes.value, most),
        late=used(per_pattern.bytes.low or per_pattern.bytes.value, each),
        reason=f"an estimated {words.size(curve(0))} of {words.size(limit)} in use today, "
        f"{words.size(per_pattern.bytes.value)} per pattern{of_sessions}",
        change=f"Raise redis.maxmemory to {words.size(needed)} or more, with as much memory behind it, "
        "or delete patterns; do not let Redis evict them: a pattern's key is its only copy.",
    )
    return _without_sessions(found, growth, commands) if unknown_sessions else found


def _without_sessions(found: Limit, growth: GrowthResult, commands: Commands) -> Limit:
    """Patterns alone fill Redis no sooner than both do: they may date the limit, never excuse it."""
    return replace(
        found,
        status="unknown" if found.status == "beyond" else found.status,
        sentence=f"{found.sentence} Live sessions come on top: what one takes is not measured, the growth "
        f"run {growth.id} does not tell it; run {commands.growth}.",
        missing=commands.growth,
    )


def _disk(expected: Expected, growth: GrowthResult | None, today: date, commands: Commands) -> Limit:
    name = "disk of ClickHouse"
    slope = growth.slope("ClickHouse disk") if growth else None
    if growth is None or slope is None or slope.bytes.value is None:
        return _unmeasured(name, "bytes on disk per pattern", growth, commands)
    if expected.disk is None:
        return Limit(
            name,
            "unknown",
            f"{name}: {words.size(slope.bytes.value)} per pattern, "
            f"{words.size(max(0.0, slope.bytes.value * expected.patterns(expected.horizon_days)))} "
            "at the end of the horizon; give --disk for a date.",
        )
    base = max(0.0, slope.base or 0.0)

    def used(bytes_a_pattern: float) -> Callable[[float], float]:
        return lambda day: base + bytes_a_pattern * expected.patterns(day)

    value, low, high = slope.bytes.value, slope.bytes.low, slope.bytes.high
    needed = ROOM * used(high or value)(expected.horizon_days)
    return _dated(
        name,
        expected,
        today,
        expected.disk,
        used(value),
        early=used(high or value),
        late=used(low or value),
        reason=f"an estimated {words.size(used(value)(0))} of {words.size(expected.disk)} in use today, "
        f"{words.size(value)} per pattern",
        change=f"Grow ClickHouse's disk to {words.size(needed)} or more; merges need room on top.",
    )


def _latency(
    expected: Expected, growth: GrowthResult | None, today: date, commands: Commands
) -> Iterator[Limit]:
    name = "latency by pattern growth"
    if growth is None:
        yield _unmeasured(name, "operation cost over patterns", growth, commands)
    elif not growth.breaks:
        yield Limit(
            name,
            "unknown",
            f"{name}: the growth run had no objective.",
            missing=f"{commands.growth} --objective 'p95(predict)<80ms'",
        )
    else:
        for one in growth.breaks:
            yield _break(one, expected, growth, today, commands)


def _break(one: Break, expected: Expected, growth: GrowthResult, today: date, commands: Commands) -> Limit:
    name = f"{one.objective} by pattern growth"
    sizes, largest = one.sizes, max(growth.sizes, default=0)
    if sizes.value is None and sizes.high is None:
        end = expected.patterns(expected.horizon_days) / expected.nodes
        if one.at_least is not None and end <= one.at_least:
            return Limit(
                name,
                "beyond",
                f"{one.objective} holds up to {size_words(one.at_least)} patterns per node, and the horizon "
                f"ends with {size_words(end)}.",
            )
        larger = f"{commands.growth} --objective '{one.objective}' --sizes {_larger(growth, end)}"
        return Limit(
            name,
            "unknown",
            f"{one.sentence} The horizon ends with {size_words(end)} patterns per node.",
            missing=larger,
        )
    likely = sizes.value if sizes.value is not None else sizes.high
    assert likely is not None

    def share(size: float) -> Callable[[float], float]:
        return lambda day: expected.patterns(day) / expected.nodes / size

    # An open end of the interval is a break that may lie anywhere up to where the law still says something.
    return _dated(
        name,
        expected,
        today,
        1.0,
        share(likely),
        early=share(sizes.low or likely),
        late=share(sizes.high or REACH * largest),
        reason=f"{size_words(expected.patterns(0) / expected.nodes)} patterns per node today, "
        f"and it breaks at about {size_words(likely)}",
        change=f"Spread the patterns over {_nodes_needed(expected, sizes.low or likely)} nodes or more, or "
        "shorten what a prediction reads: session.recall_threshold, session.max_predictions or "
        "session.filter_pipeline, checked for equal answers and measured with "
        f"{commands.growth} --session KEY=VALUE.",
    )


def _rate(
    expected: Expected,
    search: SearchResult | None,
    growth: GrowthResult | None,
    today: date,
    commands: Commands,
) -> Limit:
    name = "request rate"
    if expected.requests_per_session is None:
        return Limit(name, "unknown", f"{name}: give --requests-per-session to compare demand with capacity.")
    needed = expected.sessions_per_day * expected.requests_per_session / SECONDS_A_DAY * expected.peak
    if search is None or search.low is None:
        return Limit(
            name,
            "unknown",
            f"{name}: {needed:.3g}/s will be asked at the peak, and what is carried is not measured: no "
            f"search run; run {commands.search}.",
            missing=commands.search,
        )
    refuted = any(trial.purpose == "confirm" and trial.held is False for trial in search.trials)
    if search.recommended is None and refuted:
        return Limit(
            name,
            "unknown",
            f"{name}: {needed:.3g}/s will be asked at the peak, and the search {search.id} recommends no "
            "load: what held in its short trials failed in a longer one.",
            missing=commands.search,
        )
    carried = search.recommended or UNCONFIRMED * search.low
    doubt = "recommended" if search.recommended else "as 0.8 of what held, not confirmed,"
    gap = missing_cost(search, growth, commands)
    slowing, error = _slowing(expected, search, growth)
    known = _known_days(expected, None if gap else growth)
    # The capacity lies between what held and what failed, so it may be as much more than `low`.
    more = search.high / search.low if search.high else 1.0

    def used(factor: float) -> Callable[[float], float]:
        return lambda day: factor * needed / carried * slowing(min(day, known))

    change = (
        "Add KATO workers (uvicorn.workers) with a core each"
        if search.binding_resource == "kato"
        else f"Relieve {search.binding_resource or 'what binds'}"
    )
    limit = _dated(
        name,
        expected,
        today,
        1.0,
        used(1),
        early=used(1 + error),
        late=used(1 / (1 + error) / more),
        reason=f"{needed:.3g}/s asked at the peak, {carried / slowing(0):.3g}/s {doubt} today",
        change=f"{change}, and search again: {commands.search}.",
    )
    if limit.status != "beyond" or known >= expected.horizon_days:
        return limit
    if gap or growth is None:
        why, command = gap or ("no growth run", commands.growth)
        return Limit(
            name,
            "unknown",
            f"{name}: {needed:.3g}/s asked at the peak, {carried:.3g}/s {doubt} today, which is enough; how "
            f"much dearer requests get with more patterns is not measured, {why}; run {command}.",
            missing=command,
        )
    end = expected.patterns(expected.horizon_days) / expected.nodes
    return Limit(
        name,
        "unknown",
        f"{name}: enough until {_day(today, known)}; the nodes then hold more than {REACH:g} times the "
        "patterns measured, and what requests cost there is unknown.",
        missing=f"{commands.growth} --sizes {_larger(growth, end)}",
    )


def _known_days(expected: Expected, growth: GrowthResult | None) -> float:
    """Until when what was measured says what a request costs."""
    if not expected.patterns_per_day:
        return math.inf
    sizes = growth.sizes if growth else []
    most = REACH * max(sizes, default=0) * expected.nodes
    return max(0.0, (most - expected.patterns_now) / expected.patterns_per_day)


def missing_cost(
    search: SearchResult, growth: GrowthResult | None, commands: Commands
) -> tuple[str, str] | None:
    """What lacks to say how requests get dearer, and the command that measures it; None if nothing does."""
    mean = growth.law("service mean") if growth else None
    if growth is None:
        return "no growth run", commands.growth
    if mean is None or mean.law is None:
        return f"the growth run {growth.id} has no law of the mean service time", commands.growth
    searched = search.plan.data.get("patterns")
    if not isinstance(searched, int) or searched < 1:
        return f"the search {search.id} does not tell how many patterns it ran with", commands.search
    return None


def _slowing(
    expected: Expected, search: SearchResult, growth: GrowthResult | None
) -> tuple[Callable[[float], float], float]:
    """How many times as long a request takes on a day than in the search, and the error of that as a share;
    once as long where `missing_cost` names a gap, which then ends what is known today."""
    mean = growth.law("service mean") if growth else None
    searched = search.plan.data.get("patterns")
    if mean is None or mean.law is None or not isinstance(searched, int) or searched < 1:
        return lambda day: 1.0, 0.0
    law = Law("affine power", mean.law.a, mean.law.b, mean.law.c)
    return (
        lambda day: law(max(1.0, expected.patterns(day) / expected.nodes)) / law(float(searched)),
        mean.law.error or 0.0,
    )


def _dated(
    name: str,
    expected: Expected,
    today: date,
    limit: float,
    used: Callable[[float], float],
    *,
    early: Callable[[float], float],
    late: Callable[[float], float],
    reason: str,
    change: str,
) -> Limit:
    """When a use that never falls reaches its limit, within the horizon."""
    horizon = expected.horizon_days
    curve = tuple((day, used(day) / limit) for day in _days(horizon))
    likely, first, last = (_reached(one, limit, horizon) for one in (used, early, late))
    if likely is None and first is None:
        return Limit(name, "beyond", f"{name}: {reason}; not reached within the horizon.", curve=curve)
    if likely == 0:
        return Limit(
            name, "now", f"{name}: {reason}; it is reached already.", change, today, today, today, curve
        )
    dates = [None if day is None else _day(today, day) for day in (first, likely, last)]
    to = dates[2].isoformat() if dates[2] else "after the horizon"
    when = dates[1].isoformat() if dates[1] else "perhaps within the horizon"
    start = dates[0].isoformat() if dates[0] else when
    sentence = f"{name}: {reason}; reached {when} ({start} to {to})."
    return Limit(name, "dated", sentence, change, dates[0], dates[1], dates[2], curve)


def _reached(used: Callable[[float], float], limit: float, horizon: int) -> float | None:
    """The first day on which a use that never falls is at its limit, by bisection; None if it is not."""
    if used(0) >= limit:
        return 0.0
    if used(horizon) < limit:
        return None
    low, high = 0.0, float(horizon)
    while high - low > 0.001:
        middle = (low + high) / 2
        low, high = (low, middle) if used(middle) >= limit else (middle, high)
    return high


def _days(horizon: int) -> list[float]:
    return [horizon * step / POINTS for step in range(POINTS + 1)]


def _day(today: date, days: float) -> date:
    return today + timedelta(days=int(days))


def _unmeasured(name: str, what: str, growth: GrowthResult | None, commands: Commands) -> Limit:
    why = "no growth run" if growth is None else f"the growth run {growth.id} does not tell it"
    return Limit(
        name,
        "unknown",
        f"{name}: {what} not measured, {why}; run {commands.growth}.",
        missing=commands.growth,
    )


def _live_memory(growth: GrowthResult) -> float | None:
    """The maxmemory that was in force; 0 means that there is none."""
    value = growth.live_knobs.get("redis.maxmemory")
    return float(value) if isinstance(value, int | float) and value > 0 else None


def _live_sessions(expected: Expected, growth: GrowthResult) -> float:
    """Sessions that exist at once at the peak: a session is kept until its TTL after its last use."""
    return expected.peak * expected.sessions_per_day * session_ttl(growth) / SECONDS_A_DAY


def session_ttl(growth: GrowthResult | None) -> float:
    value = growth.live_knobs.get("kato.SESSION_TTL") if growth else None
    return float(value) if isinstance(value, int | float) and value > 0 else SESSION_TTL


def _nodes_needed(expected: Expected, size: float) -> int:
    return max(1, math.ceil(ROOM * expected.patterns(expected.horizon_days) / max(1.0, size)))


def _larger(growth: GrowthResult, end: float) -> str:
    """Sizes that would cover the end of the horizon."""
    top = math.ceil(end / REACH)
    return ",".join(str(size) for size in (*growth.sizes[-3:], top))
