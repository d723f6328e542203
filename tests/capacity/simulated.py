"""A deployment that is a queue on paper: one server, Poisson arrivals, exponential service, seeded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.capacity.goals import Goal
from bench.capacity.trials import Binding, Level, Tally, TrialOutcome


@dataclass
class Queue:
    """`service_rate`: what it can answer per second. `noise`: the machine's own, as a share, trial by trial.
    `stall`: this share of requests takes `stall_seconds` more, whatever the load. `refusals`: share of the
    requests that fail at once while more than `patience` seconds of work wait."""

    service_rate: float
    goals: Sequence[Goal]
    seed: int = 0
    noise: float = 0.0
    warmup: float = 5.0
    predictions: float = 0.5
    stall: float = 0.0
    stall_seconds: float = 1.0
    sees_cpu: bool = True
    level: Level = "sound"
    calls: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)

    def __call__(self, rate: float, seconds: float) -> TrialOutcome:
        self.calls.append((rate, seconds))
        rng, span = self._rng, seconds + self.warmup
        speed = self.service_rate * math.exp(rng.normal(0, self.noise)) if self.noise else self.service_rate
        due = np.sort(rng.uniform(0, span, rng.poisson(rate * span)))
        service = rng.exponential(1 / speed, due.size)
        served = np.cumsum(service)
        # Lindley: who comes waits until all before are served.
        done = served + np.maximum.accumulate(due - served + service) if due.size else due
        response = done - due + np.where(rng.random(due.size) < self.stall, self.stall_seconds, 0.0)
        measured = due >= self.warmup
        predicts = measured & (rng.random(due.size) < self.predictions)
        answered = float(((done >= self.warmup) & (done < span)).sum()) / seconds
        used = min(1.0, rate / speed)
        return TrialOutcome(
            rate,
            seconds,
            tuple(
                self._tally(goal, predicts if goal.operation else measured, response) for goal in self.goals
            ),
            answered,
            level=self.level,
            reasons=("the generator was late",) if self.level == "unsound" else (),
            times=tuple(None for _ in self.goals),
            binding=Binding("KATO's worker", "kato", "likely", used, speed) if self.sees_cpu else None,
        )

    @staticmethod
    def _tally(goal: Goal, chosen: np.ndarray, response: np.ndarray) -> Tally:
        late = response > goal.limit if goal.limit is not None else np.zeros(len(response), bool)
        return Tally(int(chosen.sum()), int((chosen & late).sum()))


def capacity(service_rate: float, goal: Goal) -> float:
    """The rate at which a share `budget` of the responses of an M/M/1 queue exceeds `limit`: they are
    exponential with rate service_rate - rate."""
    assert goal.limit is not None
    return service_rate - math.log(1 / goal.budget) / goal.limit
