"""One metric on two sides: the change, its interval, and what could not have been seen."""

from __future__ import annotations

import pytest
from made_values import made

from bench.gate.effects import Effect, effect, every_effect
from bench.gate.values import ALL, METRICS, RunValues

A = [made(f"a{n}", factor) for n, factor in enumerate((1.00, 1.02, 0.99, 1.01))]
B = [made(f"b{n}", factor) for n, factor in enumerate((1.10, 1.13, 1.08, 1.12))]


def found(name: str, operation: str = "predict", **more: object) -> Effect:
    one = effect(METRICS[name], operation, A, B, "paired", **more)  # type: ignore[arg-type]
    assert one is not None
    return one


def test_a_slower_side() -> None:
    one = found("service_p50")
    assert one.change == pytest.approx(0.102, abs=0.002)
    assert one.low is not None
    assert one.high is not None
    assert 0.08 < one.low < one.change < one.high < 0.12
    assert one.worse is True
    assert one.p == 0.125
    assert one.robust == pytest.approx(one.change, abs=0.01)
    assert one.detectable is not None
    assert 0 < one.detectable < 0.03


def test_pairs_are_sharper_than_sets_where_both_sides_move_together() -> None:
    sets = effect(METRICS["service_p50"], "predict", A, B, "independent")
    assert sets is not None
    pairs = found("service_p50")
    assert sets.change == pytest.approx(pairs.change)
    assert sets.high - sets.low > pairs.high - pairs.low  # type: ignore[operator]
    assert sets.p is None


def test_what_is_better_depends_on_the_metric() -> None:
    slower = [made(values={ALL: {"rate": rate}}) for rate in (20.0, 20.2, 20.1)]
    faster = [made(values={ALL: {"rate": rate}}) for rate in (30.0, 30.1, 30.3)]
    for a, b, worse in ((faster, slower, True), (slower, faster, False)):
        one = effect(METRICS["rate"], ALL, a, b, "independent")
        assert one is not None
        assert one.worse is worse


def test_equal_values_without_spread_are_no_change() -> None:
    a, b = ([made(values={ALL: {"rate": 360 / 12.0000000000001}})] * count for count in (7, 4))
    one = effect(METRICS["rate"], ALL, a, b, "independent")
    assert one is not None
    assert one.worse is None


def test_one_run_a_side_has_a_change_and_no_interval() -> None:
    for design in ("paired", "independent"):
        for one in every_effect(A[:1], B[:1], design):  # type: ignore[arg-type]
            assert (one.low, one.high, one.detectable, one.worse) == (None, None, None, None)
    uneven = effect(METRICS["service_p50"], "predict", A[:1], B, "independent")
    assert uneven is not None
    assert uneven.low is None


def test_a_metric_that_one_run_lacks_is_left_out() -> None:
    blind = [*B[:3], made(visible=False)]
    assert effect(METRICS["kato_cpu"], ALL, A, blind, "paired") is None
    assert {one.metric.name for one in every_effect(A, blind, "paired") if one.operation == ALL} == {
        "errors",
        "rate",
    }
    assert every_effect([], [], "independent") == []


def test_no_failure_on_either_side_still_has_an_interval() -> None:
    one = found("errors", ALL)
    assert one.change == 0
    assert one.high is not None
    assert 0.001 < one.high < 0.005
    assert one.low == pytest.approx(-one.high)
    assert one.detectable is not None
    assert one.detectable > one.high


def test_failures_that_come_in_clusters_widen_the_interval() -> None:
    even = [made(failed=9) for _ in range(4)]
    clustered = [made(failed=failed) for failed in (36, 0, 0, 0)]
    narrow, wide = (effect(METRICS["errors"], ALL, A, b, "paired") for b in (even, clustered))
    assert narrow is not None
    assert wide is not None
    assert narrow.change == pytest.approx(wide.change) == pytest.approx(0.025)
    assert narrow.worse is True
    assert wide.worse is None


def test_the_machines_own_speed_is_taken_out_of_times_and_cpu() -> None:
    slowness = (1.0, 1.2, 0.9, 1.3, 1.1, 0.95)
    apart = (1.1, 0.9, 1.2, 1.0, 0.85, 1.15)

    def side(factor: float, machine: tuple[float, ...]) -> list[RunValues]:
        return [
            made(f"{factor}{number}", factor * slow * (1 + number % 3 / 500), machine_seconds=2.7e-4 * slow)
            for number, slow in enumerate(machine)
        ]

    a, b = side(1.0, slowness), side(1.15, apart)
    for metric, operation in (("service_p50", "predict"), ("kato_cpu", ALL)):
        one = effect(METRICS[metric], operation, a, b, "paired")
        assert one is not None
        assert one.low is not None
        assert one.high is not None
        assert 0.13 < one.low < one.high < 0.17
    unknown = [run.model_copy(update={"machine_seconds": None}) for run in b]
    plain = effect(METRICS["service_p50"], "predict", a, unknown, "paired")
    assert plain is not None
    assert plain.low is not None
    assert plain.low < 0


def test_recall_is_compared_in_points() -> None:
    sides = []
    for recalls in ((0.95, 0.96, 0.94), (0.21, 0.20, 0.22)):
        side = [made(f"run{recall}") for recall in recalls]
        for run, recall in zip(side, recalls, strict=True):
            run.values[ALL]["recall_10"] = recall
        sides.append(side)
    one = effect(METRICS["recall_10"], ALL, *sides, "independent")
    assert one is not None
    assert one.change == pytest.approx(-0.74)
    assert one.high is not None
    assert one.high < -0.7
    assert one.worse is True
