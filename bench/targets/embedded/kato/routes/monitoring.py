"""Numbers of this worker."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, HTTPException, Response

from bench.targets.embedded.kato import models
from bench.targets.embedded.kato.routes.common import ServicesHere, reply

router = APIRouter(tags=["monitoring"])

_SERIES = (
    "kato_cpu_usage_percent",
    "kato_memory_usage_percent",
    "kato_memory_usage_bytes",
    "kato_disk_usage_percent",
    "load_average_1m",
    "kato_requests_total",
    "kato_request_duration_seconds",
)
_WARNING, _CRITICAL = 80, 95
"""Percent of the concurrency limit."""


@router.get("/metrics", response_model=models.MetricsResponse)
async def get_metrics(services: ServicesHere) -> Response:
    settings = services.settings
    answer = services.metrics_page.get()
    if answer is None:
        answer = {
            "timestamp": time.time(),
            **services.metrics.summary(await services.sessions.count()),
            "processor_manager": services.processor.nodes.report(settings.session_ttl),
            "uptime_seconds": None,
            "active_sessions": None,
            "error": None,
        }
        services.metrics_page.put(answer)
    return reply(answer)


@router.get("/stats", response_model=models.StatsResponse)
async def get_stats(services: ServicesHere, minutes: int = 10) -> Response:
    metrics = services.metrics
    status, issues = metrics.health()
    summary = metrics.summary(await services.sessions.count())
    return reply(
        {
            "time_range_minutes": minutes,
            "timestamp": time.time(),
            "processor_manager": services.processor.nodes.report(services.settings.session_ttl),
            "current_status": {
                "status": status,
                "issues": issues,
                "metrics": {
                    "cpu_percent": summary["resources"]["cpu_percent"],
                    "memory_percent": summary["resources"]["memory_percent"],
                    "error_rate_per_min": 0.0,
                },
                "timestamp": datetime.now(UTC).isoformat(),
            },
            "time_series": {name: metrics.points(name, 60.0 * minutes) for name in _SERIES},
            "summary": {
                topic: summary[topic] for topic in ("sessions", "performance", "resources", "databases")
            },
            "error": None,
        }
    )


@router.get("/metrics/{metric_name}", response_model=models.MetricHistoryResponse)
async def get_metric(metric_name: str, services: ServicesHere, minutes: int = 10) -> Response:
    # KATO takes `minutes` for seconds, whatever its answer says.
    points = services.metrics.points(metric_name, minutes)
    if not points:
        raise HTTPException(
            404, f"No data available for metric '{metric_name}' in the last {minutes} minutes"
        )
    values = [point["value"] for point in points]
    return reply(
        {
            "metric_name": metric_name,
            "time_range_minutes": minutes,
            "timestamp": time.time(),
            "statistics": {
                "count": len(values),
                "min": min(values),
                "max": max(values),
                "avg": sum(values) / len(values),
            },
            "data_points": points,
        }
    )


@router.get("/concurrency", response_model=models.ConcurrencyResponse)
async def get_concurrency(services: ServicesHere) -> Response:
    settings, metrics = services.settings, services.metrics
    limit = settings.reported_limit_concurrency
    status, advice = _assessment(metrics.peak, limit)
    return reply(
        {
            "status": status,
            "current": _utilization(metrics.in_flight, limit),
            "peak": _utilization(metrics.peak, limit),
            "limits": {
                "per_worker": limit,
                "warning_threshold": limit * _WARNING // 100,
                "critical_threshold": limit * _CRITICAL // 100,
                "total_capacity": limit * settings.reported_workers,
            },
            "configuration": {
                "workers": settings.reported_workers,
                "backlog": settings.reported_backlog,
                "max_requests": settings.reported_max_requests or "unlimited",
            },
            "recommendations": [advice],
            "timestamp": datetime.now(UTC).isoformat(),
        }
    )


def _utilization(requests: int, limit: int) -> dict[str, Any]:
    return {"concurrent_requests": requests, "utilization_percent": round(100 * requests / limit)}


def _assessment(peak: int, limit: int) -> tuple[str, dict[str, str]]:
    percent = round(100 * peak / limit)
    reached = f"Peak {peak}/{limit} ({percent}%)."
    if percent >= _CRITICAL:
        return "critical", {"level": "critical", "message": f"Concurrency is at its limit. {reached}"}
    if percent >= _WARNING:
        return "warning", {"level": "warning", "message": f"Concurrency is near its limit. {reached}"}
    return "healthy", {"level": "info", "message": f"Concurrency is healthy. {reached}"}
