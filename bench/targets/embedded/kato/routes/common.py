"""What all routes share."""

from __future__ import annotations

from typing import Annotated, Any, cast

from fastapi import Depends, HTTPException, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError

from bench.targets.embedded.kato import codec
from bench.targets.embedded.kato.domain import Session
from bench.targets.embedded.kato.middleware import SESSION
from bench.targets.embedded.kato.services import Services


def reply(content: dict[str, Any]) -> Response:
    """A JSON answer; the declared response model only documents it."""
    return Response(codec.dumps(content), media_type="application/json")


async def refuse(_: Request, error: RequestValidationError) -> Response:
    """FastAPI's own answer to a malformed request, also where that repeats what JSON cannot hold."""
    content = codec.dumps({"detail": jsonable_encoder(error.errors())})
    return Response(content, 422, media_type="application/json")


def session_not_found(session_id: str) -> HTTPException:
    return HTTPException(404, f"Session {session_id} not found or expired")


async def reload(services: Services, session_id: str) -> Session:
    """The session as it is now, for a change under its lock. Raises the endpoint's form of the 404."""
    session = await services.sessions.load(session_id)
    if session is None:
        raise session_not_found(session_id)
    return session


async def _services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


async def _checked_session(request: Request) -> Session:
    return cast(Session, request.scope[SESSION])


ServicesHere = Annotated[Services, Depends(_services)]
CheckedSession = Annotated[Session, Depends(_checked_session)]
"""The session that the middleware found: a snapshot, for endpoints that only read."""
