"""What the summary says of runs whose content is known."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from runs import JUDGED, PHASE_TIMES, make_run, rows, usage

from bench.courses import Ramp, Sine, Spike, Step, Trace
from bench.plan import Arrivals, Part, Plan, TargetPlan, load_of
from bench.record.estimates import Estimates
from bench.record.manifest import Phase
from bench.report.machine import as_json
from bench.report.model import list_row, load_words, plan_line, summarise
from bench.report.usage import usage_of
from bench.stats.quantiles import Estimate

PREDICT = rows("predict", 20, service=0.012)


def in_measure(columns: dict[str, np.ndarray]) -> np.ndarray:
    return columns["due"] >= 5


def test_an_operation_is_summed_up_over_the_measure_phase(tmp_path: Path) -> None:
    summary = summarise(make_run(tmp_path / "run", [PREDICT, rows("observe", 5)]))
    observe, predict = summary.operations
    assert (observe.name, predict.name) == ("observe", "predict")
    assert (predict.counts.requests, predict.counts.answered, predict.counts.errors) == (600, 600, 0)
    assert predict.rate.value == pytest.approx(20, abs=0.1)
    response = (PREDICT["done"] - PREDICT["due"])[in_measure(PREDICT)]
    for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        estimate = predict.response[name]
        exact = np.quantile(response, q, method="inverted_cdf")
        assert estimate.value == pytest.approx(exact, rel=0.006)
        assert estimate.n == 600
        assert estimate.low is not None
        assert estimate.low < exact < estimate.high
    assert predict.service_p95.value == pytest.approx(predict.response["p95"].value - 0.0003, rel=0.01)
    assert predict.wait_p95.value == pytest.approx(0.0002, rel=0.006)
    assert predict.lag_p99.value == pytest.approx(0.0001, rel=0.006)
    assert (summary.seconds, summary.requests, summary.totals.requests) == (30.0, 33 * 25, 750)
    assert summary.rate.value == pytest.approx(25, abs=0.1)
    assert (summary.gap, summary.notes) == (None, [])


def test_percentiles_only_as_far_as_the_sample_carries_them(tmp_path: Path) -> None:
    summary = summarise(make_run(tmp_path / "run", [rows("create", 1), rows("learn", 5)]))
    create, learn = summary.operations
    assert create.response["p50"].value is not None
    assert create.response["p95"] == Estimate(None, None, None, 30)
    assert learn.response["p95"].value is not None
    assert learn.response["p99"] == Estimate(None, None, None, 150)
    assert create.lag_p99.value is None


def test_failures_are_counted_and_kept_out_of_the_percentiles(tmp_path: Path) -> None:
    fast_refusals = rows("predict", 20, service=0.0001, error="overload")
    summary = summarise(make_run(tmp_path / "run", [PREDICT, fast_refusals]))
    (predict,) = summary.operations
    assert (predict.counts.requests, predict.counts.errors) == (1200, 600)
    assert predict.counts.by_error == {"overload": 600}
    assert predict.response["p50"].n == 600
    assert predict.response["p50"].value > 0.008
    assert predict.rate.value == pytest.approx(20, abs=0.1)


def test_only_errors(tmp_path: Path) -> None:
    nothing = rows("predict", 20, error="connect", answered=False, sent=False)
    summary = summarise(make_run(tmp_path / "run", [nothing]))
    (predict,) = summary.operations
    assert (predict.counts.answered, predict.counts.errors) == (0, 600)
    assert {estimate.value for estimate in predict.response.values()} == {math.inf}
    assert predict.rate.value == 0
    told = as_json(summary)["operations"]["predict"]["response"]["p95"]
    assert (told["value"], told["no_answer"]) == (None, True)
    json.dumps(as_json(summary), allow_nan=False)


def test_no_request_at_all(tmp_path: Path) -> None:
    summary = summarise(make_run(tmp_path / "run", phases=[]))
    assert (summary.operations, summary.seconds, summary.rate.value) == ([], 0.0, None)
    assert summary.totals.requests == 0
    assert as_json(summary)["operations"] == {}


def test_answers_that_came_after_the_phase_do_not_raise_its_rate(tmp_path: Path) -> None:
    # Every request of the phase is answered, but the backlog at its end is worth 10 s of load.
    late = rows("predict", 20, service=0.01)
    late["done"] = late["due"] + np.linspace(0, 10, len(late["due"]))
    (predict,) = summarise(make_run(tmp_path / "run", [late])).operations
    assert predict.counts.answered == 600
    assert predict.rate.value < 20 * 0.85


@pytest.mark.parametrize(
    ("lag", "wait", "says"),
    [
        (0.0001, 0.2, "waited 200 ms for a free session or connection, because the target"),
        (0.2, 0.0001, "the load generator took them up 200 ms late, which is not the target's doing"),
        (0.0001, 0.003, None),
    ],
)
def test_the_gap_between_response_and_service_is_explained(
    tmp_path: Path, lag: float, wait: float, says: str | None
) -> None:
    summary = summarise(make_run(tmp_path / "run", [rows("predict", 20, lag=lag, wait=wait)]))
    if says is None:
        assert summary.gap is None
    else:
        assert summary.gap is not None
        assert says in summary.gap


def test_what_was_dropped_or_left_open_is_noted(tmp_path: Path) -> None:
    dropped = rows("predict", 2, error="dropped", answered=False, sent=False)
    still_open = rows("predict", 1, error="unanswered", answered=False)
    closed = Plan(arrivals=Arrivals(kind="closed", users=5, think=1))
    summary = summarise(make_run(tmp_path / "run", [PREDICT, dropped, still_open], plan=closed))
    assert len(summary.notes) == 2
    assert summary.notes[0].startswith("Closed loop")
    assert summary.notes[1].startswith(
        "90 of 690 due requests got no answer (60 never sent, 30 still unanswered at the end)"
    )


def test_a_share_without_an_answer_lifts_the_percentiles_beyond_it(tmp_path: Path) -> None:
    """Of 21 requests a second one gets no answer: p95 is of those that got one, p99 is without end."""
    lost = rows("predict", 1, error="timeout", answered=False)
    estimates = Estimates(make_run(tmp_path / "run", [PREDICT, lost]))
    p95, p99 = estimates.percentile(0.95, "predict"), estimates.percentile(0.99, "predict")
    assert p95.value is not None
    assert 0.01 < p95.value < 0.05
    assert p99.value == math.inf
    assert estimates.maximum("predict").value == math.inf
    assert estimates.mean("predict").value == math.inf
    answered = estimates.answered_mean("predict").value
    assert answered is not None
    assert 0.01 < answered < 0.05


def test_parts_have_their_usage_per_request(tmp_path: Path) -> None:
    samples = [*usage("kato", 0.5), *usage("kato/7", 0.5), *usage("load", 0.1)]
    summary = summarise(make_run(tmp_path / "run", [PREDICT], samples))
    kato, redis = summary.parts
    assert (kato.name, kato.engine, kato.version) == ("kato", "reference API", "1")
    assert kato.usage is not None
    assert kato.usage.cpu_seconds == pytest.approx(15)
    assert kato.usage.cores == pytest.approx(0.5)
    assert kato.usage.cpu_per_1000 == pytest.approx(25, rel=0.01)
    assert kato.usage.rss_max == 2**27 + 35
    assert (redis.version, redis.usage) == ("9.1.0", None)
    assert [part.name for part in summary.own] == ["load"]


def test_usage_without_a_phase_or_requests() -> None:
    series = {("process", "kato", "cpu_seconds_total"): (np.array([0.0, 10.0]), np.array([0.0, 5.0]))}
    assert usage_of(series, None, 20.0)["kato"].cpu_seconds is None
    assert usage_of(series, Phase(name="measure", start=0, end=10), None)["kato"].cpu_per_1000 is None
    assert usage_of({}, None, None) == {}


def test_objectives_ask_by_name(tmp_path: Path) -> None:
    dropped = rows("predict", 2, error="dropped", answered=False, sent=False)
    estimates = Estimates(make_run(tmp_path / "run", [PREDICT, dropped, rows("observe", 5)]))
    assert estimates.estimate("p95", "predict") == estimates.percentile(0.95, "predict")
    assert estimates.estimate("p99.9", None) == Estimate(None, None, None, 810)
    longest = estimates.estimate("max", "predict")
    assert longest is not None
    assert longest.low == longest.value == longest.high
    assert estimates.estimate("errors", "predict").value == pytest.approx(60 / 660)
    assert estimates.estimate("dropped", None).value == pytest.approx(60 / 810)
    assert estimates.estimate("rate", "observe").value == pytest.approx(5, abs=0.1)
    assert estimates.estimate("mean", "observe").value == pytest.approx(0.0108, rel=0.05)
    assert estimates.estimate("p95", "learn") is None
    assert estimates.rate("learn").value == 0


def test_json_keeps_its_keys(tmp_path: Path) -> None:
    record = make_run(tmp_path / "run", [PREDICT], usage("kato", 0.5), tags={"commit": "abc"}, **JUDGED)
    answer = json.loads(json.dumps(as_json(summarise(record)), allow_nan=False))
    assert answer.keys() >= {"run", "status", "scenario", "operations", "soundness", "parts"}
    assert answer.keys() >= {"objectives", "findings", "folder", "seconds", "totals", "tags", "gap"}
    assert answer["soundness"]["level"] == "qualified"
    assert answer["soundness"]["reasons"][0]["code"] == "not_steady"
    assert answer["parts"][0]["name"] == "kato"
    assert answer["parts"][0]["cores"] == pytest.approx(0.5)
    assert answer["parts"][1] == {
        **dict.fromkeys(("note", "cpu_seconds", "cores", "cpu_per_1000", "rss_max")),
        "name": "redis",
        "engine": "Valkey",
        "version": "9.1.0",
    }
    predict = answer["operations"]["predict"]
    assert predict["requests"] == 600
    assert predict["response"]["p95"].keys() == {"value", "low", "high", "n"}
    assert predict.keys() >= {"rate", "service", "wait", "lag", "errors", "answered"}
    assert answer["objectives"][0]["verdict"] == "pass"


def test_a_line_of_the_list_comes_from_the_manifest(tmp_path: Path) -> None:
    row = list_row(make_run(tmp_path / "run", [PREDICT], tags={"commit": "abc"}, **JUDGED))
    assert (row.run, row.status, row.load) == ("run", "finished", "poisson 20/s")
    assert (row.requests, row.errors, row.soundness, row.objectives) == (660, 0, "qualified", "pass")
    (tmp_path / "run" / "run.json").write_text("{")
    broken = list_row(type(make_run(tmp_path / "other"))(tmp_path / "run"))
    assert (broken.run, broken.status) == ("run", "unreadable")
    assert "is not a valid manifest" in str(broken.problem)


def test_an_interrupted_run_says_so(tmp_path: Path) -> None:
    phases = [*PHASE_TIMES[:2], Phase(name="measure", start=5.0)]
    record = make_run(tmp_path / "run", [PREDICT], status="interrupted", reason="Ctrl-C", phases=phases)
    summary = summarise(record)
    assert (summary.status, summary.reason, summary.seconds) == ("interrupted", "Ctrl-C", 30.0)
    assert summary.operations[0].counts.requests == 600


@pytest.mark.parametrize(
    ("arrivals", "words"),
    [
        (Arrivals(kind="constant", rate=12.5), "constant 12.5/s"),
        (Arrivals(kind="closed", users=10), "10 users"),
        (Arrivals(kind="closed", users=10, think=0.5), "10 users, 0.5 s think time"),
        (Arrivals.along(Ramp(start=10, end=80)), "ramp from 10/s to 80/s"),
        (Arrivals.along(Step(rates=(1, 2.5), spacing="constant")), "steps of 1/s, 2.5/s, evenly spaced"),
        (Arrivals.along(Step(rates=(1, 2), lengths=(9, 1))), "steps of 1/s for 9 s, 2/s for 1 s"),
        (
            Arrivals.along(Spike(base=5, peak=50, at=2, length=1)),
            "5/s with a spike of 50/s from 2 s on for 1 s",
        ),
        (
            Arrivals.along(Sine(mean=40, amplitude=20, period=30)),
            "waves between 20/s and 60/s every 30 s",
        ),
        (
            Arrivals.along(Trace(file="/a/times.csv", sha256="x", count=12, lasts=3, speed=2)),
            "the 12 requests recorded in times.csv, 2 times as fast",
        ),
    ],
)
def test_arrivals_in_words(arrivals: Arrivals, words: str) -> None:
    part = Part(phase="measure", seconds=10, arrivals=arrivals)
    load, phases = load_of([part])
    assert load_words(Plan(arrivals=load, phases=phases)) == words


def test_loads_one_after_the_other_in_words() -> None:
    def words(*rates: float) -> str:
        load, phases = load_of(
            [Part(phase="measure", seconds=5, arrivals=Arrivals(rate=rate)) for rate in rates]
        )
        return load_words(Plan(arrivals=load, phases=phases))

    assert words(1, 2) == "poisson 1/s (5 s), then poisson 2/s (5 s)"
    assert words(1, 2, 3, 4) == "4 loads one after the other, 2.5/s on average"


def test_the_plan_in_one_line() -> None:
    arrivals = Arrivals(rate=20)
    plan = Plan(arrivals=arrivals, target=TargetPlan(knobs={"uvicorn.workers": "2"}))
    assert plan_line(plan) == (
        "chat, poisson 20/s, 5 s warm-up and 30 s measured, on embedded target (healthy), uvicorn.workers=2, "
        "seed 1"
    )
    there = Plan(arrivals=arrivals, target=TargetPlan(kind="url", url="http://kato:8000"))
    assert "on http://kato:8000, seed 1" in plan_line(there)
