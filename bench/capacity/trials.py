"""One trial of a capacity search, as plain numbers: what the search may look at, whoever measured it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.capacity.goals import Goal
from bench.gate.soundness import DISTURBED

Level = Literal["sound", "qualified", "unsound"]

#: Whether a trial held -> conditions under which that proves little. One that held: the system was not yet
#: what it is going to be. One that failed: something else took the machine from it.
DOUBTFUL = {True: frozenset({"not_steady", "qdrant_optimising"}), False: frozenset({DISTURBED})}

#: A deployment that is asked for little leaves the machine idle for more than a third of the time.
CROWDED = 2 / 3


@dataclass(frozen=True, slots=True)
class Tally:
    """Requests due in the measure phase that a goal asks about, and how many of them missed it."""

    requests: int
    missed: int

    @property
    def share(self) -> float:
        return self.missed / self.requests if self.requests else 0.0

    def plus(self, other: Tally) -> Tally:
        return Tally(self.requests + other.requests, self.missed + other.missed)


@dataclass(frozen=True, slots=True)
class Binding:
    """What the advisor says binds: a sentence, the resource (None if unknown), how sure it is, cores in use
    of those usable, the requests per second at which it would be full (utilisation law), and the share of all
    CPUs' time that was used, by whomever."""

    sentence: str
    resource: str | None = None
    verdict: str | None = None
    utilisation: float | None = None
    ceiling: float | None = None
    machine_busy: float | None = None


@dataclass(frozen=True, slots=True)
class TrialOutcome:
    """`rate` and `seconds`: as asked for; the first `warmed` of these were still warm-up and count in nothing
    else here. `tallies`: one for each goal, in their order. `answered`: successful answers per second.
    `times`: for each goal with a time, the statistic that it bounds, in seconds; None where the sample does
    not carry it. `conditions`: codes of the gate's reasons."""

    rate: float
    seconds: float
    tallies: tuple[Tally, ...]
    answered: float
    level: Level = "sound"
    conditions: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    times: tuple[float | None, ...] = ()
    binding: Binding | None = None
    run: str | None = None
    interrupted: bool = False
    warmed: float = 0.0

    @property
    def due(self) -> float:
        """Requests of all kinds that were due in what counts."""
        return self.rate * (self.seconds - self.warmed)


#: (requests per second, seconds measured) -> what came of it, on a deployment that is fresh each time.
MeasureTrial = Callable[[float, float], TrialOutcome]


def severities(outcome: TrialOutcome, goals: Sequence[Goal]) -> tuple[float, ...]:
    """How far each goal's budget was exhausted; above 1 it was missed."""
    return tuple(
        goal.severity(tally.missed, tally.requests)
        for goal, tally in zip(goals, outcome.tallies, strict=True)
    )


def met(outcome: TrialOutcome, goals: Sequence[Goal]) -> bool:
    return max(severities(outcome, goals)) <= 1


def worst(outcome: TrialOutcome, goals: Sequence[Goal]) -> int:
    """Index of the goal whose budget is exhausted the most: the one that binds."""
    levels = severities(outcome, goals)
    return levels.index(max(levels))
