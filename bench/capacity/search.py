"""The highest rate at which every objective holds: the controller of `kato-bench capacity search`.

1. *Probe*: one short trial at a harmless rate. Its CPU-seconds per request give the rate at which the busiest
   resource would be full (utilisation law), which is the load to expect.
2. *Preflight* at a tenth of that: misses there come from the service itself, not from load. An objective
   that uses more than a fifth of its budget at no load has no capacity to find: measured on simulated
   queues, every search method then scatters over 0.3 to 1.2 of the truth. Such a search is refused. A probe
   that stayed within the fifth, with requests enough to show it, has said as much of any lower load already.
3. *Search* by MLRsearch between the two; if nothing fails up there, the range moves up.
4. *Confirmation*: a longer trial at the load to recommend, 0.8 of the highest that held.

An unsound trial is repeated, as is one that passed while the system was still changing, and one that failed
while other work took the machine from it. An overloaded trial is a legitimate failure: its late and lost
requests are counted, which needs no percentile.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from bench.capacity.goals import Goal
from bench.capacity.mlr import Bounds, MlrSearch
from bench.capacity.trials import (
    CROWDED,
    DOUBTFUL,
    Binding,
    MeasureTrial,
    Tally,
    TrialOutcome,
    met,
    worst,
)
from bench.errors import BenchError, UsageError
from bench.stats.ratios import wilson

#: Seconds of a trial unless the objectives need longer ones, and the longest that are made unasked.
TRIAL, LONGEST_TRIAL = 10.0, 120.0
#: A load is settled by the majority of so many trials.
TRIALS_A_LOAD = 3
#: Width of the final interval as a share of its upper end.
WIDTH = 0.05
PREFLIGHT_SHARE, PREFLIGHT_BUDGET = 0.1, 0.2
#: The preflight is to expect so many misses where its verdict turns, within so many seconds.
PREFLIGHT_MISSES, PREFLIGHT_SECONDS = 1, 30.0
RECOMMENDED_SHARE, COMFORT = 0.8, 1 / 1.5
REPEATS = 2
#: How often the range may double because nothing fails.
EXPANSIONS = 8

Purpose = Literal["probe", "preflight", "search", "confirm"]
Ended = Literal["complete", "refused", "budget", "unsound", "interrupted", "failed"]


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """`start`: rate of the probe. `trial`: seconds, None = as long as the objectives need. `max_rate`: never
    load more. `budget`: seconds of wall clock for everything. `confirm`: seconds, 0 leaves it out."""

    start: float
    trial: float | None = None
    width: float = WIDTH
    max_rate: float = math.inf
    budget: float = 900.0
    confirm: float = 30.0


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial as it was used. `held`: every objective was; None for an unsound one: it decides nothing."""

    purpose: Purpose
    outcome: TrialOutcome
    held: bool | None


@dataclass(slots=True)
class SearchOutcome:
    """`low`: highest rate that held, `high`: lowest that did not (requests/s, None where there is none).
    `expected`: the utilisation law's ceiling after the probe. `binding_goal`, `binding`: the objective that
    failed at `high` and what the advisor says binds there. `recommended`: rate to plan with.
    `low_settled`: False if `low` rests on a single trial."""

    goals: tuple[Goal, ...]
    trials: list[Trial] = field(default_factory=list)
    ended: Ended = "complete"
    reason: str | None = None
    expected: float | None = None
    trial_seconds: float = TRIAL
    low: float | None = None
    high: float | None = None
    binding_goal: Goal | None = None
    binding: Binding | None = None
    recommended: float | None = None
    low_settled: bool = True
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    error: BenchError | None = None


class _Ended(Exception):  # noqa: N818 - it is a way out, not an error
    def __init__(self, how: Ended, reason: str, error: BenchError | None = None) -> None:
        super().__init__(reason)
        self.how = how
        self.error = error


