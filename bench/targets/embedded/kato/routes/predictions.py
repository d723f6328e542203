"""What KATO makes of the short-term memory."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from bench.targets.embedded.kato import memory, models
from bench.targets.embedded.kato.routes.common import CheckedSession, ServicesHere, reply

router = APIRouter(prefix="/sessions/{session_id}", tags=["sessions"])


@router.get("/predictions", response_model=models.PredictionsResponse)
async def get_predictions(session_id: str, session: CheckedSession, services: ServicesHere) -> Response:
    answer = await services.processor.predict(session)
    return reply(
        {
            "predictions": answer.predictions,
            "future_potentials": answer.future_potentials,
            "session_id": session_id,
            "processor_id": None,
            "count": len(answer.predictions),
            "time": None,
            "unique_id": None,
        }
    )


@router.get("/percept-data", response_model=models.PerceptDataResponse)
async def get_percept_data(session_id: str, session: CheckedSession) -> Response:
    nothing: dict[str, Any] = {"strings": [], "vectors": [], "emotives": {}, "path": [], "metadata": {}}
    percept = session.percept or nothing
    return reply({"percept_data": percept, "session_id": session_id, "node_id": session.node_id})


@router.get("/cognition-data", response_model=models.CognitionDataResponse)
async def get_cognition_data(session_id: str, session: CheckedSession) -> Response:
    cognition = {
        "predictions": session.predictions,
        "emotives": memory.mean_emotives(session.emotives),
        "symbols": memory.flatten(session.stm),
        "command": "",
        "metadata": {},
        "path": [],
        "strings": [],
        "vectors": [],
        "short_term_memory": session.stm,
        "time": session.time,
    }
    return reply({"cognition_data": cognition, "session_id": session_id, "node_id": session.node_id})
