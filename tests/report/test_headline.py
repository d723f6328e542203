"""One sentence for somebody who has read nothing else."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from pages import FINDINGS, PLAN, troubled_run
from runs import make_run, rows, usage

from bench.plan import Arrivals, Plan, TargetPlan
from bench.record.manifest import ObjectiveVerdict, Reason, Soundness
from bench.report.model import Summary, summarise
from bench.report.page.headline import headline, telling, urgent
from bench.stats.quantiles import Estimate

PLAIN = Plan(arrivals=Arrivals(rate=25.0))
UNSOUND = Soundness(level="unsound", reasons=[Reason(code="steal", sentence="the hypervisor took 9 %")])


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    folder = tmp_path_factory.mktemp("runs") / "run"
    requests = [rows("predict", 20, service=0.012), rows("observe", 5, service=0.004)]
    return summarise(make_run(folder, requests, usage("kato", 0.5), soundness=Soundness(level="sound")))


def verdicts(*words: str) -> list[ObjectiveVerdict]:
    return [ObjectiveVerdict(objective="p95 < 1s", verdict=word) for word in words]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "tone", "title"),
    [
        ({}, "plain", "Measured, and nothing needs changing"),
        ({"findings": FINDINGS[1:]}, "plain", "Measured, with advice"),
        ({"findings": FINDINGS}, "mixed", "Measured, with a critical finding"),
        ({"objectives": verdicts("pass")}, "good", "Met its objective"),
        ({"objectives": verdicts("pass", "pass")}, "good", "Met all 2 objectives"),
        ({"objectives": verdicts("pass"), "findings": FINDINGS}, "mixed", "Met its objective, but at risk"),
        ({"objectives": verdicts("fail")}, "bad", "Missed its objective"),
        ({"objectives": verdicts("pass", "fail", "inconclusive")}, "bad", "Missed 1 of its 3 objectives"),
        ({"objectives": verdicts("inconclusive")}, "mixed", "Objective undecided"),
        ({"objectives": verdicts("inconclusive", "pass")}, "mixed", "1 of 2 objectives undecided"),
        (
            {"soundness": UNSOUND, "objectives": verdicts("pass")},
            "bad",
            "This measurement cannot be believed",
        ),
        ({"status": "interrupted"}, "mixed", "Stopped before its end"),
        ({"status": "running"}, "plain", "Still being measured"),
    ],
)
def test_the_title_is_the_verdict(good: Summary, changes: dict[str, object], tone: str, title: str) -> None:
    said = headline(replace(good, **changes), PLAIN, 1, advised=True)
    assert (said.tone, said.title) == (tone, title)


def test_the_sentence_says_what_was_tested_how_it_did_and_what_to_do_first(good: Summary) -> None:
    p95 = good.operations[1].response["p95"].value
    assert p95 is not None
    quick = f"95 % of predict within {p95 * 1000:.1f} ms"
    start = "answered all 750 requests of the chat workload (25.0 per second)"
    tested = "An embedded KATO deployment with 1 worker"
    assert headline(good, PLAIN, 1, advised=False).sentence == f"{tested} {start}, {quick}."
    assert headline(good, PLAIN, 1, advised=True).sentence.endswith("; nothing needs to be changed.")
    with_findings = headline(replace(good, findings=FINDINGS), PLAIN, 2, advised=True).sentence
    assert "with 2 workers" in with_findings
    assert with_findings.endswith("; first change redis.maxmemory-policy from allkeys-lru to noeviction.")
    url = PLAIN.model_copy(update={"target": TargetPlan(kind="url", url="http://127.0.0.1:8000")})
    assert headline(good, url, None, advised=True).tested == "The KATO at http://127.0.0.1:8000"


def test_an_unsound_run_advises_to_measure_again(good: Summary) -> None:
    said = headline(replace(good, soundness=UNSOUND, findings=FINDINGS), PLAIN, 1, advised=True)
    assert said.first == "measure again before changing anything"


def test_an_overloaded_target_has_lower_bounds(tmp_path: Path) -> None:
    said = headline(summarise(troubled_run(tmp_path / "run")), PLAN, 1, advised=True)
    assert "but was overloaded: p95 of predict is " in said.outcome
    assert said.outcome.endswith(" at least")


def test_no_answer_at_p95_has_no_time(good: Summary) -> None:
    endless = Estimate(math.inf, None, None, 600)
    predict = replace(good.operations[1], response={**good.operations[1].response, "p95": endless})
    said = headline(replace(good, operations=[predict]), PLAIN, 1, advised=True)
    assert said.outcome.endswith(", but fewer than 95 % of its predict requests")


def test_nothing_measured(tmp_path: Path) -> None:
    summary = summarise(make_run(tmp_path / "run", status="interrupted", phases=[]))
    said = headline(summary, PLAIN, None, advised=False)
    assert (said.tone, said.title) == ("bad", "Nothing was measured")
    assert said.sentence.endswith("no request was made while it was measured.")


def test_the_slowest_operation_tells_the_most(good: Summary) -> None:
    slowest = telling(good.operations)
    assert slowest is not None
    assert slowest.name == "predict"
    assert telling([]) is None


def test_the_first_change_is_that_of_the_gravest_finding_with_one() -> None:
    change = urgent(FINDINGS)
    assert change is not None
    assert change[1].knob == "redis.maxmemory-policy"
    assert urgent(FINDINGS[2:]) is None
    assert urgent([FINDINGS[1].model_copy(update={"severity": "info"})]) is None
