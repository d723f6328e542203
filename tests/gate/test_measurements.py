"""What the gate reads out of a run record, against runs of known content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from runs import make_run, rows, usage

from bench.courses import Ramp
from bench.gate.measurements import measurements
from bench.plan import Arrivals, Part, Plan, load_of
from bench.record.manifest import LoadEnds
from bench.record.vocabulary import ERRORS
from bench.targets.base import ContainerFacts, TargetFacts


def host(**metrics: tuple[float, float]) -> list[list[Any]]:
    """Host samples that go evenly from the first value to the second over 35 s."""
    return [
        [float(t), "host", "", name, first + (last - first) * t / 35]
        for t in range(36)
        for name, (first, last) in metrics.items()
    ]


def end(in_flight: float, unanswered: float = 0.0) -> LoadEnds:
    return LoadEnds(ends=[{"in_flight_seconds": in_flight, "unanswered_seconds": unanswered}])


def test_the_counter_is_held_against_the_rows(tmp_path: Path) -> None:
    columns = rows("predict", 20)
    record = make_run(tmp_path / "run", [columns])
    busy = float((columns["done"] - columns["picked"]).sum())
    found = measurements(record, end(busy + 3, unanswered=3))
    assert found.busy_seconds == pytest.approx(busy)
    assert found.in_flight_integral == pytest.approx(busy)
    assert found.due == 600
    assert (found.backlog_start, found.backlog_end) == (0, 0)
    assert found.dispatch_lag_p99 == pytest.approx(0.0001, rel=0.02)


def test_a_load_process_that_died_leaves_the_counter_unknown(tmp_path: Path) -> None:
    record = make_run(tmp_path / "run", [rows("predict", 20)])
    assert measurements(record, LoadEnds(missing_end=1)).in_flight_integral is None


def test_the_backlog_is_what_was_due_and_not_answered(tmp_path: Path) -> None:
    columns = rows("predict", 20)
    columns["done"] = columns["due"] + np.where(columns["due"] < 20, 0.01, 40.0)
    found = measurements(make_run(tmp_path / "run", [columns]), end(1.0))
    assert found.backlog_end == (columns["due"] >= 20).sum()


@pytest.mark.parametrize(("lag", "mine"), [(0.001, False), (20.0, True)])
def test_a_drop_is_laid_at_the_door_of_who_was_late(tmp_path: Path, lag: float, mine: bool) -> None:
    columns = rows("predict", 20, error="dropped", answered=False)
    columns["sent"][:] = np.nan
    columns["picked"] = columns["due"] + lag
    assert (columns["error"] == ERRORS.index("dropped")).all()
    found = measurements(make_run(tmp_path / "run", [columns]), end(0.0))
    assert (found.dropped_by_generator, found.dropped_by_target) == ((600, 0) if mine else (0, 600))


def test_the_machine_is_read_over_the_measure_phase(tmp_path: Path) -> None:
    samples = [
        *usage("load-0", 0.25),
        *usage("kato", 0.9),
        *host(
            cpu_steal_share=(0.03, 0.03),
            cgroup_cpu_periods_total=(0, 350),
            cgroup_cpu_throttled_periods_total=(0, 35),
        ),
    ]
    found = measurements(make_run(tmp_path / "run", [rows("predict", 20)], samples), end(1.0))
    assert found.generator_cpu == pytest.approx(0.25)
    assert found.steal == pytest.approx(0.03)
    assert found.throttled == pytest.approx(0.1)


def test_a_group_without_a_quota_is_not_throttled_and_no_samples_are_unknown(tmp_path: Path) -> None:
    free = host(cgroup_cpu_periods_total=(0, 0), cgroup_cpu_throttled_periods_total=(0, 0))
    assert measurements(make_run(tmp_path / "free", [rows("predict", 20)], free), end(1.0)).throttled == 0.0
    unseen = measurements(make_run(tmp_path / "unseen", [rows("predict", 20)]), end(1.0))
    assert (unseen.throttled, unseen.steal, unseen.generator_cpu) == (None, None, None)
    assert unseen.qdrant_optimising is None


@pytest.mark.parametrize(
    ("instance", "held", "throttled"),
    [("kato", 35.0, True), ("kato-2", 35.0, True), ("kato", 0.0, False), ("dashboard", 35.0, False)],
)
def test_a_container_of_a_part_that_its_limit_held_back(
    tmp_path: Path, instance: str, held: float, throttled: bool
) -> None:
    samples = [
        [float(t), "docker", name, metric, value * t / 35]
        for t in range(36)
        for name, metric, value in (
            ("kato", "running", 35.0),
            (instance, "running", 35.0),
            (instance, "cpu_periods_total", 350.0),
            (instance, "cpu_throttled_periods_total", held),
        )
    ]
    containers = (ContainerFacts("kato", "kato"), ContainerFacts("dashboard"))
    target = TargetFacts("compose", "http://127.0.0.1:8000", containers=containers)
    run = make_run(tmp_path / "run", [rows("predict", 20)], samples, target=target)
    assert measurements(run, end(1.0)).target_throttled is throttled


@pytest.mark.parametrize(("status", "optimising"), [(0.0, False), (1.0, True)])
def test_qdrant_is_asked_whether_it_optimises(tmp_path: Path, status: float, optimising: bool) -> None:
    samples = [[float(t), "qdrant", "vectors_x", "status", status if t == 20 else 0.0] for t in range(36)]
    found = measurements(make_run(tmp_path / "run", [rows("predict", 20)], samples), end(1.0))
    assert found.qdrant_optimising is optimising


def test_without_a_measure_phase_nothing_was_due(tmp_path: Path) -> None:
    assert measurements(make_run(tmp_path / "run", phases=[]), LoadEnds()).due == 0


RAMP = Arrivals.along(Ramp(start=5, end=50))


def in_parts(*arrivals: Arrivals) -> Plan:
    load, phases = load_of(
        [Part(phase="measure", seconds=30 / len(arrivals), arrivals=one) for one in arrivals]
    )
    return Plan(arrivals=load, phases=phases)


@pytest.mark.parametrize(
    ("plan", "asked"),
    [
        (Plan(arrivals=Arrivals(rate=20)), True),
        (in_parts(Arrivals(rate=20), Arrivals(rate=21)), False),
        (in_parts(RAMP), False),
        (Plan(arrivals=Arrivals(kind="closed", users=3)), False),
    ],
    ids=["stationary", "two rates", "ramp", "closed"],
)
def test_only_what_does_not_change_has_to_be_steady(tmp_path: Path, plan: Plan, asked: bool) -> None:
    record = make_run(tmp_path / "run", [rows("predict", 20)], plan=plan)
    assert (measurements(record, end(1.0)).steadiness is not None) == asked


@pytest.mark.parametrize(("waits", "overloaded"), [(0.4, False), (10.0, True)])
def test_more_open_requests_at_a_higher_rate_are_no_backlog(
    tmp_path: Path, waits: float, overloaded: bool
) -> None:
    """5/s and then 100/s that take 0.4 s each: 2 are open at first and 40 in the end, and none waits."""
    few, many = rows("predict", 5), rows("predict", 100)
    few = {name: column[few["due"] < 20] for name, column in few.items()}
    many = {name: column[many["due"] >= 20] for name, column in many.items()}
    for columns in (few, many):
        columns["done"] = columns["sent"] + 0.4
    many["done"][:] = many["sent"] + waits
    plan = in_parts(Arrivals(rate=5), Arrivals(rate=100))
    found = measurements(make_run(tmp_path / "run", [few, many], plan=plan), end(1.0))
    assert found.backlog_start is not None
    assert found.backlog_end is not None
    assert (found.backlog_end - found.backlog_start > 15) == overloaded
