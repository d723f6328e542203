"""Interleaved pairs of measurements until a verdict stands.

A machine drifts: its clock, its neighbours, its caches. Measured one block after the other, an unchanged
system then "regresses" in most cases; measured in turn it does not, and half as many runs will do. So each
pair is measured back to back, in an order that chance turns around from block to block: ABBA or BAAB.

The controller decides and starts nothing itself: it is handed `measure`, and a clock.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from bench.errors import BenchError
from bench.gate import noninferiority
from bench.gate.noninferiority import Judged, Tolerance, Ungated, Verdict
from bench.gate.values import RunValues
from bench.plan import Plan

Side = Literal["baseline", "candidate"]
SIDES: tuple[Side, Side] = ("baseline", "candidate")

Measure = Callable[[Plan], RunValues]

#: Pairs between two looks.
STEP = 4
#: So many measurements may be unsound and have their pair repeated; the next one ends the gate.
MOST_REPEATED = 3


@dataclass(frozen=True)
class Rules:
    """`pairs`: before the first look; `max_pairs`: before the last; `budget`: seconds after which no further
    pair is begun, None = no end."""

    pairs: int = 8
    max_pairs: int = 16
    budget: float | None = None
    tolerance: Tolerance = field(default_factory=Tolerance)

    @property
    def looks(self) -> list[int]:
        """After how many pairs the verdict is drawn."""
        return [*range(self.pairs, self.max_pairs, STEP), self.max_pairs]


@dataclass(frozen=True)
class Pair:
    """Two measurements side by side; `first` was measured first."""

    first: Side
    baseline: RunValues
    candidate: RunValues


@dataclass(frozen=True)
class Repeated:
    """A measurement for which its pair was measured again: an unsound one, or one under a condition that
    passes (disturbed, optimising, throttled)."""

    side: Side
    run: str
    reasons: list[str]
    unsound: bool = True


@dataclass(frozen=True)
class Outcome:
    """`why`: one sentence where the gate ended before it was decided. `interrupted`: somebody stopped it.
    `error`: a measurement could not be made. `ungated`: what the verdict says nothing about."""

    verdict: Verdict
    judged: list[Judged]
    pairs: list[Pair]
    repeated: list[Repeated] = field(default_factory=list)
    why: str = ""
    interrupted: bool = False
    error: BenchError | None = None
    ungated: list[Ungated] = field(default_factory=list)


def orders(seed: int) -> Iterator[tuple[Side, Side]]:
    """Which side goes first, pair by pair: blocks of two pairs, ABBA or BAAB by chance."""
    chance = random.Random(seed)
    while True:
        first, second = chance.sample(SIDES, 2)
        yield first, second
        yield second, first


def run_pairs(
    plans: Mapping[Side, Plan],
    measure: Measure,
    rules: Rules,
    *,
    clock: Callable[[], float],
    say: Callable[[str], None] = lambda sentence: None,
) -> Outcome:
    """Measure pairs until every gated metric has passed, one has failed, or pairs, budget or repetitions are
    used up. Both sides of a pair get the same seed, and so the same requests; each pair another.

    A verdict is drawn at the planned looks, and where the budget ends between two, once more then."""
    return _Gate(plans, measure, rules, clock, say).run()


class _Gate:
    def __init__(
        self,
        plans: Mapping[Side, Plan],
        measure: Measure,
        rules: Rules,
        clock: Callable[[], float],
        say: Callable[[str], None],
    ) -> None:
        self._plans = plans
        self._measure = measure
        self._rules = rules
        self._clock = clock
        self._say = say
        self._pairs: list[Pair] = []
        self._repeated: list[Repeated] = []
        self._judged: list[Judged] = []
        self._ungated: list[Ungated] = []

    def run(self) -> Outcome:
        try:
            return self._run()
        except KeyboardInterrupt:
            return self._end("it was stopped", interrupted=True)
        except BenchError as error:
            return replace(self._end(str(error), overruled=True), error=error)

    def _run(self) -> Outcome:
        began = self._clock()
        seed = self._plans["baseline"].seed
        looks = self._rules.looks
        for number, order in zip(range(1, self._rules.max_pairs + 1), orders(seed), strict=False):
            if self._over_budget(began):
                return self._end("the budget was used up")
            while (measured := self._pair(number, order, seed + number - 1)) is None:
                if self._over_budget(began):
                    return self._end("the budget was used up")
                if self._too_many_unsound:
                    return self._end(
                        f"{MOST_REPEATED + 1} measurements were unsound, the last because "
                        f"{self._repeated[-1].reasons[0]}"
                    )
            if len(measured) < len(SIDES) or any(run.status == "interrupted" for run in measured.values()):
                return self._end("it was stopped", interrupted=True)
            self._pairs.append(Pair(order[0], measured["baseline"], measured["candidate"]))
            if number in looks:
                verdict = self._judge()
                if verdict != "inconclusive":
                    return self._outcome(verdict)
                self._say(f"not decided after {number} pairs")
        return self._end(f"{len(self._pairs)} pairs do not decide it")

    def _over_budget(self, began: float) -> bool:
        """Is there no time for another pair, as long as the pairs so far took?"""
        if self._rules.budget is None:
            return False
        used = self._clock() - began
        return used + used / max(1, len(self._pairs)) > self._rules.budget

    def _pair(self, number: int, order: Sequence[Side], seed: int) -> dict[Side, RunValues] | None:
        """The measurements of both sides, None if one is to be repeated; only the first if it was
        interrupted. Conditions that do not pass after `MOST_REPEATED` repetitions are what this target is
        like, and count; the times of an overloaded one count for what they prove."""
        measured: dict[Side, RunValues] = {}
        for side in order:
            self._say(f"pair {number} of {self._target_count(number)}: {side}")
            tags = {**self._plans[side].tags, "side": side, "pair": str(number)}
            run = self._measure(self._plans[side].model_copy(update={"seed": seed, "tags": tags}))
            measured[side] = run
            if run.status == "interrupted":
                return measured
            unsound = run.soundness == "unsound"
            passing = run.transient and not run.overloaded
            if unsound or (passing and sum(not one.unsound for one in self._repeated) < MOST_REPEATED):
                self._repeated.append(Repeated(side, run.run, run.reasons, unsound))
                self._say(f"{run.soundness}, so that pair {number} is measured again: {run.reasons[0]}")
                return None
        return measured

    @property
    def _too_many_unsound(self) -> bool:
        return sum(one.unsound for one in self._repeated) > MOST_REPEATED

    def _target_count(self, number: int) -> int:
        return next(look for look in self._rules.looks if look >= number)

    def _judge(self) -> Verdict:
        a, b = ([getattr(pair, side) for pair in self._pairs] for side in SIDES)
        self._judged = noninferiority.judge(a, b, self._rules.tolerance, len(self._rules.looks))
        self._ungated = noninferiority.ungated_metrics([*a, *b])
        return noninferiority.overall(self._judged, self._ungated)

    def _end(self, why: str, *, interrupted: bool = False, overruled: bool = False) -> Outcome:
        """Judge what there is. The number of pairs is not the data's choice, so that this look is as good as
        the planned one that it replaces. Where that is not so (`interrupted`, `overruled`, too many unsound
        measurements) nothing fails or passes."""
        if len(self._pairs) < 2:
            return self._outcome("inconclusive", why, interrupted)
        verdict = self._judge()
        if interrupted or overruled or self._too_many_unsound:
            verdict = "inconclusive"
            self._judged = [
                one if one.verdict == "reported" else replace(one, verdict="inconclusive", reason=why)
                for one in self._judged
            ]
        return self._outcome(verdict, why if verdict == "inconclusive" else "", interrupted)

    def _outcome(self, verdict: Verdict, why: str = "", interrupted: bool = False) -> Outcome:
        return Outcome(
            verdict, self._judged, self._pairs, self._repeated, why, interrupted, ungated=self._ungated
        )
