"""The routes, and the thread pool in which the engine works while the event loop serves others."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bench.targets.embedded.patterns import compression, wire
from bench.targets.embedded.patterns.engine import Engine, Result
from bench.targets.embedded.patterns.errors import QueryError

_FLUSH_ASYNC_INSERTS = re.compile(rb"\s*SYSTEM\s+FLUSH\s+ASYNC\s+INSERT\s+QUEUE\b", re.IGNORECASE)


class Front:
    """Answers requests with the engine's results."""

    def __init__(self, engine: Engine, threads: int) -> None:
        self._engine = engine
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="query")

    async def ping(self, _: HttpRequest) -> Response:
        return PlainTextResponse("Ok.\n")

    async def query(self, http: HttpRequest) -> Response:
        fields = wire.url_fields(http.scope["query_string"])
        if http.method in {"GET", "HEAD"} and "query" not in fields:
            return PlainTextResponse("Ok.\n")
        try:
            body = await http.body()
        except ClientDisconnect:
            return Response()
        request = wire.Request("POST" if http.method == "POST" else "GET", fields, http.headers, body)
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._answer, request)

    def close(self) -> None:
        """Stop what runs, wait for it, and leave the data folder consistent and free."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._engine.cancel_queries()
        self._pool.shutdown()
        self._engine.close()

    def _answer(self, request: wire.Request) -> Response:
        query_id = wire.query_id(request)
        common = {
            "X-ClickHouse-Query-Id": query_id,
            "X-ClickHouse-Server-Display-Name": self._engine.display_name,
            "X-ClickHouse-Timezone": self._engine.timezone,
        }
        try:
            result = self._result(request)
        except QueryError as error:
            headers = {**common, "X-ClickHouse-Exception-Code": str(error.code)}
            body = error.body(self._engine.version)
            return Response(body, error.status, headers, media_type="text/plain; charset=UTF-8")
        headers = {
            **common,
            "X-ClickHouse-Format": result.output_format,
            "X-ClickHouse-Summary": result.counters.summary(),
        }
        body = result.body
        if wire.wants_compression(request):
            body, coding = compression.encode(body, request.headers.get("accept-encoding", ""))
            if coding is not None:
                headers["Content-Encoding"] = coding
        return Response(body, 200, headers, media_type=wire.media_type(result.output_format))

    def _result(self, request: wire.Request) -> Result:
        query = wire.read_query(request)
        if _FLUSH_ASYNC_INSERTS.match(query.statement.text):
            # The engine fails here for want of a queue; nothing waits in one, so all is flushed.
            return Result(b"", query.default_format, wire.Counters())
        return self._engine.execute(query)


def build(engine: Engine, threads: int) -> Starlette:
    """The application; it closes the engine when it shuts down."""
    front = Front(engine, threads)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        front.close()

    return Starlette(
        routes=[
            Route("/ping", front.ping, methods=["GET"]),
            Route("/", front.query, methods=["GET", "POST"]),
        ],
        lifespan=lifespan,
    )
