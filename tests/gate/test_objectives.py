"""Objectives say what they mean, and a verdict is given only where the interval carries it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import UsageError
from bench.gate.objectives import Objective, Verdict, bounds_wrong, judge, parse, percentile_of
from bench.record.vocabulary import OPERATIONS
from bench.stats.quantiles import Estimate
from bench.stats.ratios import wilson


class Run:
    """A run that measured one thing."""

    def __init__(self, estimate: Estimate | None) -> None:
        self._estimate = estimate
        self.asked: list[tuple[str, str | None]] = []

    def estimate(self, statistic: str, operation: str | None) -> Estimate | None:
        self.asked.append((statistic, operation))
        return self._estimate


def verdict(text: str, *estimate: float | None, n: int = 1000, overloaded: bool = False) -> Verdict:
    value, low, high = estimate
    return judge(parse(text), Run(Estimate(value, low, high, n)), overloaded=overloaded)


@pytest.mark.parametrize(
    ("text", "statistic", "operation", "comparison", "bound", "kind"),
    [
        ("p95(predict) < 50ms", "p95", "predict", "<", 0.05, "time"),
        ("p95(predict)<50ms", "p95", "predict", "<", 0.05, "time"),
        ("  P95 ( Predict )  <=  50 ms ", "p95", "predict", "<=", 0.05, "time"),
        ("p99.9 < 2s", "p99.9", None, "<", 2.0, "time"),
        ("p50 < 7\u00b5s", "p50", None, "<", 7e-6, "time"),
        ("p50 < 7\u03bcs", "p50", None, "<", 7e-6, "time"),
        ("p50 ≤ 850us", "p50", None, "<=", 850e-6, "time"),
        ("mean(observe)<10ms", "mean", "observe", "<", 0.01, "time"),
        ("max(sequence) < 1.5 s", "max", "sequence", "<", 1.5, "time"),
        ("errors < 0.1%", "errors", None, "<", 0.001, "share"),
        ("errors(predict) <= 1 %", "errors", "predict", "<=", 0.01, "share"),
        ("errors <= 0%", "errors", None, "<=", 0.0, "share"),
        ("dropped < 1%", "dropped", None, "<", 0.01, "share"),
        ("wrong <= 0%", "wrong", None, "<=", 0.0, "share"),
        ("Wrong < 10 %", "wrong", None, "<", 0.1, "share"),
        ("rate(predict) >= 20/s", "rate", "predict", ">=", 20.0, "rate"),
        ("rate > .5 / s", "rate", None, ">", 0.5, "rate"),
        ("rate ≥ 20", "rate", None, ">=", 20.0, "rate"),
        ("recall@10 >= 0.98", "recall@10", None, ">=", 0.98, "recall"),
        ("Recall@3 > 98 %", "recall@3", None, ">", 0.98, "recall"),
        ("recall@10 >= 1", "recall@10", None, ">=", 1.0, "recall"),
    ],
)
def test_the_grammar(
    text: str, statistic: str, operation: str | None, comparison: str, bound: float, kind: str
) -> None:
    objective = parse(text)
    assert (objective.statistic, objective.operation) == (statistic, operation)
    assert (objective.comparison, objective.kind) == (comparison, kind)
    assert objective.bound == pytest.approx(bound)
    assert parse(objective.text) == objective


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_has_objectives(operation: str) -> None:
    assert parse(f"p95({operation}) < 1s").operation == operation


@pytest.mark.parametrize(
    ("text", "complaint", "example"),
    [
        ("", "it is empty", "p95(predict) < 50ms"),
        ("p95(predict)", "needs a comparison", "p95(predict) < 50ms"),
        ("p95(predict) = 50ms", "needs a comparison", "p95(predict) < 50ms"),
        ("p95(predict) < fast", "needs a number", "p95(predict) < 50ms"),
        ("p95(predict < 50ms", "not of the form", "p95(predict) < 50ms"),
        ("50ms > p95", "needs a number", "p95(predict) < 50ms"),
        ("p95(predict) < 50", "a time needs us, ms or s", "p95(predict) < 50ms"),
        ("p95(predict) < 50%", "a time needs us, ms or s", "p95(predict) < 50ms"),
        ("p95 < 50min", "a time needs us, ms or s", "p95 < 50ms"),
        ("errors < 0.1", "a share needs %", "errors < 0.1%"),
        ("errors < 10ms", "a share needs %", "errors < 10%"),
        ("errors < 101%", "cannot exceed 100%", "errors < 0.1%"),
        ("rate(predict) >= 20%", "a rate needs /s", "rate(predict) >= 20/s"),
        ("rate >= 20/min", "a rate needs /s", "rate >= 20/s"),
        ("errors < 0%", "nothing is below zero", "errors <= 0%"),
        ("wrong(predict) < 1%", "it takes no operation", "wrong <= 0%"),
        ("wrong < 3", "a share needs %", "wrong < 3%"),
        ("p95(prediction) < 50ms", 'no operation "prediction"', "p95(predict) < 50ms"),
        ("p95(obsrve) < 50ms", 'no operation "obsrve"', "p95(observe) < 50ms"),
        ("errors(seq) <= 1%", 'no operation "seq"', "errors(sequence) <= 1%"),
        ("p95() < 50ms", 'no operation ""', "p95(predict) < 50ms"),
        ("latency < 50ms", 'no statistic "latency"', "p95(predict) < 50ms"),
        ("error < 1%", "did you mean errors?", "p95(predict) < 50ms"),
        ("p100 < 50ms", "the largest value is max", "p95(predict) < 50ms"),
        ("recall@10 >= 98", "cannot exceed 100%", "recall@10 >= 0.98"),
        ("recall@10 >= 101%", "cannot exceed 100%", "recall@10 >= 0.98"),
        ("recall@10 >= 0.98/s", "a number up to 1, or has a %", "recall@10 >= 0.98"),
        ("recall >= 0.98", "needs a number of neighbours", "recall@10 >= 0.98"),
        ("recall@0 >= 0.98", "needs a number of neighbours", "recall@10 >= 0.98"),
        ("recall@7 >= 0.98", "recall@10 and recall@3 are what is probed", "recall@10 >= 0.98"),
        ("recall@10(predict) >= 0.98", "takes no operation", "recall@10 >= 0.98"),
        ("p0 < 50ms", "between p0 and p100", "p95(predict) < 50ms"),
    ],
)
def test_a_wrong_objective_gets_one_sentence(text: str, complaint: str, example: str) -> None:
    with pytest.raises(UsageError, match=re.escape(complaint)) as caught:
        parse(text)
    sentence = str(caught.value)
    assert f'"{text}"' in sentence
    assert sentence.endswith(f'for example "{example}"')
    parse(example)


@settings(deadline=None)
@given(st.text(alphabet="p95.(predict) <>=≤0%ms/µ\n", max_size=30))
def test_any_text_is_an_objective_or_a_usage_error(text: str) -> None:
    complaint = ""
    try:
        assert parse(text).bound >= 0
    except UsageError as error:
        complaint = str(error)
    assert "\n" not in complaint


@pytest.mark.parametrize(
    ("statistic", "q"), [("p50", 0.5), ("p99.9", 0.999), ("p99", 0.99), ("p100", None), ("mean", None)]
)
def test_percentiles_by_name(statistic: str, q: float | None) -> None:
    assert percentile_of(statistic) == q


@pytest.mark.parametrize(
    ("text", "low", "high", "outcome"),
    [
        ("p95 < 50ms", 0.030, 0.0499, "pass"),
        ("p95 < 50ms", 0.030, 0.0500, "inconclusive"),
        ("p95 < 50ms", 0.0499, 0.060, "inconclusive"),
        ("p95 < 50ms", 0.0500, 0.060, "fail"),
        ("p95 <= 50ms", 0.030, 0.0500, "pass"),
        ("p95 <= 50ms", 0.0500, 0.060, "inconclusive"),
        ("p95 <= 50ms", 0.0501, 0.060, "fail"),
        ("rate > 20/s", 20.1, 30, "pass"),
        ("rate > 20/s", 20.0, 30, "inconclusive"),
        ("rate > 20/s", 10.0, 20.0, "fail"),
        ("rate >= 20/s", 20.0, 30, "pass"),
        ("rate >= 20/s", 10.0, 20.0, "inconclusive"),
        ("rate >= 20/s", 10.0, 19.9, "fail"),
    ],
)
def test_the_whole_interval_decides(text: str, low: float, high: float, outcome: str) -> None:
    assert verdict(text, (low + high) / 2, low, high).outcome == outcome


def test_a_verdict_says_what_was_measured_and_wanted() -> None:
    result = verdict("p95(predict) < 50ms", 0.0412, 0.0391, 0.0433)
    assert result.sentence == "p95(predict) is 41.2 ms (39.1 ms to 43.3 ms), wanted < 50 ms"
    assert result.measured == Estimate(0.0412, 0.0391, 0.0433, 1000)
    assert result.objective == parse("p95(predict) < 50ms")


def test_the_run_is_asked_for_exactly_what_is_bounded() -> None:
    run = Run(None)
    assert judge(parse("p99.9(learn) < 1s"), run).outcome == "inconclusive"
    judge(parse("errors < 1%"), run)
    assert run.asked == [("p99.9", "learn"), ("errors", None)]


def test_a_percentile_that_the_sample_does_not_carry_names_the_count_it_takes() -> None:
    result = verdict("p99(predict) < 50ms", None, None, None, n=200)
    assert result.outcome == "inconclusive"
    assert result.sentence == "p99(predict) cannot be told from 200 requests; it takes 368"


def test_what_was_never_requested_is_inconclusive() -> None:
    assert judge(parse("p95(learn) < 1s"), Run(None)).sentence == (
        "p95(learn): the run measured no such request"
    )
    assert judge(parse("errors < 1%"), Run(wilson(0, 0))).outcome == "inconclusive"


def test_a_value_without_an_interval_is_inconclusive() -> None:
    result = verdict("p50 < 50ms", 0.01, None, None)
    assert result.outcome == "inconclusive"
    assert "too short" in result.sentence


@pytest.mark.parametrize(
    ("text", "hits", "n", "outcome"),
    [
        ("errors < 1%", 0, 1000, "pass"),
        ("errors < 1%", 9, 1000, "inconclusive"),
        ("errors < 1%", 40, 1000, "fail"),
        ("errors < 0.1%", 0, 600, "inconclusive"),
        ("errors < 0.1%", 0, 3838, "pass"),
        ("errors <= 0%", 0, 600, "pass"),
        ("errors <= 0%", 1, 100_000, "fail"),
        ("errors <= 100%", 5, 5, "pass"),
    ],
)
def test_shares_of_requests(text: str, hits: int, n: int, outcome: str) -> None:
    assert judge(parse(text), Run(wilson(hits, n))).outcome == outcome


def test_too_few_requests_without_failure_say_how_many_it_takes() -> None:
    result = judge(parse("errors < 0.1%"), Run(wilson(0, 600)))
    assert "takes 3838 requests, not 600" in result.sentence


@pytest.mark.parametrize(
    ("text", "low", "high", "outcome"),
    [
        ("p95 < 50ms", 0.01, 0.02, "inconclusive"),
        ("p95 < 50ms", 0.06, 0.07, "fail"),
        ("p95 > 50ms", 0.06, 0.07, "pass"),
        ("p95 > 50ms", 0.01, 0.02, "inconclusive"),
        ("max < 50ms", 0.02, 0.02, "inconclusive"),
        ("errors < 5%", 0.01, 0.02, "pass"),
        ("rate >= 20/s", 25.0, 30.0, "pass"),
    ],
)
def test_times_of_an_overloaded_run_are_lower_bounds(
    text: str, low: float, high: float, outcome: str
) -> None:
    result = verdict(text, (low + high) / 2, low, high, overloaded=True)
    assert result.outcome == outcome
    assert ("overloaded" in result.sentence) == (outcome == "inconclusive")


def test_objectives_compare_by_value() -> None:
    assert parse("p95<50ms") == Objective("p95<50ms", "p95", None, "<", 0.05, "time")


def test_an_objective_stays_on_one_line() -> None:
    assert parse("p95(predict)\n<  50ms").text == "p95(predict) < 50ms"


@pytest.mark.parametrize(
    ("estimate", "outcome", "words"),
    [
        ((0.995, 0.985, 1.0), "pass", "recall@10 is 0.995 (0.985 to 1), wanted >= 0.98"),
        ((0.15, 0.14, 0.16), "fail", "recall@10 is 0.15 (0.14 to 0.16), wanted >= 0.98"),
        ((0.981, 0.975, 0.987), "inconclusive", "--data queries=N"),
    ],
)
def test_recall_is_judged_on_its_interval(
    estimate: tuple[float, float, float], outcome: str, words: str
) -> None:
    judged = verdict("recall@10 >= 0.98", *estimate, n=300)
    assert judged.outcome == outcome
    assert words in judged.sentence


def test_recall_that_was_not_probed_is_inconclusive() -> None:
    run = Run(None)
    judged = judge(parse("recall@3 >= 0.98"), run)
    assert (judged.outcome, judged.sentence) == ("inconclusive", "recall@3: the run has no such probe")
    assert run.asked == [("recall@3", None)]


@pytest.mark.parametrize(
    ("text", "wrong", "outcome", "says"),
    [
        ("wrong <= 0%", 0, "pass", "wrong is 0 % of 50 compared answers, wanted <= 0 %"),
        ("wrong <= 0%", 1, "fail", "wrong is 2 % of 50 compared answers, wanted <= 0 %"),
        ("wrong < 50%", 1, "pass", "wrong is 2 %"),
        (
            "wrong < 0.1%",
            0,
            "inconclusive",
            "takes 3838 compared answers, not 50; `wrong <= 0%` asks about this",
        ),
    ],
)
def test_wrong_answers_are_a_share_of_those_compared(text: str, wrong: int, outcome: str, says: str) -> None:
    found = judge(parse(text), Run(wilson(wrong, 50)))
    assert found.outcome == outcome
    assert says in found.sentence


def test_a_run_that_compared_no_answers_decides_nothing() -> None:
    for nothing in (None, wilson(0, 0)):
        found = judge(parse("wrong <= 0%"), Run(nothing))
        assert (found.outcome, found.sentence) == ("inconclusive", "wrong: the run compared no answers")


def test_who_says_how_many_wrong_answers_are_accepted() -> None:
    assert bounds_wrong(["p95<1s", " Wrong <= 0% "])
    assert not bounds_wrong(["p95<1s", "errors<1%", "nonsense"])
