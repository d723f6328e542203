"""The gate's verdict on measured pairs, and how often it errs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from made_values import made

from bench.gate.noninferiority import Judged, Tolerance, gated_metrics, judge, overall, ungated_metrics
from bench.gate.values import ALL, RunValues

STEADY = (1.0, 1.01, 0.99, 1.005, 0.995, 1.01, 0.99, 1.0)


def side(factor: float, noise: Sequence[float] = STEADY, **changes: object) -> list[RunValues]:
    return [made(f"r{n}", factor * one, **changes) for n, one in enumerate(noise)]  # type: ignore[arg-type]


def by_name(judged: Sequence[Judged]) -> dict[tuple[str, str], str]:
    return {(one.effect.operation, one.effect.metric.name): one.verdict for one in judged}


@pytest.mark.parametrize(
    ("factor", "verdict"),
    [(1.0, "pass"), (0.5, "pass"), (1.03, "pass"), (1.07, "inconclusive"), (1.12, "fail"), (3.0, "fail")],
)
def test_verdicts_by_the_size_of_the_change(factor: float, verdict: str) -> None:
    reverse = tuple(reversed(STEADY))
    assert overall(judge(side(1.0), side(factor, reverse), Tolerance())) == verdict


def test_one_failing_metric_fails_and_is_the_only_one() -> None:
    b = side(1.0)
    for run in b:
        run.values["predict"]["service_p50"] *= 1.3
    verdicts = by_name(judge(side(1.0, STEADY[::-1]), b, Tolerance()))
    assert verdicts["predict", "service_p50"] == "fail"
    assert verdicts["observe", "service_p50"] == "pass"
    assert verdicts["predict", "response_p95"] == "reported"
    assert (ALL, "rate") not in verdicts


def test_failures_are_held_against_a_tolerance_of_their_own() -> None:
    errors = (ALL, "errors")
    assert by_name(judge(side(1.0), side(1.0), Tolerance()))[errors] == "pass"
    assert by_name(judge(side(1.0), side(1.0, failed=10), Tolerance()))[errors] == "fail"
    assert by_name(judge(side(1.0), side(1.0, failed=10), Tolerance(errors=0.1)))[errors] == "pass"


def test_what_is_rare_or_unseen_is_not_gated() -> None:
    assert gated_metrics(side(1.0)) == [
        ("observe", "service_p50"),
        ("predict", "service_p50"),
        (ALL, "kato_cpu"),
        (ALL, "target_cpu"),
        (ALL, "errors"),
    ]
    assert gated_metrics(side(1.0, observed=49, visible=False)) == [
        ("predict", "service_p50"),
        (ALL, "errors"),
    ]
    one_blind = [*side(1.0), made(visible=False)]
    assert (ALL, "kato_cpu") not in gated_metrics(one_blind)


def test_what_some_runs_lack_cannot_pass() -> None:
    """A metric that one run could not show may be the one that got worse; one that none shows is named."""
    calm, reverse = side(1.0), side(1.0, STEADY[::-1])
    one_blind = [*reverse[:-1], made(visible=False)]
    for b, verdict, blocks in ((one_blind, "inconclusive", {True}), (reverse, "pass", set())):
        ungated = ungated_metrics([*calm, *b])
        assert {one.blocks for one in ungated} == blocks
        assert overall(judge(calm, b, Tolerance()), ungated) == verdict
    at_urls = side(1.0, visible=False), side(1.0, STEADY[::-1], visible=False)
    ungated = ungated_metrics([*at_urls[0], *at_urls[1]])
    assert {one.metric for one in ungated} == {"kato_cpu", "target_cpu"}
    assert overall(judge(*at_urls, Tolerance()), ungated) == "pass"


def test_errors_alone_are_no_pass() -> None:
    rare = side(1.0, observed=10, visible=False), side(1.0, STEADY[::-1], observed=10, visible=False)
    for run in (*rare[0], *rare[1]):
        run.requests["predict"] = 10
    ungated = ungated_metrics([*rare[0], *rare[1]])
    assert not any(one.blocks for one in ungated)
    assert overall(judge(*rare, Tolerance()), ungated) == "inconclusive"


def test_times_of_an_overloaded_side_prove_only_from_below() -> None:
    reverse = STEADY[::-1]
    calm, busy = side(1.0, reverse), side(1.0, overloaded=True)
    verdicts = by_name(judge(calm, busy, Tolerance()))
    assert verdicts["predict", "service_p50"] == "inconclusive"
    assert verdicts[ALL, "kato_cpu"] == "pass"
    assert overall(judge(calm, side(1.5, overloaded=True), Tolerance())) == "fail"
    from_busy = by_name(judge(busy, side(1.5, reverse), Tolerance()))
    assert from_busy["predict", "service_p50"] == "inconclusive"


def test_nothing_judged_is_no_pass() -> None:
    assert overall([]) == "inconclusive"


def noisy(
    random: np.random.Generator, effect: float, noise: float, pairs: int, spoiled: float
) -> tuple[list[RunValues], list[RunValues]]:
    """Pairs with noise in every metric of every run, each for itself; a share of the runs is `spoiled`, all
    its costs a third higher, as if the machine had done something else meanwhile."""
    sides: tuple[list[RunValues], list[RunValues]] = ([], [])
    for _ in range(pairs):
        for runs, change in zip(sides, (0.0, effect), strict=True):
            run = made()
            machine = 1.33 if random.random() < spoiled else 1.0
            for values in run.values.values():
                for name in values:
                    if name not in ("errors", "rate"):
                        values[name] *= float(np.exp(random.normal(0, noise)) * (1 + change) * machine)
            runs.append(run)
    return sides


def share(
    effect: float, verdict: str, noise: float, pairs: int = 8, spoiled: float = 0.0, repeats: int = 120
) -> float:
    random = np.random.default_rng(11)
    verdicts = [
        overall(judge(*noisy(random, effect, noise, pairs, spoiled), Tolerance(), looks=3))
        for _ in range(repeats)
    ]
    return verdicts.count(verdict) / repeats


def test_the_gate_errs_as_seldom_as_it_says() -> None:
    """At exactly the tolerance both verdicts would be wrong, and there they are likeliest."""
    for spoiled in (0.0, 0.05):
        assert share(0.07, "fail", noise=0.04, spoiled=spoiled) <= 0.05
        assert share(0.07, "pass", noise=0.04, spoiled=spoiled) <= 0.05


def test_the_gate_finds_what_it_is_for() -> None:
    assert share(0.0, "pass", noise=0.025) > 0.8
    assert share(0.0, "fail", noise=0.025) == 0
    assert share(0.15, "fail", noise=0.025) > 0.9


def test_one_spoiled_run_does_not_keep_the_gate_from_its_verdict() -> None:
    assert share(0.0, "pass", noise=0.025, pairs=12, spoiled=0.05) > 0.7
    assert share(0.0, "fail", noise=0.025, pairs=12, spoiled=0.05) == 0
    assert share(0.15, "fail", noise=0.025, pairs=12, spoiled=0.05) > 0.7