class Search:
    def __init__(
        self,
        goals: Sequence[Goal],
        settings: SearchSettings,
        measure: MeasureTrial,
        *,
        say: Callable[[str], None] = lambda sentence: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._goals = tuple(goals)
        self._settings = settings
        self._measure = measure
        self._say = say
        self._clock = clock
        self._outcome = SearchOutcome(self._goals)
        self._known: defaultdict[tuple[float, float], list[TrialOutcome]] = defaultdict(list)
        self._longest_overhead = 0.0
        self._mlr: MlrSearch | None = None

    def run(self) -> SearchOutcome:
        """However it ends, what was found until then is in the outcome. Raises UsageError where the trials
        that were asked for cannot carry the objectives."""
        self._began = self._clock()
        outcome = self._outcome
        try:
            self._search()
        except _Ended as end:
            outcome.ended, outcome.reason, outcome.error = end.how, str(end), end.error
            self._take_bounds()
            if end.how != "refused":
                self._take_single_trial()
        self._conclude()
        outcome.seconds = self._clock() - self._began
        return outcome

    def _search(self) -> None:
        settings = self._settings
        probe = self._trial(min(settings.start, settings.max_rate), settings.trial or TRIAL, "probe")
        for goal, tally in zip(self._goals, probe.tallies, strict=True):
            if not tally.requests:
                raise UsageError(
                    f'objective "{goal.text}": no such request was sent in {probe.seconds:g} s at '
                    f"{probe.rate:.3g}/s; start at a higher --rate."
                )
        expected = self._outcome.expected = self._expected(probe)
        trial = self._outcome.trial_seconds = self._trial_length(probe, expected)
        low = PREFLIGHT_SHARE * min(expected, settings.max_rate)
        self._preflight(probe, low)
        high = min(expected, settings.max_rate)
        for _ in range(EXPANSIONS):
            self._search_between(low, high, trial)
            if self._outcome.high is not None or high >= settings.max_rate:
                break
            low, high = high, min(2 * high, settings.max_rate)
        self._confirm()

    def _expected(self, probe: TrialOutcome) -> float:
        """Requests per second at which something should be full.

        Where no CPU time is to be seen, the rate doubles until an objective fails; what the target answers
        then is its limit."""
        if probe.binding is not None and probe.binding.ceiling is not None:
            return max(probe.binding.ceiling, probe.answered)
        while met(probe, self._goals) and probe.rate < self._settings.max_rate:
            rate = min(2 * probe.rate, self._settings.max_rate)
            probe = self._trial(rate, probe.seconds, "probe")
        return max(probe.answered, probe.rate / 2)

    def _trial_length(self, probe: TrialOutcome, expected: float) -> float:
        """Seconds of a trial, so that the trials of one load together carry the objectives at half the
        expected rate."""
        rate = min(expected, self._settings.max_rate) / 2
        longest = self._settings.trial or TRIAL
        for goal, tally in zip(self._goals, probe.tallies, strict=True):
            share = tally.requests / probe.due
            needed = goal.sample / (rate * share * TRIALS_A_LOAD)
            allowed = self._settings.trial or LONGEST_TRIAL
            if needed > allowed:
                raise UsageError(
                    f"{goal.objective.subject} takes {goal.sample} requests, and {TRIALS_A_LOAD} trials of "
                    f"{allowed:g} s hold about {rate * share * TRIALS_A_LOAD * allowed:.0f} at "
                    f"{rate:.3g}/s: give --trial {math.ceil(needed)}, or a lower percentile."
                )
            longest = max(longest, float(math.ceil(needed)))
        return longest

    def _preflight(self, probe: TrialOutcome, rate: float) -> None:
        """Raises _Ended if the objectives cannot be held without any load worth the name."""
        pairs = list(zip(self._goals, probe.tallies, strict=True))
        if all(_harmless(goal, tally) for goal, tally in pairs):
            return
        seconds = self._outcome.trial_seconds
        for goal, tally in pairs:
            per_second = rate * tally.requests / probe.due
            needed = PREFLIGHT_MISSES / _turning(goal)
            seconds = max(seconds, min(PREFLIGHT_SECONDS, math.ceil(needed / per_second)))
        together = [Tally(0, 0) for _ in self._goals]
        doubtful: list[str] = []
        # A share above the allowed one may be chance; a second trial decides, as far as it can.
        for _ in range(2):
            idle = self._trial(rate, seconds, "preflight")
            busy = idle.binding.machine_busy if idle.binding is not None else None
            if busy is not None and busy > CROWDED:
                self._outcome.notes.append(
                    f"At {rate:.3g}/s the machine was {100 * busy:.0f} % busy: other work slows the target, "
                    "and the result is that of a busy machine."
                )
            together = [one.plus(other) for one, other in zip(together, idle.tallies, strict=True)]
            doubtful = []
            for goal, tally in zip(self._goals, together, strict=True):
                allowed = PREFLIGHT_BUDGET * goal.budget
                found = wilson(tally.missed, tally.requests)
                if found.low is not None and found.low > allowed:
                    raise _Ended("refused", _below_the_tail(goal, tally, rate))
                if tally.share > allowed:
                    doubtful.append(
                        f"{goal.text}: {tally.missed} of {tally.requests} requests missed it at {rate:.3g}/s "
                        "already, so it lies near what the service takes without load; the interval is rough."
                    )
            if not doubtful:
                self._outcome.notes += [
                    f"{goal.text}: none of {tally.requests} requests missed it at {rate:.3g}/s, too few to "
                    "show that the service keeps it without load."
                    for goal, tally in zip(self._goals, together, strict=True)
                    if not _harmless(goal, tally)
                ]
                return
        self._outcome.notes += doubtful

    def _search_between(self, low: float, high: float, trial: float) -> None:
        self._mlr = MlrSearch(
            self._goals,
            low,
            high,
            trial=trial,
            duration_sum=TRIALS_A_LOAD * trial,
            width=self._settings.width,
        )
        replay = {key: iter(tuple(known)) for key, known in self._known.items()}
        self._mlr.run(lambda rate, seconds: self._replayed(replay, rate, seconds))
        self._take_bounds()

    def _replayed(
        self, known: dict[tuple[float, float], Iterator[TrialOutcome]], rate: float, seconds: float
    ) -> TrialOutcome:
        """A trial that was made before counts for each search once."""
        earlier = next(known.get((rate, seconds), iter(())), None)
        return earlier if earlier is not None else self._trial(rate, seconds, "search")

    def _take_bounds(self) -> None:
        """The bounds that MLRsearch has settled; those of an earlier range stay where it has none yet."""
        bounds = self._mlr.bounds() if self._mlr is not None else Bounds(None, None)
        if bounds.low is not None:
            self._outcome.low = max(bounds.low, self._outcome.low or 0.0)
        if bounds.high is not None:
            self._outcome.high = bounds.high

    def _take_single_trial(self) -> None:
        """Where the search settled no lower bound before it had to end, the probe or the preflight is one."""
        outcome = self._outcome
        if outcome.low is not None:
            return
        held = [
            trial.outcome.rate
            for trial in outcome.trials
            if trial.held and trial.purpose in ("probe", "preflight")
        ]
        outcome.low_settled = False
        outcome.low = max((rate for rate in held if rate < (outcome.high or math.inf)), default=None)
        if outcome.low is not None:
            outcome.notes.append(
                f"The lower end, {outcome.low:.3g}/s, rests on one trial: the search settled none above it."
            )

    def _confirm(self) -> None:
        low, seconds = self._outcome.low, self._settings.confirm
        if low is None or not seconds:
            return
        longer = max(seconds, self._outcome.trial_seconds)
        confirmed = self._trial(RECOMMENDED_SHARE * low, longer, "confirm")
        if not met(confirmed, self._goals):
            goal = self._goals[worst(confirmed, self._goals)]
            self._outcome.notes.append(
                f"No load is recommended: {goal.text} held in trials of "
                f"{self._outcome.trial_seconds:g} s, but not in one of {longer:g} s at "
                f"{confirmed.rate:.3g}/s."
            )
            return
        self._outcome.recommended = confirmed.rate
        for goal, measured in zip(self._goals, confirmed.times, strict=True):
            if measured is not None and goal.limit is not None and measured > COMFORT * goal.limit:
                self._outcome.notes.append(
                    f"Little is left at the recommended load: {goal.objective.subject} is "
                    f"{1000 * measured:.3g} ms of {1000 * goal.limit:.3g} ms."
                )

    def _trial(self, rate: float, seconds: float, purpose: Purpose) -> TrialOutcome:
        """Measure until a trial can be used. Raises _Ended where none comes."""
        for attempt in range(REPEATS + 1):
            outcome = self._measured(rate, seconds)
            held = None if outcome.level == "unsound" else met(outcome, self._goals)
            self._outcome.trials.append(Trial(purpose, outcome, held))
            self._say(self._sentence(purpose, outcome, held))
            doubt = DOUBTFUL[bool(held)].intersection(outcome.conditions)
            if held is None or (doubt and attempt < REPEATS):
                continue
            if doubt:
                self._outcome.notes.append(f"At {rate:.3g}/s: {'; '.join(outcome.reasons)}.")
            self._known[rate, seconds].append(outcome)
            return outcome
        raise _Ended(
            "unsound",
            f"{REPEATS + 1} trials at {rate:.3g}/s were unsound, the last because {outcome.reasons[0]}"
            if outcome.reasons
            else f"{REPEATS + 1} trials at {rate:.3g}/s were unsound",
        )

    def _measured(self, rate: float, seconds: float) -> TrialOutcome:
        began = self._clock()
        spent = began - self._began
        if spent + self._longest_overhead + seconds > self._settings.budget:
            raise _Ended("budget", f"the budget of {self._settings.budget:g} s does not hold another trial")
        try:
            outcome = self._measure(rate, seconds)
        except KeyboardInterrupt:
            raise _Ended("interrupted", "it was stopped before its end") from None
        except BenchError as error:
            raise _Ended("failed", str(error), error) from error
        if outcome.interrupted:
            raise _Ended("interrupted", "it was stopped before its end")
        self._longest_overhead = max(self._longest_overhead, self._clock() - began - seconds)
        return replace(outcome, rate=rate, seconds=seconds)

    def _conclude(self) -> None:
        """What bound at the lowest load that failed."""
        outcome = self._outcome
        failed = [
            trial.outcome
            for trial in outcome.trials
            if trial.held is False and (outcome.high is None or trial.outcome.rate == outcome.high)
        ]
        if outcome.high is None or not failed:
            return
        outcome.binding_goal = self._goals[worst(failed[-1], self._goals)]
        outcome.binding = next((one.binding for one in reversed(failed) if one.binding is not None), None)

    def _sentence(self, purpose: Purpose, outcome: TrialOutcome, held: bool | None) -> str:
        head = (
            f"trial {len(self._outcome.trials)} ({purpose}), {outcome.rate:.3g}/s for {outcome.seconds:g} s: "
        )
        if held is None:
            return f"{head}unsound, {'; '.join(outcome.reasons)}"
        goal, tally = min(
            zip(self._goals, outcome.tallies, strict=True),
            key=lambda pair: -pair[0].severity(pair[1].missed, pair[1].requests),
        )
        return (
            f"{head}{'held' if held else 'missed'}, {tally.missed} of {tally.requests} requests missed "
            f"{goal.text} ({_percent(tally.share)}, allowed {_percent(goal.budget)})"
        )


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _turning(goal: Goal) -> float:
    """Share of misses at which the preflight's verdict turns; of a goal that allows none, how rare a miss it
    is to find."""
    return PREFLIGHT_BUDGET * (goal.budget or 0.05)


def _harmless(goal: Goal, tally: Tally) -> bool:
    """Did so many requests show that the goal is kept? No miss among a few shows nothing."""
    allowed = PREFLIGHT_BUDGET * goal.budget
    if tally.share > allowed:
        return False
    above = wilson(tally.missed, tally.requests).high
    return tally.requests * _turning(goal) >= PREFLIGHT_MISSES or (above is not None and above <= allowed)


def _below_the_tail(goal: Goal, tally: Tally, rate: float) -> str:
    return (
        f"the objective is below the no-load tail: at {rate:.3g}/s, a tenth of the expected load, "
        f"{tally.missed} of {tally.requests} requests ({_percent(tally.share)}) missed {goal.text}, "
        f"and a search needs at most {_percent(PREFLIGHT_BUDGET * goal.budget)} there"
    )
