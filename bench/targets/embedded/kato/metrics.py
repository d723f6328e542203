"""What one worker knows of itself: request counts and durations, and the host's load.

Each worker answers for itself alone. Errors stay at zero whatever happens, as with KATO: an operator's
collector has to get along with that.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Mapping
from itertools import takewhile
from typing import Any

import psutil

SAMPLE_PERIOD = 10.0
"""Seconds between two samples of the host."""

_WINDOW = 60.0
_POINTS = 1000
_NAMES = (
    "kato_cpu_usage_percent",
    "kato_memory_usage_percent",
    "kato_memory_usage_bytes",
    "kato_disk_usage_percent",
    "kato_network_bytes_sent",
    "kato_network_bytes_recv",
    "kato_requests_total",
    "kato_requests_failed",
    "kato_request_duration_seconds",
    "kato_sessions_total",
    "kato_sessions_active",
    "kato_sessions_expired",
    "kato_observations_per_second",
    "kato_predictions_per_second",
    "kato_clickhouse_connections",
    "kato_qdrant_connections",
    "kato_redis_connections",
    "kato_errors_total",
    "kato_circuit_breaker_opens",
)

Point = tuple[float, float, Mapping[str, str]]


class WorkerMetrics:
    """Counters and series since this worker's start; `started` (epoch seconds) tells workers apart."""

    def __init__(self) -> None:
        self.started = time.time()
        self.in_flight = 0
        self.peak = 0
        self._requests = 0
        self._failed = 0
        self._series: defaultdict[str, deque[Point]] = defaultdict(lambda: deque(maxlen=_POINTS))

    @property
    def uptime(self) -> float:
        return time.time() - self.started

    @property
    def names(self) -> int:
        return len(_NAMES)

    def request_begins(self) -> None:
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)

    def request_ends(self, method: str, path: str, status: int, seconds: float) -> None:
        """Counts an answered request; one that ended in an unhandled exception is never counted."""
        self._requests += 1
        labels = {"method": method, "path": path}
        self._add("kato_requests_total", self._requests, labels)
        self._add("kato_request_duration_seconds", seconds, {**labels, "status": str(status)})
        if status >= 400:
            self._failed += 1
            self._add("kato_requests_failed", self._failed, labels)

    def sample_host(self) -> None:
        memory = psutil.virtual_memory()
        network = psutil.net_io_counters()
        self._add("kato_cpu_usage_percent", psutil.cpu_percent(None), {})
        self._add("kato_memory_usage_bytes", memory.used, {})
        self._add("kato_memory_usage_percent", memory.percent, {})
        self._add("kato_disk_usage_percent", psutil.disk_usage("/").percent, {})
        if network is not None:
            self._add("kato_network_bytes_sent", network.bytes_sent, {})
            self._add("kato_network_bytes_recv", network.bytes_recv, {})

    def latest(self, name: str) -> float:
        series = self._series.get(name)
        return series[-1][1] if series else 0.0

    def points(self, name: str, seconds: float) -> list[dict[str, Any]]:
        """The series' points of the last `seconds`, oldest first."""
        since = time.time() - seconds
        recent = takewhile(lambda point: point[0] >= since, reversed(self._series.get(name, ())))
        return [{"timestamp": at, "value": value, "labels": labels} for at, value, labels in recent][::-1]

    def health(self) -> tuple[str, list[str]]:
        """The status and its reasons; both speak of the host, not of KATO or its stores."""
        cpu, memory = self.latest("kato_cpu_usage_percent"), self.latest("kato_memory_usage_percent")
        issues = [f"High CPU usage: {cpu:.1f}%"] if cpu > 80 else []
        if memory > 90:
            return "unhealthy", [*issues, f"High memory usage: {memory:.1f}%"]
        return ("degraded" if issues else "healthy"), issues

    def summary(self, active_sessions: int) -> dict[str, Any]:
        durations = [point["value"] for point in self.points("kato_request_duration_seconds", _WINDOW)]
        recent = self.points("kato_requests_total", _WINDOW)
        span = time.time() - recent[0]["timestamp"] if recent else 0.0
        rate = len(recent) / span if span else 0.0
        return {
            "sessions": {
                "total_created": 0.0,
                "total_deleted": 0.0,
                "active": active_sessions,
                "operations_total": 0.0,
            },
            "performance": {
                "total_requests": float(self._requests),
                "total_errors": 0.0,
                "error_rate": 0.0,
                "average_response_time": sum(durations) / len(durations) if durations else 0.0,
            },
            "resources": {
                "cpu_percent": self.latest("kato_cpu_usage_percent"),
                "memory_percent": self.latest("kato_memory_usage_percent"),
                "disk_percent": self.latest("kato_disk_usage_percent"),
            },
            "databases": {
                store: {"operations": 0.0, "errors": 0.0, "avg_response_time": 0.0}
                for store in ("clickhouse", "qdrant", "redis")
            },
            "rates": {
                "requests_per_second": rate,
                "requests_per_minute": 60 * rate,
                "errors_per_minute": 0,
            },
        }

    def _add(self, name: str, value: float, labels: Mapping[str, str]) -> None:
        self._series[name].append((time.time(), float(value), labels))


class Page:
    """An answer that is given again until it is `ttl` seconds old."""

    def __init__(self, ttl: float) -> None:
        self._ttl = ttl
        self._made = float("-inf")
        self._content: dict[str, Any] | None = None

    def get(self) -> dict[str, Any] | None:
        return self._content if time.monotonic() - self._made < self._ttl else None

    def put(self, content: dict[str, Any]) -> None:
        self._content = content
        self._made = time.monotonic()
