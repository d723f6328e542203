"""Dates, intervals and omissions of the capacity plan, on a day that is passed in."""

import json
import re
import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from bench.capacity import planning, results
from bench.capacity.limits import Expected
from bench.capacity.planning import CapacityPlan
from bench.capacity.results import (
    Break,
    GrowthResult,
    Interval,
    LawFit,
    SearchResult,
    Series,
    SizeRun,
    Slope,
    Trial,
)
from bench.errors import UsageError
from bench.plan import Arrivals, Plan, TargetPlan
from bench.planning_ahead import PlanFlags, expectation, horizon_days, plan
from bench.report import capacity_plan as report

TODAY = date(2027, 1, 1)
COMMON = {
    "created": datetime(2026, 12, 31, tzinfo=UTC),
    "kato_bench": "0",
    "plan": Plan(arrivals=Arrivals(rate=10), data={"patterns": 100, "events": 5, "symbols": 2}),
    "ended": "complete",
    "seconds": 60.0,
}
SIZES = [100, 200, 500, 1000, 2000, 5000]


def slope(metric: str, value: float, *, per: str = "pattern", base: float = 0.0) -> Slope:
    bounds = Interval(value=value, low=0.9 * value, high=1.1 * value)
    return Slope.model_validate(
        {"metric": metric, "per": per, "source": "s", "base": base, "bytes": bounds, "points": []}
    )


def growth(broken: Break | None = None) -> GrowthResult:
    law = LawFit(name="linear", a=0.01, b=1e-5, c=1, error=0.05, sentence="linear")
    return GrowthResult(
        id="2026-12-31T00-00-00Z-growth-aaaa",
        sizes=SIZES,
        nodes=1,
        runs=[],
        series=[Series(metric="service mean", unit="s", values=[Interval() for _ in SIZES], law=law)],
        breaks=[broken] if broken else [],
        memory=[
            slope("Redis memory", 1000, base=1e6),
            slope("ClickHouse disk", 700),
            slope("Redis memory of sessions", 2000, per="session"),
        ],
        live_knobs={"redis.maxmemory": 101_000_000, "kato.SESSION_TTL": 3600},
        **COMMON,
    )


def search(low: float = 100, recommended: float | None = 80) -> SearchResult:
    return SearchResult(
        id="2026-12-31T00-00-00Z-search-aaaa",
        objectives=["p95(predict)<80ms"],
        low=low,
        high=105,
        expected=140,
        binding_resource="kato",
        recommended=recommended,
        trial_seconds=10,
        trials=[],
        **COMMON,
    )


def expected(**changes: object) -> Expected:
    return Expected(**{"patterns_per_day": 1000, "sessions_per_day": 0, "horizon_days": 365} | changes)  # type: ignore[arg-type]


def limit(made: CapacityPlan, name: str) -> planning.Limit:
    return next(one for one in made.limits if name in one.name)


def test_redis_is_full_on_the_day_that_arithmetic_says() -> None:
    """100 MB of room at 1 MB a day: day 100, between day 91 (1.1 MB) and day 112 (0.9 MB)."""
    found = limit(planning.plan(expected(), None, growth(), TODAY), "Redis")
    assert found.status == "dated"
    assert (found.likely, found.first, found.last) == (date(2027, 4, 11), date(2027, 4, 1), date(2027, 4, 22))
    assert "redis.maxmemory" in (found.change or "")


def test_live_sessions_take_their_share() -> None:
    """3 x 24 000 sessions a day for an hour each: 3 000 live ones of 2 KB."""
    found = limit(planning.plan(expected(sessions_per_day=24_000), None, growth(), TODAY), "Redis")
    assert found.likely == date(2027, 4, 5)


def without_sessions() -> GrowthResult:
    measured = growth()
    return measured.model_copy(update={"memory": [one for one in measured.memory if one.per == "pattern"]})


