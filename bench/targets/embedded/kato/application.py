"""One worker's application: services, routes and middleware, wired together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import httpx
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from redis.asyncio import BlockingConnectionPool, Redis

from bench.targets.embedded.kato import parent
from bench.targets.embedded.kato.faults import planting
from bench.targets.embedded.kato.metrics import SAMPLE_PERIOD, WorkerMetrics
from bench.targets.embedded.kato.middleware import KatoMiddleware, OpenToWebPages
from bench.targets.embedded.kato.routes import (
    events,
    health,
    monitoring,
    nodes,
    observations,
    predictions,
    sessions,
    stores,
)
from bench.targets.embedded.kato.routes.common import refuse
from bench.targets.embedded.kato.services import Services
from bench.targets.embedded.kato.settings import Settings

VERSION = "3.10.1"
DESCRIPTION = "Knowledge Abstraction for Traceable Outcomes with Multi-User Support"

_REDIS_CONNECTIONS = 50
_STORE_TIMEOUT = httpx.Timeout(30.0, connect=10.0)


def create_app(settings: Settings) -> FastAPI:
    """The application of one worker; it connects to its stores when it starts to serve."""
    _log_to_stderr(settings.log_level)
    metrics = planting.worker_metrics(settings.faults)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        parent.end_with_parent()
        pool = BlockingConnectionPool.from_url(
            settings.redis_url, max_connections=_REDIS_CONNECTIONS, timeout=None
        )
        async with (
            Redis(connection_pool=pool) as redis,
            httpx.AsyncClient(timeout=_STORE_TIMEOUT, trust_env=False) as http,
        ):
            app.state.services = Services.connected(settings, metrics, redis, http)
            sampler = asyncio.create_task(_sample_host(metrics))
            yield
            sampler.cancel()
        await pool.aclose()

    app = FastAPI(
        title="KATO API",
        description=DESCRIPTION,
        version=VERSION,
        lifespan=lifespan,
        strict_content_type=False,  # KATO's FastAPI reads a body without a content type as JSON
    )
    for topic in (sessions, observations, predictions, stores, monitoring, health, nodes, events):
        app.include_router(topic.router)
    app.add_exception_handler(RequestValidationError, refuse)  # type: ignore[arg-type]  # its own type says so
    app.add_middleware(KatoMiddleware)
    app.add_middleware(OpenToWebPages)
    planting.plant(app, settings.faults)
    return app


async def _sample_host(metrics: WorkerMetrics) -> None:
    while True:
        metrics.sample_host()
        await asyncio.sleep(SAMPLE_PERIOD)


def _log_to_stderr(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger = logging.getLogger("kato")
    logger.setLevel(level)
    logger.handlers = [handler]
    logger.propagate = False
