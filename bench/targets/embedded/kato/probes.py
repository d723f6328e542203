"""Whether the stores answer, as `GET /connection-pools` tells it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass

from redis.exceptions import RedisError

from bench.targets.embedded.kato.patterns import FAILURES

_PERIOD = 30.0
"""Seconds for which an answer counts."""

Probe = Callable[[], Awaitable[object]]


@dataclass(slots=True)
class _Health:
    healthy: bool = False
    last_check: float = 0.0
    error_count: int = 0
    last_error: str | None = None
    response_time_ms: float | None = None


class StoreProbes:
    """Asks Redis and ClickHouse when somebody wants to know, and their last answers are too old.

    Qdrant is shown unhealthy without being asked, as with KATO."""

    def __init__(self, started: float, redis: Probe, clickhouse: Probe) -> None:
        self._probes = {"redis": redis, "clickhouse": clickhouse}
        self._health = {
            "redis": _Health(),
            "qdrant": _Health(last_check=started),
            "clickhouse": _Health(),
        }

    async def report(self) -> dict[str, dict[str, object]]:
        for store, probe in self._probes.items():
            if time.time() - self._health[store].last_check >= _PERIOD:
                await self._ask(self._health[store], probe)
        return {store: asdict(health) for store, health in self._health.items()}

    @staticmethod
    async def _ask(health: _Health, probe: Probe) -> None:
        began = time.perf_counter()
        try:
            await probe()
        except (RedisError, *FAILURES, OSError) as error:
            health.healthy = False
            health.error_count += 1
            health.last_error = str(error) or type(error).__name__
        else:
            health.healthy = True
            health.response_time_ms = 1000 * (time.perf_counter() - began)
        health.last_check = time.time()
