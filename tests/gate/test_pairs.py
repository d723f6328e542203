"""The gate's controller on a simulated machine: order, looks, budget, repetitions."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from made_values import LOAD, made

from bench.errors import UnreachableError
from bench.gate.pairs import Outcome, Rules, Side, orders, run_pairs
from bench.gate.values import RunValues
from bench.plan import Plan, TargetPlan

PLANS: dict[Side, Plan] = {
    "baseline": LOAD,
    "candidate": LOAD.model_copy(update={"target": TargetPlan(knobs={"uvicorn.workers": "2"})}),
}


@dataclass
class Machine:
    """Measures with noise, on a machine that gets slower all the time; one measurement lasts 30 s."""

    slower: float = 0.0
    noise: float = 0.02
    drift: float = 0.01
    seed: int = 1
    odd: Callable[[int], str | None] = lambda number: None
    plans: list[Plan] = field(default_factory=list)
    time: float = 0.0

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed)

    def measure(self, plan: Plan) -> RunValues:
        self.plans.append(plan)
        self.time += 30
        number = len(self.plans)
        candidate = plan.tags["side"] == "candidate"
        factor = np.exp(self.drift * number + self._random.normal(0, self.noise))
        run = made(f"run{number}", float(factor) * (1 + self.slower * candidate))
        what = self.odd(number)
        if what == "before it began":
            raise KeyboardInterrupt
        if what == "interrupted":
            return run.model_copy(update={"status": "interrupted", "soundness": None})
        if what == "broken":
            raise UnreachableError("it does not answer.")
        if what == "disturbed":
            return run.model_copy(
                update={"soundness": "qualified", "reasons": ["disturbed"], "transient": True}
            )
        if what == "unsound":
            return run.model_copy(update={"soundness": "unsound", "reasons": ["steal was high"]})
        return run

    def gate(self, rules: Rules) -> Outcome:
        return run_pairs(PLANS, self.measure, rules, clock=lambda: self.time)


def test_blocks_of_two_pairs_mirror_each_other() -> None:
    drawn = list(itertools.islice(orders(3), 40))
    for first, second in zip(drawn[::2], drawn[1::2], strict=True):
        assert first == second[::-1]
    assert {first for first, _ in drawn[::2]} == {"baseline", "candidate"}
    assert drawn == list(itertools.islice(orders(3), 40))
    assert drawn != list(itertools.islice(orders(4), 40))


def test_both_sides_of_a_pair_get_the_same_requests_and_say_whose_they_are() -> None:
    machine = Machine()
    machine.gate(Rules(pairs=4, max_pairs=4))
    for number, pair in enumerate(zip(machine.plans[::2], machine.plans[1::2], strict=True), start=1):
        assert {plan.seed for plan in pair} == {number}
        assert {plan.tags["side"] for plan in pair} == {"baseline", "candidate"}
        assert {plan.tags["pair"] for plan in pair} == {str(number)}
        assert {len(plan.target.knobs) for plan in pair} == {0, 1}


@pytest.mark.parametrize("seed", range(5))
def test_an_unchanged_target_passes_although_the_machine_drifts(seed: int) -> None:
    outcome = Machine(seed=seed).gate(Rules())
    assert outcome.verdict == "pass"
    assert outcome.why == ""


@pytest.mark.parametrize("seed", range(5))
def test_a_slower_one_fails(seed: int) -> None:
    outcome = Machine(slower=0.15, seed=seed).gate(Rules())
    assert outcome.verdict == "fail"
    assert {one.verdict for one in outcome.judged} <= {"fail", "pass", "inconclusive", "reported"}


def test_pairs_grow_while_it_is_not_decided() -> None:
    rules = Rules()
    assert rules.looks == [8, 12, 16]
    assert Rules(pairs=4, max_pairs=4).looks == [4]
    assert Rules(pairs=3, max_pairs=10).looks == [3, 7, 10]
    undecided = Machine(slower=0.07, noise=0.05).gate(rules)
    assert undecided.verdict == "inconclusive"
    assert len(undecided.pairs) == 16
    assert undecided.why == "16 pairs do not decide it"
    assert len(Machine().gate(rules).pairs) == 8


def test_no_pair_begins_that_would_end_after_the_budget() -> None:
    machine = Machine(slower=0.07, noise=0.05)
    outcome = machine.gate(Rules(budget=10 * 60))
    assert machine.time <= 10 * 60
    assert len(outcome.pairs) == 10
    assert (outcome.verdict, outcome.why) == ("inconclusive", "the budget was used up")
    early = Machine(slower=1.0).gate(Rules(budget=5 * 60))
    assert len(early.pairs) == 5
    assert (early.verdict, early.why) == ("fail", "")
    tiny = Machine(slower=1.0).gate(Rules(budget=61))
    assert len(tiny.pairs) == 1
    assert tiny.verdict == "inconclusive"
    assert tiny.judged == []


def test_an_unsound_measurement_repeats_its_pair() -> None:
    machine = Machine(odd=lambda number: "unsound" if number in (2, 5) else None)
    outcome = machine.gate(Rules(pairs=4, max_pairs=4))
    assert len(outcome.pairs) == 4
    assert [repeated.run for repeated in outcome.repeated] == ["run2", "run5"]
    assert all(run.soundness == "sound" for pair in outcome.pairs for run in (pair.baseline, pair.candidate))
    assert outcome.verdict == "pass"
    assert len(machine.plans) == 4 * 2 + 3


def test_too_many_unsound_ones_end_it() -> None:
    machine = Machine(odd=lambda number: "unsound" if number > 6 else None)
    outcome = machine.gate(Rules())
    assert outcome.verdict == "inconclusive"
    assert outcome.why == "4 measurements were unsound, the last because steal was high"
    assert len(outcome.pairs) == 3
    assert len(machine.plans) == 6 + 4


def test_conditions_that_pass_are_waited_for_but_not_for_ever() -> None:
    machine = Machine(odd=lambda number: "disturbed" if number in (2, 5) else None)
    outcome = machine.gate(Rules(pairs=4, max_pairs=4))
    assert [(one.run, one.unsound) for one in outcome.repeated] == [("run2", False), ("run5", False)]
    never = Machine(odd=lambda number: "disturbed").gate(Rules(pairs=4, max_pairs=4))
    assert len(never.repeated) == 3
    assert len(never.pairs) == 4
    assert never.verdict == "pass"


def test_a_measurement_that_cannot_be_made_keeps_the_pairs_and_its_reason() -> None:
    outcome = Machine(slower=1.0, odd=lambda number: "broken" if number == 13 else None).gate(Rules())
    assert len(outcome.pairs) == 6
    assert isinstance(outcome.error, UnreachableError)
    assert (outcome.verdict, outcome.why) == ("inconclusive", "it does not answer.")
    # What was overruled fails nothing, so that no file of the gate says otherwise than its exit code.
    assert {one.verdict for one in outcome.judged} <= {"inconclusive", "reported"}


@pytest.mark.parametrize("what", ["interrupted", "before it began"])
@pytest.mark.parametrize("at", [1, 2, 7, 8])
def test_a_stop_ends_it_and_keeps_the_pairs(at: int, what: str) -> None:
    machine = Machine(odd=lambda number: what if number == at else None)
    outcome = machine.gate(Rules())
    assert outcome.interrupted
    assert outcome.verdict == "inconclusive"
    assert len(machine.plans) == at
    assert len(outcome.pairs) == (at - 1) // 2
