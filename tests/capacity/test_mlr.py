"""Several objectives as one loss for MLRsearch."""

from hypothesis import given
from hypothesis import strategies as st

from bench.capacity.goals import parse
from bench.capacity.mlr import Bounds, MlrSearch, goal_loss, loss
from bench.capacity.trials import Tally, TrialOutcome, met

GOALS = parse(["p95(predict)<80ms", "p99<1s", "errors<=0%"])
TALLIES = st.integers(1, 500).flatmap(lambda n: st.builds(Tally, st.just(n), st.integers(0, n)))


def outcome(rate: float, tallies: tuple[Tally, ...], answered: float) -> TrialOutcome:
    return TrialOutcome(rate, 10, tallies, answered)


@given(tallies=st.tuples(TALLIES, TALLIES, TALLIES), answered=st.floats(0, 120))
def test_the_loss_exceeds_its_goal_exactly_where_an_objective_is_missed(
    tallies: tuple[Tally, ...], answered: float
) -> None:
    trial = outcome(100, tallies, answered)
    assert 0 <= loss(trial, GOALS) <= 1
    assert (loss(trial, GOALS) <= goal_loss(GOALS)) == met(trial, GOALS)


def test_an_overloaded_trial_points_at_what_was_answered() -> None:
    everything_late = tuple(Tally(100, 100) for _ in GOALS)
    assert loss(outcome(200, everything_late, 120), GOALS) == 0.4
    assert loss(outcome(200, everything_late, 10), GOALS) == 0.5


def test_a_sharp_edge_is_found_within_the_width() -> None:
    def measure(rate: float, seconds: float) -> TrialOutcome:
        missed = 100 if rate > 73 else 0
        return outcome(rate, (Tally(100, missed), Tally(100, 0), Tally(100, 0)), min(rate, 73))

    bounds = MlrSearch(GOALS, 5, 140, trial=10, duration_sum=30, width=0.05).run(measure)
    assert bounds.low is not None
    assert bounds.high is not None
    assert bounds.low <= 73 < bounds.high
    assert bounds.high - bounds.low <= 0.05 * bounds.high + 1e-9


def test_nothing_that_fails_leaves_the_end_open() -> None:
    def measure(rate: float, seconds: float) -> TrialOutcome:
        return outcome(rate, tuple(Tally(100, 0) for _ in GOALS), rate)

    assert MlrSearch(GOALS, 1, 50, trial=10, duration_sum=30, width=0.05).run(measure) == Bounds(50, None)


def test_nothing_that_holds_has_no_lower_end() -> None:
    def measure(rate: float, seconds: float) -> TrialOutcome:
        return outcome(rate, tuple(Tally(100, 100) for _ in GOALS), 0)

    bounds = MlrSearch(GOALS, 1, 50, trial=10, duration_sum=30, width=0.05).run(measure)
    assert bounds.low is None
    assert bounds.high == 1
