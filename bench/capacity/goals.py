"""Objectives as a budget of requests: how large a share of them may miss what was promised.

`p95(predict) < 80ms` allows 5 % of the predictions to be late, counted from when they were due; one that
failed, or was never answered, misses it as well. `errors < 1%` allows 1 % to fail. So every objective becomes
the same kind of question, at which load the share of misses reaches the budget, and a search can answer it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.errors import UsageError
from bench.gate import objectives
from bench.gate.objectives import Objective, percentile_of

_EXAMPLE = "p95(predict)<80ms"
#: Without so many expected misses the share of clustered ones is mostly chance.
MISSES = 10


@dataclass(frozen=True, slots=True)
class Goal:
    """`budget`: the share of requests (0 to 1) that may miss it. `limit`: seconds from due within which a
    request must be answered; None where only its outcome counts."""

    objective: Objective
    budget: float
    limit: float | None = None

    @property
    def text(self) -> str:
        return self.objective.text

    @property
    def operation(self) -> str | None:
        return self.objective.operation

    @property
    def sample(self) -> int:
        """Requests that settle a load: as many as hold ten misses where the verdict turns, as late requests
        come in clusters, and short trials often have none of a rare one; 1 where every sample has a share."""
        return math.ceil(round(MISSES / self.budget, 6)) if self.limit is not None and self.budget else 1

    def severity(self, missed: int, requests: int) -> float:
        """How far the misses exhaust the budget: up to 1 the goal is met.

        A budget of zero is exhausted by the first miss."""
        if not missed:
            return 0.0
        if not self.budget:
            return float("inf")
        return missed / requests / self.budget


def parse(texts: Sequence[str], operations: Sequence[str] | None = None) -> tuple[Goal, ...]:
    """The goals in the order given. `operations`: those that the scenario sends.

    Raises UsageError where there is none, where one asks for an operation that is never sent, or where more
    load cannot break it."""
    if not texts:
        raise UsageError(
            f"A capacity search needs an objective to hold: give at least one, for example --objective "
            f"'{_EXAMPLE}'."
        )
    goals = tuple(_goal(objectives.parse(text)) for text in texts)
    for goal in goals:
        if operations is not None:
            objectives.require_sent(goal.objective, operations)
    return goals


def _goal(objective: Objective) -> Goal:
    if objective.statistic == "mean":
        raise UsageError(
            f'objective "{objective.text}": a mean says nothing of single requests, so no share of them may '
            f"miss it; search for a percentile, for example {_EXAMPLE}."
        )
    if objective.comparison in ("<", "<="):
        q = percentile_of(objective.statistic)
        if q is not None:
            # 1 - 0.95 is not the double nearest to 0.05; rounding makes it so.
            return Goal(objective, round(1 - q, 12), objective.bound)
        if objective.statistic == "max":
            return Goal(objective, 0.0, objective.bound)
        if objective.statistic in ("errors", "dropped"):
            return Goal(objective, objective.bound)
    raise UsageError(
        f'objective "{objective.text}": more load does not break it, so it has no highest rate; search for '
        f"one that it does, for example {_EXAMPLE} or errors<1%."
    )
