"""Operational laws (Denning & Buzen, ACM Computing Surveys 10, 1978): checks that hold for any system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LittleCheck:
    """Little's law N = X R on measured numbers. `in_flight`: mean requests in the system, counted.
    `expected`: throughput (1/s) times mean response time (s). `error`: their difference as a share of
    `in_flight`; 0 for an idle system."""

    in_flight: float
    expected: float

    @property
    def error(self) -> float:
        if self.in_flight == 0:
            return 0.0 if self.expected == 0 else float("inf")
        return abs(self.in_flight - self.expected) / self.in_flight


def little(in_flight: float, throughput: float, response: float, think: float = 0.0) -> LittleCheck:
    """Compare the counted mean number in the system with X (R + Z).

    `throughput` in requests per second, `response` and `think` in seconds; with a think time, `in_flight` is
    the number of users of a closed loop. A gap above 5 % means records dropped, waiting outside what was
    timed, or a broken clock."""
    return LittleCheck(in_flight, throughput * (response + think))


def utilisation(cpu_seconds: float, wall_seconds: float, cores: float) -> float:
    """Share of `cores` that was busy: CPU-seconds over core-seconds, 0 to 1.

    Raises ValueError unless wall_seconds and cores are positive."""
    if wall_seconds <= 0 or cores <= 0:
        raise ValueError("utilisation takes a positive time and number of cores")
    return cpu_seconds / (wall_seconds * cores)


def service_demand(cpu_seconds: float, requests: int) -> float | None:
    """CPU-seconds that one request costs a part: the utilisation law U m = X D solved for D.

    None without requests. Background work of the part is included: with little load it dominates."""
    return cpu_seconds / requests if requests > 0 else None


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The part that saturates first, and the requests per second at which it does."""

    part: str
    throughput: float


def binding(demands: Mapping[str, tuple[float, float]]) -> Ceiling | None:
    """The bottleneck by service demand: X <= min(m / D) over {part: (D in CPU-seconds per request, m cores)}.

    It is the asymptotic upper bound of the throughput; None if no part has a positive demand."""
    bounds = [Ceiling(part, cores / demand) for part, (demand, cores) in demands.items() if demand > 0]
    return min(bounds, key=lambda bound: bound.throughput, default=None)
