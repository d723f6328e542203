"""Operational laws on systems whose numbers are known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.stats.laws import Ceiling, binding, little, service_demand, utilisation


@pytest.mark.parametrize("rho", [0.5, 0.8, 0.9])
def test_little_holds_for_m_m_1(rho: float) -> None:
    service = 0.010
    arrivals = rho / service
    response = service / (1 - rho)
    assert little(rho / (1 - rho), arrivals, response).error == pytest.approx(0, abs=1e-12)


def test_little_holds_on_a_simulated_queue() -> None:
    rng = np.random.default_rng(1)
    due = np.cumsum(rng.exponential(0.02, 20_000))
    service = rng.exponential(0.012, 20_000)
    done = np.empty_like(due)
    free = 0.0
    for i, (at, cost) in enumerate(zip(due, service, strict=True)):
        free = max(free, at) + cost
        done[i] = free
    span = done[-1] - due[0]
    changes = np.sort(np.r_[due, done])
    order = np.argsort(np.r_[due, done], kind="stable")
    level = np.cumsum(np.r_[np.ones(due.size), -np.ones(due.size)][order])
    counted = float(np.dot(level[:-1], np.diff(changes)) / span)
    assert little(counted, due.size / span, float(np.mean(done - due))).error < 1e-9


def test_little_sees_lost_records() -> None:
    assert little(10, 100, 0.08).error == pytest.approx(0.2)
    assert little(50, 10, 1.0, think=4.0).error == 0
    assert little(0, 0, 1.0).error == 0
    assert math.isinf(little(0, 10, 1.0).error)


def test_utilisation_law() -> None:
    assert utilisation(18.0, 30.0, 2) == pytest.approx(0.3)
    demand = service_demand(18.0, 1500)
    assert demand == pytest.approx(0.012)
    throughput = 1500 / 30
    assert throughput * (demand or 0) / 2 == pytest.approx(utilisation(18.0, 30.0, 2))
    assert service_demand(1.0, 0) is None


@pytest.mark.parametrize(("wall", "cores"), [(0, 1), (1, 0), (-1, 1)])
def test_utilisation_needs_time_and_cores(wall: float, cores: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        utilisation(1.0, wall, cores)


def test_the_largest_demand_per_core_binds() -> None:
    demands = {"kato": (0.012, 2.0), "redis": (0.001, 1.0), "clickhouse": (0.008, 1.0), "qdrant": (0.0, 1.0)}
    assert binding(demands) == Ceiling("clickhouse", pytest.approx(125.0))
    assert binding({}) is None