@pytest.mark.parametrize(("a_day", "status"), [(1000, "dated"), (10, "unknown")])
def test_sessions_that_were_not_measured_are_not_free(a_day: float, status: str) -> None:
    wish = expected(patterns_per_day=a_day, sessions_per_day=24_000)
    found = limit(planning.plan(wish, None, without_sessions(), TODAY), "Redis")
    assert found.status == status
    assert "per live session" not in found.sentence
    assert "what one takes is not measured" in found.sentence
    assert found.missing == "kato-bench capacity growth"


def test_what_is_in_use_is_called_an_estimate() -> None:
    made = planning.plan(expected(disk=70_000_000), None, growth(), TODAY)
    for name in ("Redis", "disk"):
        assert "an estimated" in limit(made, name).sentence


def test_the_disk_needs_its_size() -> None:
    made = planning.plan(expected(), None, growth(), TODAY)
    assert limit(made, "disk").status == "unknown"
    assert "--disk" in limit(made, "disk").sentence
    sized = planning.plan(expected(disk=70_000_000), None, growth(), TODAY)
    assert limit(sized, "disk").likely == date(2027, 4, 11)


def test_latency_breaks_when_a_node_has_learned_too_much() -> None:
    broken = Break(
        objective="p95(predict)<80ms", sizes=Interval(value=4000, low=3000, high=None), sentence="breaks"
    )
    made = planning.plan(expected(patterns_per_day=40, nodes=2), None, growth(broken), TODAY)
    found = limit(made, "p95(predict)")
    assert found.likely == date(2027, 7, 20)
    assert found.first == date(2027, 5, 31)
    assert found.last is None or found.last > found.likely
    assert made.first is found


def test_a_break_beyond_what_was_measured_has_no_date() -> None:
    held = Break(objective="p95(predict)<80ms", sizes=Interval(), at_least=5000, sentence="holds at 5000.")
    near = limit(planning.plan(expected(patterns_per_day=10), None, growth(held), TODAY), "p95(predict)")
    assert near.status == "beyond"
    far = limit(planning.plan(expected(patterns_per_day=100), None, growth(held), TODAY), "p95(predict)")
    assert far.status == "unknown"
    assert far.missing is not None
    assert far.missing.endswith("18250")


def test_the_rate_that_is_carried_falls_as_requests_get_dearer() -> None:
    """80/s are recommended at 100 patterns (11 ms); at 1 200 patterns 22 ms carry 40/s."""
    wish = expected(
        patterns_per_day=10, patterns_now=100, sessions_per_day=86_400, requests_per_session=40 / 3
    )
    found = limit(planning.plan(wish, search(), growth(), TODAY), "request rate")
    assert found.status == "dated"
    assert found.likely is not None
    assert abs((found.likely - date(2027, 4, 21)).days) <= 1
    assert "uvicorn.workers" in (found.change or "")


def test_a_rate_comes_with_the_doubt_of_its_law() -> None:
    wish = expected(
        patterns_per_day=10, patterns_now=100, sessions_per_day=86_400, requests_per_session=40 / 3
    )
    found = limit(planning.plan(wish, search(), growth(), TODAY), "request rate")
    assert found.first is not None
    assert found.likely is not None
    assert found.last is not None
    assert found.first < found.likely < found.last


def test_a_load_that_a_longer_trial_refuted_is_not_planned_with() -> None:
    refuted = search(recommended=None).model_copy(
        update={
            "trials": [
                results.Trial(
                    purpose="confirm", rate=80, seconds=30, held=False, answered=60, soundness="qualified"
                )
            ]
        }
    )
    wish = expected(sessions_per_day=1000, requests_per_session=10)
    found = limit(planning.plan(wish, refuted, growth(), TODAY), "request rate")
    assert found.status == "unknown"
    assert "recommends no load" in found.sentence


def test_without_growth_the_rate_is_judged_for_today_alone() -> None:
    wish = expected(sessions_per_day=1000, requests_per_session=10)
    made = planning.plan(wish, search(), None, TODAY)
    found = limit(made, "request rate")
    assert found.status == "unknown"
    assert "enough" in found.sentence
    assert found.missing == "kato-bench capacity growth"


