"""May a run be believed? This judges the generator and the machine, never the target.

`unsound`: the measurement itself is broken, and nothing may be concluded from it. `qualified`: the numbers
are true, under a condition that their reader must know.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bench.gate.disturbance import disturbs
from bench.stats.steady import Steadiness
from bench.words import percent, seconds

Level = Literal["sound", "qualified", "unsound"]

#: Dispatch lag p99 may reach the larger of these: seconds, and a share of the response time p95.
LAG_SECONDS, LAG_SHARE = 0.005, 0.10
GENERATOR_DROPPED = 0.01
GENERATOR_CPU = 0.70
THROTTLED = 0.01
STEAL = 0.02
BOOKKEEPING = 0.01
#: Code of the reason that other work on the machine slowed the target down.
DISTURBED = "disturbed"
#: The backlog grows if it gains more requests than this, and more than this share of those due: in a queue
#: that keeps up, chance moves it by about its mean, and a mean above both would be overload's doorstep.
BACKLOG_REQUESTS, BACKLOG_SHARE = 10, 0.01


@dataclass(frozen=True, slots=True)
class Loss:
    """A load process that died: number `process` (from 0) of `of`. Of the requests `due` in its share of the
    measure phase, `unsent` were never sent."""

    process: int
    of: int
    due: int
    unsent: int


@dataclass(frozen=True, slots=True)
class Measurements:
    """What the judgement needs of the measure phase. None means unknown.

    Seconds: `dispatch_lag_p99`, `response_p95`. Requests: `due`, of these `dropped_by_generator` (its own
    fault) and `dropped_by_target` (in-flight ceiling reached, or waited out for a session or connection);
    `backlog_start` and `backlog_end`, due and not yet answered at the two ends of the phase. Shares from 0
    to 1: `generator_cpu` of one core, `throttled` of the periods of the generator's cgroup, `steal` of the
    machine's CPU time. `foreign_cores`: busy with work that is neither the target's nor ours, of `cores`.
    Request-seconds: `in_flight_integral` by the independent counter, `busy_seconds` the sum of done - picked
    over the rows. `steadiness`: None if the arrivals are not stationary. `settled`: False if the run
    never settled."""

    due: int
    dropped_by_generator: int = 0
    dropped_by_target: int = 0
    dispatch_lag_p99: float | None = None
    response_p95: float | None = None
    generator_cpu: float | None = None
    throttled: float | None = None
    steal: float | None = None
    in_flight_integral: float | None = None
    busy_seconds: float | None = None
    lost: tuple[Loss, ...] = ()
    backlog_start: int | None = None
    backlog_end: int | None = None
    steadiness: Steadiness | None = None
    settled: bool | None = None
    qdrant_optimising: bool | None = None
    target_throttled: bool | None = None
    foreign_cores: float | None = None
    cores: int = 1


@dataclass(frozen=True, slots=True)
class Reason:
    """`code` for programs, `sentence` with the numbers for people."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Soundness:
    """`reasons` for the level, the gravest first; `unknown`: what could not be judged."""

    level: Level
    reasons: tuple[Reason, ...]
    unknown: tuple[Reason, ...]

    @property
    def overloaded(self) -> bool:
        """The target was; times are lower bounds."""
        return any(reason.code == "overloaded" for reason in self.reasons)


def judge(run: Measurements) -> Soundness:
    """Apply every criterion. What is unknown neither excuses nor condemns a run; it is named."""
    broken = tuple(_broken(run))
    conditions = tuple(_conditions(run))
    level: Level = "unsound" if broken else "qualified" if conditions else "sound"
    return Soundness(level, broken + conditions, tuple(_unknown(run)))


def _broken(run: Measurements) -> Iterator[Reason]:
    if run.due == 0:
        yield Reason("no_requests", "no request was due in the measure phase, so nothing was measured")
        return
    limit = max(LAG_SECONDS, LAG_SHARE * (run.response_p95 or 0))
    if run.dispatch_lag_p99 is not None and run.dispatch_lag_p99 > limit:
        yield Reason(
            "dispatch_lag",
            f"the generator took up requests late: dispatch lag p99 {seconds(run.dispatch_lag_p99)}, "
            f"limit {seconds(limit)}",
        )
    dropped = run.dropped_by_generator / run.due
    if dropped > GENERATOR_DROPPED:
        unsent = sum(loss.unsent for loss in run.lost)
        because = f", {unsent} of them because {_who(run.lost)} died" if unsent else ""
        yield Reason(
            "generator_dropped",
            f"the generator left {run.dropped_by_generator} of {run.due} due requests unsent "
            f"({percent(dropped)}){because}, limit {percent(GENERATOR_DROPPED)}",
        )
    if run.generator_cpu is not None and run.generator_cpu > GENERATOR_CPU:
        yield Reason(
            "generator_cpu",
            f"the generator used {percent(run.generator_cpu)} of its core, limit {percent(GENERATOR_CPU)}",
        )
    if run.throttled is not None and run.throttled > THROTTLED:
        yield Reason(
            "generator_throttled",
            f"the generator's cgroup was throttled in {percent(run.throttled)} of its periods, "
            f"limit {percent(THROTTLED)}",
        )
    if run.steal is not None and run.steal >= STEAL:
        yield Reason(
            "steal",
            f"the hypervisor took {percent(run.steal)} of the machine's CPU time, "
            f"limit below {percent(STEAL)}",
        )
    gap = _bookkeeping_gap(run)
    if gap is not None and gap > BOOKKEEPING:
        yield Reason(
            "bookkeeping",
            f"requests in flight add up to {run.in_flight_integral:.4g} s by the counter and "
            f"{run.busy_seconds:.4g} s by the records ({percent(gap)} apart), limit {percent(BOOKKEEPING)}",
        )


