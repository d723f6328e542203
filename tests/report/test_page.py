"""What a page says of runs whose content is known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from manifests import TARGET, example
from pages import FINDINGS, HOSTILE_PART, PLAN, troubled_run
from runs import PHASE_TIMES, make_run, rows, usage

from bench.plan import Arrivals, Plan, TargetPlan
from bench.record.estimates import Estimates
from bench.record.manifest import Phase
from bench.report.page.curves import curve, curves_of, highest
from bench.report.page.model import Page, page_of
from bench.report.page.recall import targets_of
from bench.report.page.settings import settings_of
from bench.report.page.timelines import marks_of, timelines_of, words
from bench.stats.histogram import Histogram
from bench.stats.quantiles import required


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    return page_of(troubled_run(tmp_path_factory.mktemp("runs") / "run"))


@pytest.mark.parametrize("q", [0.5, 0.9, 0.95, 0.99, 0.999])
def test_a_curve_goes_as_far_as_the_sample_carries_it(q: float) -> None:
    assert highest(required(q)) >= q - 1e-12
    assert highest(required(q) - 1) < q
    assert highest(required(0.5) - 1) == 0


def test_a_curve_is_the_histograms_quantiles() -> None:
    random = np.random.default_rng(1)
    histogram = Histogram.from_values(random.lognormal(-4, 0.5, 1000))
    made = curve(histogram)
    assert made.carried == pytest.approx(0.025 ** (1 / 1000))
    assert {0.5, 0.9, 0.95, 0.99} <= set(made.q)
    assert max(made.q) <= made.carried + 1e-12
    assert made.seconds == [histogram.quantile(q) for q in made.q]
    assert made.unanswered_from is None
    assert curve(Histogram.from_values([0.1] * 5)).q == []


def test_unanswered_requests_are_the_end_of_the_curve(page: Page) -> None:
    predict = next(one for one in page.curves if one.operation == "predict")
    assert predict.response.unanswered_from == pytest.approx(600 / 630, abs=0.01)
    assert predict.named[0.99].value == math.inf


def test_an_operation_with_too_few_requests_has_no_curve(tmp_path: Path) -> None:
    few = {name: values[:5] for name, values in rows("create", 1).items()}
    record = make_run(tmp_path / "run", [few, rows("predict", 5)])
    assert [one.operation for one in curves_of(record, Estimates(record))] == ["predict"]


def test_timelines_share_one_axis_that_begins_shortly_before_the_load(page: Page) -> None:
    lines = page.timelines
    assert lines is not None
    assert (lines.start, lines.end) == pytest.approx((0, 35), abs=0.2)
    assert [phase.name for phase in lines.phases] == ["preload", "warmup", "measure"]
    for line in (lines.due, lines.answered, lines.failed):
        assert line.times[0] == 2.5
        assert line.width == 1
    assert set(lines.due.values) == {45.0}
    assert lines.failed.values[5] == 1.0
    assert lines.redis_limit == 2**26
    assert lines.cores == 2
    assert lines.busy is not None
    assert lines.busy.known[0] == pytest.approx(1.2)


def test_a_long_preload_is_cut(tmp_path: Path) -> None:
    late = rows("predict", 20)
    for name in ("due", "picked", "sent", "done"):
        late[name] = late[name] + 1000
    phases = [
        Phase(name="preload", start=0, end=1001),
        Phase(name="warmup", start=1002, end=1005),
        Phase(name="measure", start=1005, end=1035),
    ]
    lines = timelines_of(make_run(tmp_path / "run", [late], phases=phases))
    assert lines is not None
    assert lines.start == pytest.approx(1002 - 0.25 * 33, abs=0.1)


def test_a_percentile_takes_windows_that_carry_it(page: Page) -> None:
    assert page.timelines is not None
    latency = {one.operation: one for one in page.timelines.latency}
    assert latency["observe"].p50.width == 1
    p95 = latency["observe"].p95
    assert p95 is not None
    assert p95.width == 5
    assert latency["clear"].p50.width == 2
    # 120 requests carry one p95, but no line of them.
    assert latency["clear"].p95 is None


def test_the_cores_of_each_part_come_first_and_kato_bench_last(page: Page) -> None:
    assert page.timelines is not None
    assert [line.name for line in page.timelines.cpu] == [
        "kato",
        "redis",
        HOSTILE_PART,
        "load-0",
        "recording",
    ]
    assert page.timelines.cpu[0].known[3] == pytest.approx(0.9)
    assert page.timelines.cpu[-1].known[3] == pytest.approx(0.04)
    assert [line.name for line in page.timelines.memory] == ["kato", "redis", HOSTILE_PART]
    assert page.busiest is not None
    assert page.busiest.name == "kato"
    # 60 % of two cores are busy, of which the parts use 1.24.
    assert page.timelines.foreign_cores == pytest.approx(0, abs=1e-6)


def test_other_programs_are_told_apart(tmp_path: Path) -> None:
    busy = [
        [float(t), "host", name, "cpu_busy_share", 0.9] for t in range(36) for name in ("", "cpu0", "cpu1")
    ]
    record = make_run(tmp_path / "run", [rows("predict", 5)], [*usage("kato", 0.5), *busy])
    lines = timelines_of(record)
    assert lines is not None
    assert lines.foreign_cores == pytest.approx(1.3)


def test_events_are_marked_and_phases_are_not(page: Page) -> None:
    assert [(mark.t, mark.kind) for mark in page.events] == [(14.2, "restarted"), (20.5, "collector_failed")]
    changed = {
        "t": 3.0,
        "kind": "config_changed",
        "source": "redis",
        "knob": "redis.maxmemory",
        "old": None,
        "new": 1,
    }
    assert words(changed) == "config changed (redis): knob redis.maxmemory, new 1"


def test_only_a_worker_that_comes_later_is_news() -> None:
    events = [
        {"t": 1.0, "kind": "worker_seen", "source": "kato", "worker": "1"},
        {"t": 12.0, "kind": "phase", "name": "preload", "start": 0.5, "end": 2.0},
        {"t": 40.0, "kind": "worker_seen", "source": "kato", "worker": "2"},
    ]
    assert [mark.t for mark in marks_of(events)] == [40.0]


def test_recall_has_a_curve_with_its_target(page: Page) -> None:
    (recall,) = page.recall
    assert [probe.ef for probe in recall.swept] == [16, 64, 256]
    assert [round(probe.recall.value or 0, 2) for probe in recall.swept] == [0.7, 0.8, 0.95]
    assert recall.as_asked is not None
    assert (recall.k, recall.built_with, recall.target) == (10, 32, 0.98)
    assert page.recall_missing == ["other has too few points"]
    assert targets_of(["recall@3 > 0.9", "p95 < 1s", "made < up"]) == {3: 0.9}


def test_settings_say_who_set_them(page: Page) -> None:
    rows = {row.knob: row for row in page.settings}
    policy = rows["redis.maxmemory-policy"]
    assert (policy.shown, policy.set_by, policy.chosen, policy.reported) == (
        "allkeys-lru",
        "--set",
        True,
        True,
    )
    assert (rows["redis.maxmemory"].shown, rows["redis.maxmemory"].default) == ("64 MiB", "8 GiB")
    assert rows["redis.maxmemory"].set_by == "changed since the start"
    assert rows["session.recall_threshold"].set_by == "--session"
    assert all(row.telling for row in (policy, rows["redis.maxmemory"]))


@pytest.mark.parametrize(
    ("plan", "knob", "value", "set_by"),
    [
        ({}, "uvicorn.limit_concurrency", 40, "profile healthy"),
        ({}, "uvicorn.backlog", 2048, "KATO's default"),
        ({"profile": "shipped"}, "uvicorn.limit_concurrency", 100, "KATO's default"),
        ({}, "redis.hz", 10, "default of redis"),
        ({"kind": "url", "url": "http://127.0.0.1:1"}, "uvicorn.workers", 4, "the deployment"),
        ({}, "elsewhere.knob", 1, "unknown"),
    ],
)
def test_who_set_a_knob(plan: dict[str, str], knob: str, value: int, set_by: str) -> None:
    manifest = example(
        plan=Plan(arrivals=Arrivals(rate=1.0), target=TargetPlan(**plan)),  # type: ignore[arg-type]
        target=None,
        live_knobs={knob: value},
    )
    assert [(row.knob, row.set_by) for row in settings_of(manifest)] == [(knob, set_by)]


def test_a_page_holds_what_is_to_be_said(page: Page) -> None:
    assert page.summary.scenario == "chat"
    assert page.advice is not None
    assert page.advice.findings == FINDINGS
    assert [bound.subject for bound in page.bounds] == ["p95(predict)"]
    assert page.command.startswith("kato-bench run --scenario chat")
    assert dict(page.machine)["KATO"] == TARGET.kato_version
    assert [name for name, _ in page.files] == [
        "requests.parquet", "histograms.parquet", "metrics.parquet", "events.jsonl",
    ]  # fmt: skip
    assert PLAN.tags == page.summary.tags


@pytest.mark.parametrize("phases", [[], PHASE_TIMES[:1], PHASE_TIMES[:2]], ids=["none", "preload", "warm-up"])
def test_a_run_that_ended_early_has_a_page(tmp_path: Path, phases: list[Phase]) -> None:
    record = make_run(
        tmp_path / "run", [], usage("kato", 0.5), status="interrupted", reason="it was stopped", phases=phases
    )
    page = page_of(record)
    assert page.headline.title == "Nothing was measured"
    assert page.curves == []
    assert (page.timelines is None) == (len(phases) < 2)
    assert page.telling is None


def test_parts_of_the_load_are_marked_once_however_many_processes_tell_of_them() -> None:
    def part(number: int, start: float, t: float = 20.0) -> dict[str, Any]:
        name = f"part {number}"
        return {"t": t, "kind": "part", "number": number, "name": name, "start": start, "load": "poisson 5/s"}

    marks = marks_of([part(0, 2.0), part(1, 7.0), part(0, 2.1, 20.1), part(1, 7.1, 20.1)])
    assert [(mark.t, mark.text) for mark in marks] == [
        (2.0, "part 0 begins: poisson 5/s"),
        (7.0, "part 1 begins: poisson 5/s"),
    ]
