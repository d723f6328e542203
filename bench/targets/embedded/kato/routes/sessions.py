"""Sessions: create, show, count, configure, extend, delete."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import APIRouter, HTTPException, Response

from bench.targets.embedded.kato import models, session_config
from bench.targets.embedded.kato.domain import Session
from bench.targets.embedded.kato.routes.common import (
    CheckedSession,
    ServicesHere,
    reload,
    reply,
    session_not_found,
)
from bench.targets.embedded.kato.sessions import remaining_seconds

log = logging.getLogger("kato.sessions")

router = APIRouter(prefix="/sessions", tags=["sessions"])

_REPORTED_DEFAULT_TTL = 3600
"""What KATO reports for a session without a TTL of its own, even where SESSION_TTL differs."""


@router.get("/test/{test_id}", response_model=models.TestResponse)
async def echo_test(test_id: str) -> Response:
    # Published by KATO, and never reached: its middleware looks for a session named "test" first.
    return reply({"test_id": test_id, "message": f"Test {test_id}"})


@router.post("", response_model=models.SessionResponse)
async def create_session(request: models.CreateSessionRequest, services: ServicesHere) -> Response:
    settings = services.settings
    session = await services.sessions.create(
        request.node_id,
        request.ttl_seconds or settings.session_ttl,
        request.metadata or {},
        session_config.at_creation(settings, request.config),
        filter_metrics=session_config.accepted(request.config).get("enable_filter_metrics") is True,
    )
    services.events.session_created(session)
    return reply(_description(session, request.ttl_seconds or _REPORTED_DEFAULT_TTL))


@router.get("/count", response_model=models.SessionCountResponse)
async def count_sessions(services: ServicesHere) -> Response:
    return reply({"active_session_count": await services.sessions.count()})


@router.get("/{session_id}/exists", response_model=models.SessionExistsResponse)
async def session_exists(session_id: str, services: ServicesHere) -> Response:
    exists, expired = await services.sessions.exists(session_id)
    return reply({"exists": exists, "expired": expired, "session_id": session_id})


@router.get("/{session_id}", response_model=models.SessionResponse)
async def get_session(session_id: str, services: ServicesHere) -> Response:
    session = await services.sessions.load(session_id)
    if session is None:
        raise session_not_found(session_id)
    return reply(_description(session, remaining_seconds(session)))


@router.delete("/{session_id}", response_model=models.SessionDeletedResponse)
async def delete_session(session_id: str, services: ServicesHere) -> Response:
    async with services.locks(session_id):
        await services.sessions.delete(session_id)
    services.events.session_deleted(session_id)
    return reply({"status": "deleted", "session_id": session_id})


@router.get("/{session_id}/config", response_model=models.SessionConfigResponse)
async def get_config(session_id: str, session: CheckedSession) -> Response:
    return reply({"session_id": session_id, "config": session.config})


@router.post("/{session_id}/config", response_model=models.SessionConfigUpdateResponse)
async def update_config(session_id: str, request: dict[str, Any], services: ServicesHere) -> Response:
    asked = request.get("config", request)
    wanted = asked if isinstance(asked, dict) else {}
    # KATO has such a line at this level for each call, and so the error counts of a log monitor rise.
    log.error("!!! DEBUG: the configuration of %s is to change by %s", session_id, wanted)
    async with services.locks(session_id):
        session = await reload(services, session_id)
        config, errors = session_config.updated(session.config, wanted)
        if errors:
            detail = {"error": "Configuration validation failed", "validation_errors": errors}
            raise HTTPException(400, detail)
        session.config = config
        if "enable_filter_metrics" in wanted:
            session.filter_metrics = config["enable_filter_metrics"] is True
        await services.sessions.save(session)
    return reply({"status": "okay", "message": "Configuration updated", "session_id": session_id})


@router.post("/{session_id}/extend", response_model=models.SessionExtendResponse)
async def extend_session(session_id: str, services: ServicesHere, ttl_seconds: int = 3600) -> Response:
    async with services.locks(session_id):
        await services.sessions.extend(await reload(services, session_id), ttl_seconds)
    return reply({"status": "extended", "session_id": session_id, "ttl_seconds": ttl_seconds})


def _description(session: Session, ttl_seconds: int) -> dict[str, Any]:
    return {
        "session_id": session.session_id,
        "node_id": session.node_id,
        "created_at": session.created_at,
        "expires_at": session.expires_at,
        "ttl_seconds": ttl_seconds,
        "metadata": session.metadata,
        "session_config": session.config,
    }