def _conditions(run: Measurements) -> Iterator[Reason]:
    if run.lost:
        unsent = sum(loss.unsent for loss in run.lost)
        yield Reason(
            "load_lost",
            f"{_who(run.lost)} died: {unsent} of the {sum(loss.due for loss in run.lost)} requests of that "
            f"share were never sent, so that the target had {percent(unsent / max(1, run.due))} less to do "
            "than the plan says",
        )
    if run.dropped_by_target:
        yield Reason(
            "overloaded",
            f"the target was overloaded: {run.dropped_by_target} of {run.due} due requests could not be sent "
            "for want of a free session or connection",
        )
    elif (growth := _backlog_growth(run)) is not None and growth > max(
        BACKLOG_REQUESTS, BACKLOG_SHARE * run.due
    ):
        yield Reason(
            "overloaded",
            f"the target was overloaded: requests waiting for an answer grew from {run.backlog_start} to "
            f"{run.backlog_end}; percentiles are lower bounds",
        )
    if (why := _unsteady(run)) is not None:
        yield Reason("not_steady", f"not steady: {why}")
    if run.qdrant_optimising:
        yield Reason("qdrant_optimising", "Qdrant was optimising its collections while it was measured")
    if run.target_throttled:
        yield Reason("target_throttled", "a CPU limit throttled the target while it was measured")
    if run.foreign_cores is not None and disturbs(run.foreign_cores, run.cores):
        yield Reason(
            DISTURBED,
            f"other work kept {run.foreign_cores:.2g} of the machine's {run.cores} cores busy, which slows "
            "the target down",
        )


def _unsteady(run: Measurements) -> str | None:
    """Why the run is surely not steady, if it is not."""
    steadiness = run.steadiness
    found = None
    if steadiness is not None and steadiness.steady is False and (drift := steadiness.drift) is not None:
        found = (
            f"the median response time changed by {drift.change * 100:+.0f} % over the last "
            f"{steadiness.seconds} s ({(drift.low or 0) * 100:+.0f} to {(drift.high or 0) * 100:+.0f} %)"
        )
    if run.settled is False:
        return (
            f"{found or 'response times kept changing'}, so that it never settled; measure or warm up longer"
        )
    return found


def _unknown(run: Measurements) -> Iterator[Reason]:
    named = (
        ("dispatch_lag", "dispatch lag", run.dispatch_lag_p99 is None and run.due > 0),
        ("generator_cpu", "generator's CPU", run.generator_cpu is None),
        ("generator_throttled", "throttling of the generator", run.throttled is None),
        ("steal", "steal", run.steal is None),
        ("bookkeeping", "bookkeeping", _bookkeeping_gap(run) is None),
        ("overloaded", "growth of the backlog", _backlog_growth(run) is None and not run.dropped_by_target),
        ("qdrant_optimising", "Qdrant's optimiser", run.qdrant_optimising is None),
        ("target_throttled", "throttling of the target", run.target_throttled is None),
        (DISTURBED, "other work on the machine", run.foreign_cores is None),
    )
    for code, name, missing in named:
        if missing:
            yield Reason(code, f"{name}: unknown")
    if run.steadiness is not None and run.steadiness.steady is None:
        drift = run.steadiness.drift
        why = (
            f"{run.steadiness.seconds} s are too short"
            if drift is None
            else f"a change of {drift.change * 100:+.0f} % may be chance"
        )
        yield Reason("not_steady", f"steadiness: unknown, {why}")


def _who(lost: tuple[Loss, ...]) -> str:
    numbers = ", ".join(str(loss.process + 1) for loss in lost)
    return f"load process{'es' if len(lost) > 1 else ''} {numbers} of {lost[0].of}"


def _bookkeeping_gap(run: Measurements) -> float | None:
    """Difference of the two counts as a share of the larger one."""
    if run.in_flight_integral is None or run.busy_seconds is None:
        return None
    larger = max(run.in_flight_integral, run.busy_seconds)
    return abs(run.in_flight_integral - run.busy_seconds) / larger if larger > 0 else 0.0


def _backlog_growth(run: Measurements) -> int | None:
    if run.backlog_start is None or run.backlog_end is None:
        return None
    return run.backlog_end - run.backlog_start
