"""MLRsearch (draft-ietf-bmwg-mlrsearch, FD.io's implementation) asked about requests instead of packets.

MLRsearch looks for the highest load whose *loss ratio* stays within a goal. It keeps one loss ratio a trial,
while several objectives ask about different requests with different budgets, so that its own list of goals
cannot hold them. Instead there is one goal, and each trial reports one normalised loss:

    loss = g · max over objectives of (share missed / budget)      g = the smallest budget above zero

which is within g exactly if every objective is met, and never above the true share. Beyond g the size of the
loss only steers: MLRsearch takes load · (1 - loss) for the rate that the target can forward and measures
there next. Under open arrivals nearly every request is late once the target is overloaded, a loss that would
send it to the bottom of the range; a missed trial therefore reports the share that the target did not
*answer* (1 - answers / load), which leads to its saturation; never more than half, as a target that refuses
or collapses under overload answers less than it can.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from MLRsearch import AbstractMeasurer, Config, MeasurementResult, MultipleLossRatioSearch, SearchGoal

from bench.capacity.goals import Goal
from bench.capacity.trials import TrialOutcome, severities

#: Loss is handed over as whole "packets" of this many.
_WHOLE = 10**9
#: Shortest width of an interval that MLRsearch is asked for, as a share of its upper end.
LEAST_WIDTH = 0.01
#: Loss beyond the goal steers no further down than this.
MOST_STEERING = 0.5


@dataclass(frozen=True, slots=True)
class Bounds:
    """Requests per second: the highest load that held, the lowest that did not; None where there is none."""

    low: float | None
    high: float | None


def loss(outcome: TrialOutcome, goals: Sequence[Goal]) -> float:
    """The normalised loss of a trial, from 0 to 1; above `goal_loss` exactly if a goal was missed."""
    limit = goal_loss(goals)
    severity = max(severities(outcome, goals))
    if severity <= 1:
        return limit * severity
    unanswered = min(MOST_STEERING, 1 - outcome.answered / outcome.rate)
    return max(unanswered, limit + 2 / _WHOLE)


def goal_loss(goals: Sequence[Goal]) -> float:
    return min((goal.budget for goal in goals if goal.budget > 0), default=0.0)


class MlrSearch:
    """One search between two loads. `bounds` may be asked at any time, also after `run` was left by an
    exception of `measure`: it tells what the trials up to then have settled."""

    def __init__(
        self,
        goals: Sequence[Goal],
        low: float,
        high: float,
        *,
        trial: float,
        duration_sum: float,
        width: float,
    ) -> None:
        self._goals = goals
        config = Config()
        # Each setter checks against the other bound, and the default of the lower one is 9001.
        config.max_load = max(high, config.min_load * 2)
        config.min_load = low
        config.max_load = high
        config.warmup_duration = None
        config.search_duration_max = math.inf
        self._goal = SearchGoal(
            loss_ratio=_packets(goal_loss(goals)) / _WHOLE,
            exceed_ratio=0.5,
            relative_width=max(width, LEAST_WIDTH),
            initial_trial_duration=trial,
            final_trial_duration=trial,
            duration_sum=duration_sum,
            preceding_targets=1,
            expansion_coefficient=2,
            fail_fast=False,
        )
        config.goals = (self._goal,)
        self._search = MultipleLossRatioSearch(config=config)

    def run(self, measure: Callable[[float, float], TrialOutcome]) -> Bounds:
        """`measure` gets (rate, seconds)."""
        self._search.search(_Measurer(measure, self._goals), debug=lambda text: None)
        return self.bounds()

    def bounds(self) -> Bounds:
        database = getattr(self._search, "database", None)
        if database is None:
            return Bounds(None, None)
        target = self._search.scaling.goal_to_final_target[self._goal]
        found = database.get_relevant_bounds(target=target)
        return Bounds(*(float(one) if one else None for one in (found.clo, found.chi)))


class _Measurer(AbstractMeasurer):  # type: ignore[misc]
    def __init__(self, measure: Callable[[float, float], TrialOutcome], goals: Sequence[Goal]) -> None:
        self._measure = measure
        self._goals = goals

    def measure(self, intended_duration: float, intended_load: float) -> MeasurementResult:
        outcome = self._measure(intended_load, intended_duration)
        return MeasurementResult(
            intended_duration=intended_duration,
            intended_load=intended_load,
            offered_count=_WHOLE,
            loss_count=_packets(loss(outcome, self._goals)),
        )


def _packets(share: float) -> int:
    return round(share * _WHOLE)