def test_a_law_that_is_missing_is_named_and_not_assumed() -> None:
    wish = expected(patterns_per_day=1, sessions_per_day=1000, requests_per_session=10)
    without = growth().model_copy(update={"series": []})
    made = planning.plan(wish, search(), without, TODAY)
    found = limit(made, "request rate")
    assert found.status == "unknown"
    assert "no law of the mean service time" in found.sentence
    assert not any("as many times fewer" in one for one in made.assumptions)


def test_demand_above_capacity_is_there_already() -> None:
    wish = expected(sessions_per_day=86_400, requests_per_session=100)
    made = planning.plan(wish, search(), growth(), TODAY)
    assert limit(made, "request rate").status == "now"
    assert "already today" in made.headline


def test_what_only_may_be_reached_is_not_called_reached() -> None:
    """100 MB of room at 1 000 B a pattern and 250 a day: 400 days likely, fewer with the upper bound."""
    made = planning.plan(expected(patterns_per_day=260), None, growth(), TODAY)
    found = limit(made, "Redis memory")
    assert (found.status, found.likely) == ("dated", None)
    assert found.first is not None
    assert f"perhaps reached from {found.first.isoformat()} on" in made.headline


def test_what_is_not_measured_is_named_and_not_invented() -> None:
    made = planning.plan(expected(requests_per_session=10, sessions_per_day=10), None, None, TODAY)
    assert {one.status for one in made.limits} == {"unknown"}
    assert made.first is None
    assert "kato-bench capacity growth" in made.missing
    assert any(command.startswith("kato-bench capacity search") for command in made.missing)
    assert not re.search(r"\d{4}-\d\d-\d\d", made.headline)


def test_the_page_is_self_contained_and_draws_every_curve() -> None:
    made = planning.plan(expected(disk=70_000_000), search(), growth(), TODAY, ceiling="<b>100/s</b>")
    page = report.html(made)
    assert "http" not in page.replace("http://www.w3.org", "")
    assert "<script" not in page
    assert "&lt;b&gt;100/s" in page
    drawn = report.chart(made)
    assert drawn is not None
    lines = ET.fromstring(drawn.svg).findall("polyline")
    assert len(lines) == len(drawn.legend) == 2
    assert all(one.name in page for one in made.limits)


def test_markdown_and_page_say_the_same() -> None:
    made = planning.plan(expected(), search(), growth(), TODAY, ceiling="100/s")
    text, page = report.markdown(made), report.html(made)
    for sentence in (made.headline, made.ceiling, *made.assumptions):
        assert sentence in text
        assert sentence.replace("'", "&#39;").replace("<", "&lt;") in page


def test_a_plan_from_a_busy_machine_says_so_and_how_to_repeat_it() -> None:
    assert planning.plan(expected(), search(), growth(), TODAY).doubts == ()
    busy = SizeRun(
        patterns=2000,
        sessions=20,
        rate=10,
        seconds=10,
        utilisation=0.2,
        soundness="qualified",
        conditions=["disturbed"],
    )
    trial = Trial(
        purpose="search",
        rate=10,
        seconds=10,
        held=False,
        answered=10,
        soundness="qualified",
        conditions=["disturbed"],
    )
    made = planning.plan(
        expected(),
        search().model_copy(update={"trials": [trial]}),
        growth().model_copy(update={"runs": [busy]}),
        TODAY,
    )
    of_search, of_growth = made.doubts
    assert "1 of the 1 trials" in of_search
    assert "capacity search" in of_search
    assert "2000 patterns" in of_growth
    assert "capacity growth" in of_growth
    assert all(doubt in report.markdown(made) for doubt in made.doubts)


def test_the_command_takes_the_latest_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = results.folder_of(tmp_path)
    results.write_result(folder, growth())
    results.write_result(folder, search())
    flags = PlanFlags(patterns_per_day=1000, sessions_per_day=10, horizon="12mo")
    assert plan(flags, tmp_path, as_json=True, today=TODAY) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["first"] == "Redis memory"
    assert all(Path(name).read_text() for name in said["files"])
    assert len(said["files"]) == 2


