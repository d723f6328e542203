"""Whether the worker lives, and which one it is. No store is asked for its health, as with KATO."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response

from bench.targets.embedded.kato import models
from bench.targets.embedded.kato.routes.common import ServicesHere, reply

router = APIRouter()


@router.get("/", response_model=models.RootResponse)
async def root(request: Request, services: ServicesHere) -> Response:
    return reply(
        {
            "service": "KATO API",
            "version": request.app.version,
            "description": request.app.description,
            "docs": "/docs",
            "health": "/health",
            "status": "running",
            "uptime_seconds": services.metrics.uptime,
            "architecture": "modular",
            "session_support": True,
        }
    )


@router.get("/health", response_model=models.HealthResponse, tags=["health"])
async def health(services: ServicesHere) -> Response:
    metrics = services.metrics
    status, issues = metrics.health()
    return reply(
        {
            "status": status,
            "processor_status": "healthy",
            "service_name": services.settings.service_name,
            "uptime_seconds": metrics.uptime,
            "issues": issues,
            "metrics_collected": metrics.names,
            "last_collection": metrics.started,
            "active_sessions": await services.sessions.count(),
            "timestamp": datetime.now(UTC).isoformat(),
        }
    )


@router.get("/status", response_model=models.StatusResponse, tags=["health"])
async def status(request: Request, services: ServicesHere) -> Response:
    settings = services.settings
    sessions = len(services.locks)
    return reply(
        {
            "status": "healthy",
            "base_processor_id": settings.service_name,
            "uptime_seconds": services.metrics.uptime,
            "sessions": {
                "total_sessions": sessions,
                "active_sessions": sessions,
                "expired_sessions": 0,
                "backend": "redis",
                "redis_url": settings.redis_url,
            },
            "processors": services.processor.nodes.report(settings.session_ttl),
            "version": request.app.version,
        }
    )
