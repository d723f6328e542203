"""Every criterion on both sides of its threshold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.gate.soundness import Measurements, judge
from bench.stats.steady import Drift, Steadiness, assess

GOOD = Measurements(
    due=1000,
    dispatch_lag_p99=0.001,
    response_p95=0.020,
    generator_cpu=0.20,
    throttled=0.0,
    steal=0.0,
    in_flight_integral=100.0,
    busy_seconds=100.0,
    backlog_start=3,
    backlog_end=4,
    steadiness=Steadiness(0.0, 30, Drift(0.02, -0.05, 0.09, 25.0)),
    qdrant_optimising=False,
    target_throttled=False,
    foreign_cores=0.05,
    cores=2,
)


def codes(**changes: Any) -> tuple[str, list[str]]:
    result = judge(replace(GOOD, **changes))
    return result.level, [reason.code for reason in result.reasons]


def test_a_good_run_is_sound_and_all_is_known() -> None:
    result = judge(GOOD)
    assert (result.level, result.reasons, result.unknown) == ("sound", (), ())


@pytest.mark.parametrize(
    ("code", "inside", "outside"),
    [
        ("no_requests", {"due": 1}, {"due": 0}),
        ("dispatch_lag", {"dispatch_lag_p99": 0.005}, {"dispatch_lag_p99": 0.0051}),
        (
            "dispatch_lag",
            {"dispatch_lag_p99": 0.020, "response_p95": 0.200},
            {"dispatch_lag_p99": 0.0201, "response_p95": 0.200},
        ),
        (
            "dispatch_lag",
            {"dispatch_lag_p99": 0.005, "response_p95": None},
            {"dispatch_lag_p99": 0.006, "response_p95": None},
        ),
        ("generator_dropped", {"dropped_by_generator": 10}, {"dropped_by_generator": 11}),
        ("generator_cpu", {"generator_cpu": 0.70}, {"generator_cpu": 0.71}),
        ("generator_throttled", {"throttled": 0.01}, {"throttled": 0.011}),
        ("steal", {"steal": 0.0199}, {"steal": 0.02}),
        ("bookkeeping", {"in_flight_integral": 99.0}, {"in_flight_integral": 98.9}),
        ("bookkeeping", {"busy_seconds": 99.0}, {"busy_seconds": 98.9}),
        (
            "bookkeeping",
            {"in_flight_integral": 0.0, "busy_seconds": 0.0},
            {"in_flight_integral": 0.0, "busy_seconds": 0.1},
        ),
    ],
)
def test_what_makes_a_run_unsound(code: str, inside: dict[str, Any], outside: dict[str, Any]) -> None:
    assert codes(**inside) == ("sound", [])
    assert codes(**outside) == ("unsound", [code])


@pytest.mark.parametrize(
    ("code", "inside", "outside"),
    [
        ("overloaded", {"dropped_by_target": 0}, {"dropped_by_target": 1}),
        ("overloaded", {"backlog_end": 13}, {"backlog_end": 14}),
        ("overloaded", {"due": 5000, "backlog_end": 53}, {"due": 5000, "backlog_end": 54}),
        (
            "not_steady",
            {"steadiness": Steadiness(0.0, 30, Drift(0.10, 0.05, 0.15, 20.0))},
            {"steadiness": Steadiness(0.0, 30, Drift(0.11, 0.05, 0.17, 20.0))},
        ),
        (
            "not_steady",
            {"steadiness": Steadiness(0.0, 30, Drift(-0.10, -0.15, -0.05, 20.0))},
            {"steadiness": Steadiness(0.0, 30, Drift(-0.11, -0.17, -0.05, 20.0))},
        ),
        ("qdrant_optimising", {"qdrant_optimising": False}, {"qdrant_optimising": True}),
        ("target_throttled", {"target_throttled": False}, {"target_throttled": True}),
        ("disturbed", {"foreign_cores": 0.25}, {"foreign_cores": 0.26}),
        ("disturbed", {"foreign_cores": 2.0, "cores": 16}, {"foreign_cores": 2.1, "cores": 16}),
    ],
)
def test_what_qualifies_a_run(code: str, inside: dict[str, Any], outside: dict[str, Any]) -> None:
    assert codes(**inside) == ("sound", [])
    assert codes(**outside) == ("qualified", [code])
    assert judge(replace(GOOD, **outside)).overloaded == (code == "overloaded")


def test_an_uncertain_drift_is_said_and_does_not_qualify() -> None:
    result = judge(replace(GOOD, steadiness=Steadiness(0.0, 30, Drift(0.4, -0.1, 0.9, 5.0))))
    assert result.level == "sound"
    assert [reason.sentence for reason in result.unknown] == [
        "steadiness: unknown, a change of +40 % may be chance"
    ]
    short = judge(replace(GOOD, steadiness=assess(np.arange(5), np.ones(5))))
    assert [reason.sentence for reason in short.unknown] == ["steadiness: unknown, 5 s are too short"]


def test_a_ramp_is_not_asked_whether_it_is_steady() -> None:
    result = judge(replace(GOOD, steadiness=None))
    assert (result.level, result.unknown) == ("sound", ())


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ("dispatch_lag_p99", "dispatch lag: unknown"),
        ("generator_cpu", "generator's CPU: unknown"),
        ("throttled", "throttling of the generator: unknown"),
        ("steal", "steal: unknown"),
        ("in_flight_integral", "bookkeeping: unknown"),
        ("busy_seconds", "bookkeeping: unknown"),
        ("backlog_end", "growth of the backlog: unknown"),
        ("qdrant_optimising", "Qdrant's optimiser: unknown"),
        ("target_throttled", "throttling of the target: unknown"),
        ("foreign_cores", "other work on the machine: unknown"),
    ],
)
def test_the_unknown_is_named_and_never_guessed(field: str, sentence: str) -> None:
    result = judge(replace(GOOD, **{field: None}))
    assert (result.level, result.reasons) == ("sound", ())
    assert [reason.sentence for reason in result.unknown] == [sentence]


def test_all_reasons_are_given_the_gravest_first() -> None:
    level, reasons = codes(dropped_by_target=50, steal=0.1, generator_cpu=0.9)
    assert level == "unsound"
    assert reasons == ["generator_cpu", "steal", "overloaded"]


def test_reasons_carry_their_numbers() -> None:
    result = judge(replace(GOOD, dispatch_lag_p99=0.0123, dropped_by_generator=40, backlog_end=240))
    assert [reason.sentence for reason in result.reasons] == [
        "the generator took up requests late: dispatch lag p99 12.3 ms, limit 5 ms",
        "the generator left 40 of 1000 due requests unsent (4 %), limit 1 %",
        "the target was overloaded: requests waiting for an answer grew from 3 to 240; percentiles are lower bounds",  # noqa: E501
    ]


def test_a_drift_found_by_the_statistics_qualifies_the_run() -> None:
    noise = np.random.default_rng(1).normal(1, 0.03, 60)
    level, reasons = codes(steadiness=assess(np.arange(60), np.linspace(0.02, 0.04, 60) * noise))
    assert (level, reasons) == ("qualified", ["not_steady"])
