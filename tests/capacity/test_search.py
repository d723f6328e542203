"""The search against queues whose capacity is known by formula, and every way in which it can end."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bench.capacity.goals import parse
from bench.capacity.search import Search, SearchOutcome, SearchSettings
from bench.capacity.trials import Tally, TrialOutcome
from bench.errors import BenchError, UnreachableError, UsageError
from tests.capacity.simulated import Queue, capacity

LATE = parse(["p95(predict)<80ms"])
SETTINGS = SearchSettings(start=40)
PATIENT = replace(SETTINGS, budget=1e6)


class Clock:
    """Seconds that pass only while something is measured, with what a trial costs besides."""

    def __init__(self, overhead: float = 16) -> None:
        self.now = 0.0
        self.overhead = overhead

    def __call__(self) -> float:
        return self.now

    def around(
        self, measure: Callable[[float, float], TrialOutcome]
    ) -> Callable[[float, float], TrialOutcome]:
        def measured(rate: float, seconds: float) -> TrialOutcome:
            self.now += seconds + self.overhead
            return measure(rate, seconds)

        return measured


def search(
    measure: Callable[[float, float], TrialOutcome],
    settings: SearchSettings = SETTINGS,
    goals: tuple = LATE,
    said: list[str] | None = None,
) -> SearchOutcome:
    clock = Clock()
    say = said.append if said is not None else lambda sentence: None
    return Search(goals, settings, clock.around(measure), clock=clock, say=say).run()


@pytest.mark.parametrize("sees_cpu", [True, False])
@pytest.mark.parametrize(
    ("text", "service_rate"),
    [("p95(predict)<80ms", 140.0), ("p99(predict)<400ms", 40.0), ("p95<10ms", 900.0)],
)
def test_the_capacity_of_a_queue_is_found(text: str, service_rate: float, sees_cpu: bool) -> None:
    goals = parse([text])
    truth = capacity(service_rate, goals[0])
    found = [
        search(Queue(service_rate, goals, seed=seed, noise=0.03, sees_cpu=sees_cpu), PATIENT, goals)
        for seed in range(12)
    ]
    middles = [(one.low + one.high) / 2 / truth for one in found if one.low and one.high]
    assert len(middles) == len(found)
    assert 0.93 < np.median(middles) < 1.08
    assert min(middles) > 0.8
    assert max(middles) < 1.2
    for one in found:
        assert one.ended == "complete"
        assert one.high - one.low <= 0.05 * one.high + 1e-9
        assert one.binding_goal == goals[0]


def test_a_search_takes_the_time_that_the_documentation_says() -> None:
    seconds = [search(Queue(140, LATE, seed=seed, noise=0.03)).seconds for seed in range(20)]
    assert np.median(seconds) < 6 * 60


def test_the_objective_that_fails_first_binds() -> None:
    goals = parse(["p95<2s", "p95(predict)<80ms"])
    found = search(Queue(140, goals), goals=goals)
    assert found.binding_goal == goals[1]
    assert found.binding is not None
    assert found.binding.resource == "kato"


def test_the_recommended_load_is_confirmed() -> None:
    found = search(Queue(140, LATE))
    assert found.low is not None
    assert found.recommended == pytest.approx(0.8 * found.low)
    assert found.trials[-1].purpose == "confirm"
    assert found.trials[-1].held


def test_an_objective_below_the_no_load_tail_is_refused_with_the_numbers() -> None:
    found = search(Queue(140, LATE, stall=0.08))
    assert found.ended == "refused"
    assert (found.low, found.high, found.recommended) == (None, None, None)
    assert found.reason is not None
    assert "below the no-load tail" in found.reason
    assert "allowed" not in found.reason
    assert {trial.purpose for trial in found.trials} == {"probe", "preflight"}


@pytest.mark.parametrize(("stall", "least", "most"), [(0.04, 14, 20), (0.004, 0, 1)])
def test_the_preflight_turns_at_a_fifth_of_the_budget(stall: float, least: int, most: int) -> None:
    ended = [search(Queue(140, LATE, seed=seed, stall=stall)).ended for seed in range(20)]
    assert least <= ended.count("refused") <= most


def test_no_preflight_is_made_where_the_probe_has_answered_it() -> None:
    found = search(Queue(1000, LATE))
    assert [trial.purpose for trial in found.trials].count("preflight") == 0


def test_a_probe_of_few_requests_does_not_stand_in_for_the_preflight() -> None:
    """200 predictions without a miss say nothing of 2 in 1 000."""
    goals = parse(["p99(predict)<400ms"])
    found = search(Queue(1000, goals), PATIENT, goals)
    assert [trial.purpose for trial in found.trials].count("preflight") == 1


def test_a_preflight_that_cannot_show_it_says_so() -> None:
    goals = parse(["p99.9(predict)<400ms"])
    found = search(Queue(140, goals), PATIENT, goals)
    assert any("too few to show" in note for note in found.notes)


def test_what_never_fails_up_to_the_users_limit_is_told_as_tested() -> None:
    queue = Queue(1000, LATE)
    found = search(queue, replace(SETTINGS, max_rate=100))
    assert (found.low, found.high) == (100, None)
    assert max(rate for rate, _ in queue.calls) <= 100


def test_a_ceiling_that_was_too_low_is_passed() -> None:
    queue = Queue(140, LATE)

    def pessimist(rate: float, seconds: float) -> TrialOutcome:
        outcome = queue(rate, seconds)
        assert outcome.binding is not None
        return replace(outcome, binding=replace(outcome.binding, ceiling=45.0))

    found = search(pessimist)
    assert found.low is not None
    assert found.low == pytest.approx(capacity(140, LATE[0]), rel=0.2)


def test_unsound_trials_are_repeated_and_then_end_the_search() -> None:
    queue = Queue(140, LATE, level="unsound")
    found = search(queue)
    assert found.ended == "unsound"
    assert len(queue.calls) == 3
    assert all(trial.held is None for trial in found.trials)
    assert "the generator was late" in (found.reason or "")


def test_a_single_unsound_trial_costs_one_repeat() -> None:
    queue, spoiled = Queue(140, LATE), []

    def measure(rate: float, seconds: float) -> TrialOutcome:
        outcome = queue(rate, seconds)
        if len(queue.calls) == 4:
            spoiled.append(outcome)
            return replace(outcome, level="unsound", reasons=("steal",))
        return outcome

    found = search(measure)
    assert found.ended == "complete"
    assert [trial.held for trial in found.trials].count(None) == 1
    assert spoiled


def test_a_trial_that_passed_while_things_changed_is_repeated_and_then_noted() -> None:
    queue = Queue(140, LATE)

    def measure(rate: float, seconds: float) -> TrialOutcome:
        outcome = queue(rate, seconds)
        return replace(outcome, level="qualified", conditions=("qdrant_optimising",), reasons=("Qdrant was",))

    found = search(measure)
    assert found.ended == "complete"
    assert any("Qdrant was" in note for note in found.notes)


def test_a_trial_that_other_work_made_fail_is_repeated() -> None:
    queue = Queue(140, LATE)
    slow = Queue(70, LATE)

    def measure(rate: float, seconds: float) -> TrialOutcome:
        disturbed = len(queue.calls) % 2 == 1
        outcome = queue(rate, seconds)
        if not disturbed:
            return outcome
        return replace(
            slow(rate, seconds), level="qualified", conditions=("disturbed",), reasons=("other work",)
        )

    found, undisturbed = search(measure, PATIENT), search(Queue(140, LATE), PATIENT)
    assert found.low is not None
    assert undisturbed.low is not None
    assert found.low > 0.9 * undisturbed.low


def test_a_probe_that_was_half_warm_up_asks_for_no_longer_trials() -> None:
    """p95 takes 200 requests. Of 70/s, half of what is expected, 7 % predict: three trials of 14 s."""
    settings = replace(PATIENT, trial=20.0)
    queue = Queue(140, LATE, predictions=0.07)

    def measure(rate: float, seconds: float) -> TrialOutcome:
        outcome = queue(rate, seconds)
        half = tuple(Tally(tally.requests // 2, tally.missed // 2) for tally in outcome.tallies)
        return replace(outcome, tallies=half, warmed=seconds / 2)

    assert search(measure, settings).trial_seconds == 20.0


@pytest.mark.parametrize("way", ["mark", "raise"])
def test_an_interrupt_keeps_what_there_is(way: str) -> None:
    queue = Queue(140, LATE)

    def measure(rate: float, seconds: float) -> TrialOutcome:
        outcome = queue(rate, seconds)
        if len(queue.calls) < 9:
            return outcome
        if way == "raise":
            raise KeyboardInterrupt
        return replace(outcome, interrupted=True)

    found = search(measure)
    assert found.ended == "interrupted"
    assert len(found.trials) == 8
    assert found.recommended is None


def test_a_failure_of_the_target_keeps_what_there_is() -> None:
    queue, failure = Queue(140, LATE), UnreachableError("it is gone")

    def measure(rate: float, seconds: float) -> TrialOutcome:
        if len(queue.calls) == 5:
            raise failure
        return queue(rate, seconds)

    found = search(measure)
    assert (found.ended, found.error, len(found.trials)) == ("failed", failure, 5)
    assert isinstance(found.error, BenchError)


def test_the_budget_of_time_is_kept() -> None:
    found = search(Queue(140, LATE), replace(SETTINGS, budget=150))
    assert found.ended == "budget"
    assert found.seconds <= 150


def test_a_search_cut_short_keeps_what_its_first_trial_held() -> None:
    found = search(Queue(140, LATE), replace(SETTINGS, start=60, budget=40))
    assert (found.ended, len(found.trials), found.high) == ("budget", 1, None)
    assert (found.low, found.low_settled) == (60, False)
    assert "rests on one trial" in found.notes[-1]


def test_trials_that_cannot_carry_the_percentile_are_refused() -> None:
    goals = parse(["p99.9(predict)<80ms"])
    with pytest.raises(UsageError, match="--trial"):
        search(Queue(140, goals), replace(SETTINGS, trial=20), goals)


def test_trials_grow_with_the_percentile() -> None:
    goals = parse(["p99.9(predict)<400ms"])
    found = search(Queue(140, goals), PATIENT, goals)
    assert 30 < found.trial_seconds <= 120


def test_each_trial_is_told_in_a_sentence() -> None:
    said: list[str] = []
    found = search(Queue(140, LATE), said=said)
    assert len(said) == len(found.trials)
    assert all("requests missed p95(predict)<80ms" in sentence for sentence in said)


def test_a_busy_machine_is_named_where_it_spoils_the_preflight() -> None:
    queue = Queue(140, LATE, stall=0.08)

    def measure(rate: float, seconds: float) -> TrialOutcome:
        outcome = queue(rate, seconds)
        assert outcome.binding is not None
        return replace(outcome, binding=replace(outcome.binding, machine_busy=0.98))

    found = search(measure)
    assert found.ended == "refused"
    assert any("98 % busy" in note for note in found.notes)
