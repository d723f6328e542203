"""The ASGI application: Qdrant's envelope, errors and counters around the endpoints."""

from __future__ import annotations

import inspect
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from . import TITLE, VERSION, metrics
from .endpoints import COUNTED, ENDPOINTS
from .errors import ApiError
from .metrics import RestMetrics
from .request import Handler, Request
from .router import Router
from .rules import Json
from .store import Store
from .telemetry import Telemetry, details_level

_log = logging.getLogger(__name__)


class Endpoint:
    """What answers one method on one path.

    Speaks ASGI itself: a search takes about 0.2 ms, and request and response objects would take as long."""

    def __init__(self, store: Store, rest: RestMetrics, method: str, path: str, handler: Handler) -> None:
        self._store = store
        self._rest = rest if path in COUNTED else None
        self._method = method
        self._path = path
        self._handler: Any = handler
        self._awaits = inspect.iscoroutinefunction(handler)
        self._has_body = method in ("POST", "PUT", "PATCH")

    async def __call__(self, scope: Scope, receive: Receive, send: Send, path: dict[str, str]) -> None:
        """Answer; `path` holds the values of the path's placeholders."""
        started = perf_counter()
        status = 200
        envelope: Json
        try:
            body = await _read(receive) if self._has_body else b""
            request = Request(self._store, path, body, scope["query_string"])
            result = self._handler(request)
            if self._awaits:
                result = await result
            envelope = {"result": result, "status": "ok"}
        except ApiError as error:
            status = error.status
            envelope = {"status": {"error": error.message}}
        except Exception as error:
            _log.exception("%s %s failed", self._method, scope["path"])
            status = 500
            envelope = {"status": {"error": f"Service internal error: {error!r}"}}
        seconds = perf_counter() - started
        envelope["time"] = seconds
        if self._rest is not None:
            self._rest.add(self._method, self._path, status, seconds)
        content = orjson.dumps(envelope)
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [
                    (b"content-type", b"application/json"),
                    (b"content-length", str(len(content)).encode()),
                ],
            }
        )
        await send({"type": "http.response.body", "body": content})


async def _read(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body
    parts = [body]
    while message.get("more_body"):
        message = await receive()
        parts.append(message.get("body", b""))
    return b"".join(parts)


def create_app(store: Store) -> ASGIApp:
    """The application that serves `store`; it closes the store when it ends."""
    rest = RestMetrics()
    telemetry = Telemetry(store, rest, uuid.uuid4(), datetime.now(UTC))

    async def root(_: HttpRequest) -> Response:
        return JSONResponse({"title": TITLE, "version": VERSION})

    async def healthy(_: HttpRequest) -> Response:
        return PlainTextResponse("healthz check passed")

    async def ready(_: HttpRequest) -> Response:
        return PlainTextResponse("all shards are ready")

    async def unknown(_: HttpRequest, __: Exception) -> Response:
        return Response(status_code=404)

    def tell(request: Request) -> Json:
        return telemetry.collect(details_level(request.parameter("details_level")))

    async def metrics_page(_: HttpRequest) -> Response:
        return PlainTextResponse(metrics.render(store.collections, rest))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        store.start()
        yield
        await store.close()

    # As the server does: nothing is said of a path, or of a method on it, that there is not.
    rest_of_it = Starlette(
        routes=[
            Route("/healthz", healthy),
            Route("/livez", healthy),
            Route("/readyz", ready),
            Route("/", root),
            Route("/metrics", metrics_page),
        ],
        lifespan=lifespan,
        exception_handlers={404: unknown, 405: unknown},
    )
    router = Router(
        (method, path, Endpoint(store, rest, method, path, handler))
        for method, path, handler in (*ENDPOINTS, ("GET", "/telemetry", tell))
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        match = router.find(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if match is None:
            await rest_of_it(scope, receive, send)
        else:
            endpoint, path = match
            await endpoint(scope, receive, send, path)

    return app