def test_the_latest_of_one_deployment_and_load_are_taken_together(tmp_path: Path) -> None:
    plain, other = COMMON["plan"], Plan(arrivals=Arrivals(rate=10), session={"recall_threshold": 0.5})
    results.write_result(tmp_path, growth())
    later = growth().model_copy(update={"id": "2026-12-31T01-00-00Z-growth-bbbb", "plan": other})
    results.write_result(tmp_path, later)
    (tmp_path / "2026-12-31T02-00-00Z-growth-cccc.json").write_text("{")
    found, notes = results.latest(tmp_path, GrowthResult, plain)  # type: ignore[arg-type]
    assert found is not None
    assert found.id == growth().id
    assert len(notes) == 1
    assert "cccc" in notes[0]
    newest, _ = results.latest(tmp_path, GrowthResult, Plan(arrivals=Arrivals(rate=1), scenario="train"))
    assert newest is not None
    assert newest.id == later.id
    made = planning.plan(expected(), search(), newest, TODAY)
    assert any("different session settings" in one for one in made.assumptions)


def test_what_to_run_next_names_the_same_deployment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = TargetPlan(kind="url", url="http://127.0.0.1:9000", stores={"redis": "redis://127.0.0.1:6379"})
    measured = search().model_copy(
        update={"plan": Plan(arrivals=Arrivals(rate=10), target=target, data={"patterns": 100, "nodes": 2})}
    )
    results.write_result(results.folder_of(tmp_path), measured)
    flags = PlanFlags(patterns_per_day=1000, sessions_per_day=10, horizon="12mo")
    plan(flags, tmp_path, as_json=True, today=TODAY)
    (command,) = json.loads(capsys.readouterr().out)["missing"]
    assert command.startswith("kato-bench capacity growth --scenario chat --data nodes=2 --target http")
    assert command.endswith("--redis-url redis://127.0.0.1:6379")
    assert "patterns=" not in command


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"patterns_per_day": -1}, "--patterns-per-day"),
        ({"patterns_per_day": 1e308}, "--patterns-per-day"),
        ({"nodes": 10**400}, "--nodes"),
        ({"peak": 1e300}, "--peak"),
        ({"redis_memory": "9" * 400}, "up to 1024 TiB"),
        ({"redis_memory": "9" * 5000}, "up to 1024 TiB"),
        ({"disk": "9" * 400 + "gb"}, "up to 1024 TiB"),
        ({"sessions_per_day": float("nan")}, "--sessions-per-day"),
        ({"horizon": "-3mo"}, "--horizon"),
        ({"horizon": "0d"}, "--horizon"),
        ({"horizon": "soon"}, "--horizon"),
        ({"horizon": "99y"}, "--horizon"),
        ({"nodes": 0}, "--nodes"),
        ({"peak": 0.5}, "--peak"),
        ({"redis_memory": "lots"}, "--redis-memory"),
        ({"disk": "0gb"}, "--disk"),
        ({"requests_per_session": -2}, "--requests-per-session"),
    ],
)
def test_wrong_expectations_are_refused(changes: dict[str, object], words: str) -> None:
    flags = PlanFlags(**{"patterns_per_day": 1, "sessions_per_day": 1, "horizon": "12mo"} | changes)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=words):
        expectation(flags)


@pytest.mark.parametrize(
    ("text", "days"), [("90d", 90), ("26w", 182), ("12mo", 365), ("2y", 730), ("1.5y", 548)]
)
def test_horizons(text: str, days: int) -> None:
    assert horizon_days(text) == days


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"kind": "search"}', '{"kind": "growth", "schema_version": 1}']
)
def test_a_broken_result_is_refused_in_one_sentence(tmp_path: Path, content: str) -> None:
    path = tmp_path / "result.json"
    path.write_text(content)
    with pytest.raises(UsageError) as refused:
        results.read(path, GrowthResult)
    assert "\n" not in str(refused.value)


def test_a_result_that_is_not_there_names_its_command(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="capacity search"):
        results.read(tmp_path / "none.json", SearchResult)
