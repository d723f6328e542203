"""What operations and memory cost as a node learns: the controller of `kato-bench capacity growth`.

One run a size, on a fresh deployment that has learned so many patterns per node. Requests come evenly spaced
and so far apart that each finds the deployment idle: the next is due after twice the median service time of
the slowest operation. What is measured is then the cost of the size and not of the load. The rate of each
run follows from the slowest operation of the one before, taken to grow with the size.

Two more runs at the smallest size, alike but for their number of sessions, tell what a session costs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bench import words
from bench.capacity.trials import CROWDED, Level
from bench.errors import BenchError, UsageError
from bench.gate import objectives
from bench.gate.objectives import Objective, percentile_of
from bench.stats.growth import FEWEST_SIZES
from bench.stats.quantiles import Estimate, required

SIZES = (100, 200, 500, 1000, 2000, 5000)
LARGEST_SIZE = 1_000_000
#: Time between two requests, in median service times of the slowest operation; from BUSY on they overlapped.
GAP, BUSY = 2.0, 0.8
SHORTEST, LONGEST = 15.0, 180.0
#: More requests than a percentile needs at least, so that chance leaves enough of each operation.
MARGIN = 1.2
REPEATS = 2
SESSION_STEP = 100

Ended = Literal["complete", "interrupted", "failed"]


@dataclass(frozen=True, slots=True)
class SizeOutcome:
    """One run. `patterns` learned per node. `statistics`: seconds, by names such as `service p50(predict)`.
    `requests`: measured, by operation. `slowest`: median service time of the slowest operation. `learned`:
    bytes by gauge once the patterns were learned; `final`: at the end of the measurement. `evicted`,
    `refused`: keys that a full Redis threw away and writes that it refused, those of the preload among them;
    it then holds less than was learned. `conditions`: codes of the gate's reasons. Shares: `utilisation` of
    the resource that would bind first, `machine_busy` of all CPUs, whoever used them."""

    patterns: int
    sessions: int
    rate: float
    seconds: float
    statistics: Mapping[str, Estimate] = field(default_factory=dict)
    requests: Mapping[str, int] = field(default_factory=dict)
    slowest: float | None = None
    learned: Mapping[str, float] = field(default_factory=dict)
    final: Mapping[str, float] = field(default_factory=dict)
    evicted: float = 0.0
    refused: float = 0.0
    utilisation: float | None = None
    machine_busy: float | None = None
    level: Level = "sound"
    conditions: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    run: str | None = None
    interrupted: bool = False

    @property
    def redis_was_full(self) -> bool:
        return self.evicted > 0 or self.refused > 0


#: (patterns per node, sessions, requests per second, seconds measured) -> what came of it.
MeasureSize = Callable[[int, int, float, float], SizeOutcome]


@dataclass(slots=True)
class GrowthOutcome:
    """`sizes`: one usable run a size, ascending. `sessions`: runs that differ in sessions alone, the first
    of `sizes` among them."""

    sizes: list[SizeOutcome] = field(default_factory=list)
    sessions: list[SizeOutcome] = field(default_factory=list)
    ended: Ended = "complete"
    reason: str | None = None
    notes: list[str] = field(default_factory=list)
    error: BenchError | None = None


def parse_sizes(text: str) -> tuple[int, ...]:
    """`100,200,500` as ascending numbers. Raises UsageError with one sentence."""
    try:
        sizes = sorted({int(part) for part in text.split(",") if part.strip()})
    except ValueError:
        raise UsageError(
            f"--sizes {text!r}: write whole numbers with commas, such as 100,1000,5000."
        ) from None
    if len(sizes) < FEWEST_SIZES:
        raise UsageError(f"--sizes {text}: a cost law takes {FEWEST_SIZES} different sizes or more.")
    if sizes[0] < 1 or sizes[-1] > LARGEST_SIZE:
        raise UsageError(f"--sizes {text}: sizes go from 1 to {LARGEST_SIZE} patterns per node.")
    return tuple(sizes)


def parse_bounds(texts: Sequence[str], operations: Sequence[str]) -> tuple[Objective, ...]:
    """Objectives that a growing cost can break. Raises UsageError for any other."""
    found = tuple(objectives.parse(text) for text in texts)
    for objective in found:
        timed = objective.kind == "time" and objective.comparison in ("<", "<=")
        if not timed or objective.statistic == "max":
            raise UsageError(
                f'objective "{objective.text}": growth asks for times of many requests, for example '
                "p95(predict)<80ms."
            )
        objectives.require_sent(objective, operations)
    return found


class _Ended(Exception):  # noqa: N818 - it is a way out, not an error
    def __init__(self, how: Ended, reason: str, error: BenchError | None = None) -> None:
        super().__init__(reason)
        self.how = how
        self.error = error


class GrowthRuns:
    """`start_rate`: requests per second that the smallest size is first asked at. `sessions`: of the plan;
    None where the scenario has no such option, and then nothing is learned about their memory."""

    def __init__(
        self,
        sizes: Sequence[int],
        bounds: Sequence[Objective],
        start_rate: float,
        sessions: int | None,
        measure: MeasureSize,
        *,
        say: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self._sizes = sizes
        self._bounds = bounds
        self._rate = start_rate
        self._sessions = sessions
        self._measure = measure
        self._say = say
        self._outcome = GrowthOutcome()

    def run(self) -> GrowthOutcome:
        """However it ends, the runs until then are in the outcome."""
        outcome = self._outcome
        try:
            for place, size in enumerate(self._sizes):
                full = self._one_size(size)
                if full is not None:
                    # Every larger size finds Redis full as well.
                    self._outcome.notes.append(_left_out(full, self._sizes[place:]))
                    break
            self._session_sizes()
        except _Ended as end:
            outcome.ended, outcome.reason, outcome.error = end.how, str(end), end.error
        return outcome

    def _one_size(self, size: int) -> SizeOutcome | None:
        """Keep a usable run of this size, or note why there is none; returns the run if Redis was full."""
        rate = self._rate_for(size)
        for _ in range(REPEATS + 1):
            run = self._measured(size, self._sessions or 0, rate, self._seconds(rate))
            if run.redis_was_full:
                return run
            crowded = run.slowest is not None and rate * run.slowest > BUSY
            if run.level != "unsound" and not crowded:
                self._outcome.sizes.append(run)
                if run.machine_busy is not None and run.machine_busy > CROWDED:
                    self._outcome.notes.append(
                        f"At {size} patterns the machine was {100 * run.machine_busy:.0f} % busy, which "
                        "so few requests do not explain: times are longer than without that other work."
                    )
                return None
            if crowded and run.slowest is not None:
                rate = 1 / (GAP * run.slowest)
        why = run.reasons[0] if run.reasons else "requests overlapped"
        self._outcome.notes.append(
            f"{size} patterns are left out: {REPEATS + 1} runs were of no use ({why})."
        )
        return None

    def _rate_for(self, size: int) -> float:
        if not self._outcome.sizes:
            return self._rate
        before = self._outcome.sizes[-1]
        if before.slowest is None:
            return before.rate
        return min(self._rate, 1 / (GAP * before.slowest * size / before.patterns))

    def _seconds(self, rate: float) -> float:
        """Long enough for the percentiles of the bounds, and for p95 of every operation that is not rare;
        within limits, beyond which a percentile is rather left unknown."""
        if not self._outcome.sizes:
            return _length(self._least(None), rate)
        before = self._outcome.sizes[-1]
        total = sum(before.requests.values())
        frequent = [count / total for count in before.requests.values() if count >= 0.2 * total]
        needed = [required(0.95) / share for share in frequent]
        needed += [
            self._least(bound) * total / count
            for bound in self._bounds
            if (count := before.requests.get(bound.operation or "", 0 if bound.operation else total))
        ]
        return _length(max(needed, default=0.0), rate)

    def _least(self, bound: Objective | None) -> int:
        """Requests that a bound's percentile takes; without one, those of p95 for two operations."""
        if bound is None:
            return max([2 * required(0.95), *(2 * self._least(one) for one in self._bounds)])
        q = percentile_of(bound.statistic)
        return required(q) if q is not None else 1

    def _session_sizes(self) -> None:
        if not self._outcome.sizes:
            return
        if self._sessions is None:
            self._outcome.notes.append(
                "The scenario has no option for sessions, so their memory is not measured."
            )
            return
        first = self._outcome.sizes[0]
        self._outcome.sessions.append(first)
        for step in (1, 2):
            self._one_session_size(first, self._sessions + step * SESSION_STEP)

    def _one_session_size(self, first: SizeOutcome, sessions: int) -> None:
        for _ in range(REPEATS + 1):
            run = self._measured(first.patterns, sessions, first.rate, first.seconds)
            if run.redis_was_full:
                self._outcome.notes.append(
                    f"{sessions} sessions are left out of what a session costs: {_full(run)}."
                )
                return
            if run.level != "unsound":
                self._outcome.sessions.append(run)
                return
        why = f" ({run.reasons[0]})" if run.reasons else ""
        self._outcome.notes.append(
            f"{sessions} sessions are left out of what a session costs: {REPEATS + 1} runs were unsound{why}."
        )

    def _measured(self, size: int, sessions: int, rate: float, seconds: float) -> SizeOutcome:
        try:
            run = self._measure(size, sessions, rate, seconds)
        except KeyboardInterrupt:
            raise _Ended("interrupted", "it was stopped before its end") from None
        except BenchError as error:
            raise _Ended("failed", str(error), error) from error
        if run.interrupted:
            raise _Ended("interrupted", "it was stopped before its end")
        slowest = "n/a" if run.slowest is None else f"{1000 * run.slowest:.3g} ms"
        self._say(
            f"{size} patterns per node, {sessions} sessions, {rate:.3g}/s for {seconds:.0f} s: the slowest "
            f"operation took {slowest} at the median ({run.level})"
        )
        return run


def _full(run: SizeOutcome) -> str:
    lost = [
        text
        for number, text in (
            (run.evicted, f"threw {words.count(run.evicted)} keys away"),
            (run.refused, f"refused {words.count(run.refused)} writes"),
        )
        if number
    ]
    return f"Redis was full and {' and '.join(lost)}; raise redis.maxmemory"


def _left_out(run: SizeOutcome, sizes: Sequence[int]) -> str:
    """In one sentence, which sizes tell nothing of costs, and what to do about it."""
    named = " and ".join([", ".join(map(str, sizes[:-1])), str(sizes[-1])] if sizes[1:] else map(str, sizes))
    return f"{named} patterns are left out: at {run.patterns} {_full(run)} to measure further."


def _length(requests: float, rate: float) -> float:
    """Whole seconds in which so many requests are due, with a margin."""
    return float(math.ceil(max(SHORTEST, min(LONGEST, MARGIN * requests / rate))))
