"""What happens around every request: trace id, session check, counting, leave for web pages."""

from __future__ import annotations

import time
import uuid
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bench.targets.embedded.kato import codec
from bench.targets.embedded.kato.services import Services

SESSION = "kato.session"
"""The key of the request's scope under which the checked session is found."""


class OpenToWebPages(CORSMiddleware):
    """Lets pages from everywhere in. Other clients see nothing of it: later Starlettes than KATO's would tell
    them that answers vary by their origin."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = super().__call__ if _has_origin(scope) else self.app
        await answer(scope, receive, send)


def _has_origin(scope: Scope) -> bool:
    return scope["type"] == "http" and any(name == b"origin" for name, _ in scope["headers"])


class KatoMiddleware:
    """Answers requests for unknown sessions itself, before FastAPI sees their body or method."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        services: Services = scope["app"].state.services
        metrics = services.metrics
        began = time.perf_counter()
        status = 0
        received = Headers(scope=scope)
        headers = {"X-Trace-ID": received.get("x-trace-id") or f"kato-{uuid.uuid4().hex}"}

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).update(headers)
            await send(message)

        metrics.request_begins()
        try:
            session_id = checked_session_id(scope["method"], scope["path"])
            if session_id is None:
                if named := _session_named_in(
                    received
                ):  # loads it, and so renews it; nothing else comes of it
                    await services.sessions.load(named)
                await self._app(scope, receive, send_marked)
            elif session := await services.sessions.load(session_id):
                headers["X-Session-ID"] = session_id
                scope[SESSION] = session
                await self._app(scope, receive, send_marked)
            else:
                await _session_not_found(session_id)(scope, receive, send_marked)
            metrics.request_ends(scope["method"], scope["path"], status, time.perf_counter() - began)
        finally:
            metrics.in_flight -= 1


def checked_session_id(method: str, path: str) -> str | None:
    """The session that must exist before the request may go on.

    Anything of the form `/sessions/<x>/<y>` is checked as session x, whatever y is, except for `exists`;
    of `/sessions/<x>` itself only DELETE is."""
    parts = path.split("/")
    if len(parts) < 3 or parts[1] != "sessions" or not parts[2]:
        return None
    if len(parts) == 3:
        return parts[2] if method == "DELETE" else None
    return None if parts[3:] == ["exists"] else parts[2]


def _session_named_in(headers: Headers) -> str | None:
    """The session that a request outside `/sessions/<id>/` names by header or cookie."""
    if named := headers.get("x-session-id"):
        return named
    cookies = headers.get("cookie")
    if not cookies or "session_id" not in cookies:
        return None
    try:
        morsel = SimpleCookie(cookies).get("session_id")
    except CookieError:
        return None
    return morsel.value if morsel else None


def _session_not_found(session_id: str) -> Response:
    error = {
        "code": "SESSION_NOT_FOUND",
        "message": f"Session {session_id} not found or expired",
        "session_id": session_id,
    }
    return Response(codec.dumps({"error": error}), 404, media_type="application/json")
