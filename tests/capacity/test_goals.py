"""Objectives as budgets of requests, and what is refused as one."""

import pytest

from bench.capacity.goals import parse
from bench.errors import UsageError

OPERATIONS = ("create", "observe", "predict", "clear")


@pytest.mark.parametrize(
    ("text", "budget", "limit", "sample"),
    [
        ("p95(predict)<80ms", 0.05, 0.08, 200),
        ("p99 <= 2s", 0.01, 2.0, 1000),
        ("p99.9(observe)<1s", 0.001, 1.0, 10_000),
        ("max(predict)<5s", 0.0, 5.0, 1),
        ("errors<1%", 0.01, None, 1),
        ("errors(predict)<=0%", 0.0, None, 1),
        ("dropped<0.5%", 0.005, None, 1),
    ],
)
def test_an_objective_is_a_budget(text: str, budget: float, limit: float | None, sample: int) -> None:
    (goal,) = parse([text], OPERATIONS)
    assert (goal.budget, goal.limit, goal.sample) == (budget, limit, sample)


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ([], "needs an objective"),
        (["mean(predict)<5ms"], "search for a percentile"),
        (["rate(predict)>=20/s"], "more load does not break it"),
        (["p95(predict)>5ms"], "more load does not break it"),
        (["errors>1%"], "more load does not break it"),
        (["p95(learn)<5ms"], "never sends learn"),
        (["p95(predict)"], "comparison"),
    ],
)
def test_what_load_cannot_break_is_refused_in_one_sentence(texts: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words) as refused:
        parse(texts, OPERATIONS)
    assert "\n" not in str(refused.value)


def test_a_goal_is_met_up_to_its_budget() -> None:
    (late,) = parse(["p95(predict)<80ms"])
    assert late.severity(5, 100) == pytest.approx(1)
    assert late.severity(6, 100) > 1
    (none,) = parse(["errors<=0%"])
    assert (none.severity(0, 10), none.severity(1, 10)) == (0, float("inf"))
