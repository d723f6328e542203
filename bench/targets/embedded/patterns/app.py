"""The routes, and the thread pool in which the engine works while the event loop serves others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bench.targets.embedded.patterns import blocks, compression, wire
from bench.targets.embedded.patterns.connection import Result
from bench.targets.embedded.patterns.engine import Engine
from bench.targets.embedded.patterns.errors import QueryError, refused
from bench.targets.embedded.patterns.service import Service, Waiting

_NOT_FOUND = (
    "There is no handle {}\n\nUse / or /ping for health checks.\n"
    "Or /replicas_status for more sophisticated health checks.\n\n"
    "Send queries from your program with POST method or GET /?query=...\n"
)


class Front:
    """Answers requests over HTTP with what the service says."""

    def __init__(self, engine: Engine, service: Service, threads: int) -> None:
        self._engine = engine
        self._service = service
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="query")

    async def ok(self, _: HttpRequest) -> Response:
        return PlainTextResponse("Ok.\n")

    async def not_found(self, http: HttpRequest) -> Response:
        return PlainTextResponse(_NOT_FOUND.format(http.url.path), 404)

    async def query(self, http: HttpRequest) -> Response:
        fields = wire.url_fields(http.scope["query_string"])
        if http.method in {"GET", "HEAD"} and "query" not in fields:
            return PlainTextResponse("Ok.\n")
        try:
            body = await http.body()
        except ClientDisconnect:
            return Response()
        method = "POST" if http.method == "POST" else "GET"
        request = wire.Request(method, fields, http.headers, body, http.scope.get("client") or ("::", 0))
        query_id = wire.query_id(request)
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._pool, self._answer, request, query_id)
        if isinstance(answer, Waiting):
            # No thread of the pool waits: others could not ask then.
            outcome = await _outcome(answer)
            answer = await loop.run_in_executor(self._pool, self._finish, request, query_id, answer, outcome)
        return answer

    def close(self) -> None:
        """Stop what runs, wait for it, and leave the data folder consistent and free."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._engine.cancel_queries()
        self._pool.shutdown()
        self._service.close()
        self._engine.close()

    def _answer(self, request: wire.Request, query_id: str) -> Response | Waiting:
        try:
            result = self._service.answer(request, query_id)
            return result if isinstance(result, Waiting) else self._success(request, query_id, result)
        except QueryError as error:
            return self._failure(query_id, error)

    def _finish(
        self, request: wire.Request, query_id: str, waiting: Waiting, outcome: wire.Counters | QueryError
    ) -> Response:
        try:
            return self._success(request, query_id, waiting.finish(outcome))
        except QueryError as error:
            return self._failure(query_id, error)

    def _common(self, query_id: str) -> dict[str, str]:
        return {
            "X-ClickHouse-Query-Id": query_id,
            "X-ClickHouse-Server-Display-Name": self._engine.display_name,
            "X-ClickHouse-Timezone": self._engine.timezone,
        }

    def _failure(self, query_id: str, error: QueryError) -> Response:
        headers = {**self._common(query_id), "X-ClickHouse-Exception-Code": str(error.code)}
        body = error.body(self._engine.version)
        return Response(body, error.status, headers, media_type="text/plain; charset=UTF-8")

    def _success(self, request: wire.Request, query_id: str, result: Result) -> Response:
        headers = {
            **self._common(query_id),
            "X-ClickHouse-Format": result.output_format,
            "X-ClickHouse-Summary": result.counters.summary(),
        }
        body = result.body
        if wire.wants_blocks(request):
            body = blocks.pack(body)
        if wire.wants_compression(request):
            body, coding = compression.encode(body, request.headers.get("accept-encoding", ""))
            if coding is not None:
                headers["Content-Encoding"] = coding
        response = Response(body, 200, headers, media_type=wire.media_type(result.output_format))
        for counted in wire.progress_headers(request, result.progress):
            response.headers.append("X-ClickHouse-Progress", counted)
        return response


async def _outcome(waiting: Waiting) -> wire.Counters | QueryError:
    written = asyncio.wrap_future(waiting.written)
    done, _ = await asyncio.wait([written], timeout=waiting.seconds)
    if not done:
        written.add_done_callback(asyncio.Future.exception)  # nobody waits for it any more
        milliseconds = round(waiting.seconds * 1000)
        return refused(159, "TIMEOUT_EXCEEDED", f"Wait for async insert timeout ({milliseconds} ms) exceeded")
    failure = written.exception()
    return failure if isinstance(failure, QueryError) else written.result()


def build(engine: Engine, service: Service, threads: int) -> Starlette:
    """The application; it closes the engine when it shuts down."""
    front = Front(engine, service, threads)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        front.close()

    return Starlette(
        routes=[
            Route("/ping", front.ok, methods=["GET"]),
            Route("/replicas_status", front.ok, methods=["GET"]),
            Route("/", front.query, methods=["GET", "POST"]),
            Route("/{path:path}", front.not_found, methods=["GET", "POST"]),
        ],
        lifespan=lifespan,
    )
