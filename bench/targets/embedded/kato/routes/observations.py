"""Observing, learning, and the short-term memory between them."""

from __future__ import annotations

import time
import uuid
from typing import Any

from fastapi import APIRouter, HTTPException, Response

from bench.targets.embedded.kato import memory, models
from bench.targets.embedded.kato.routes.common import CheckedSession, ServicesHere, reload, reply

router = APIRouter(prefix="/sessions/{session_id}", tags=["sessions"])


@router.post("/observe", response_model=models.ObservationResult)
async def observe(session_id: str, data: models.ObservationData, services: ServicesHere) -> Response:
    unique_id = f"obs-{uuid.uuid4().hex}"
    async with services.locks(session_id):
        session = await reload(services, session_id)
        observed = await services.processor.observe(session, data, unique_id)
        await services.sessions.save(session, *observed.commands)
    return reply(
        {
            "status": "okay",
            "session_id": session_id,
            "processor_id": session.node_id,
            "stm_length": len(session.stm),
            "time": session.time,
            "unique_id": unique_id,
            "auto_learned_pattern": observed.auto_learned,
        }
    )


@router.post("/observe-sequence", response_model=models.ObservationSequenceResult)
async def observe_sequence(
    session_id: str, request: models.ObservationSequenceRequest, services: ServicesHere
) -> Response:
    processor = services.processor
    results: list[dict[str, Any]] = []
    learned: list[str] = []
    commands: list[tuple[Any, ...]] = []
    final: str | None = None
    async with services.locks(session_id):
        session = await reload(services, session_id)
        initial_length = len(session.stm)
        for position, item in enumerate(request.observations):
            unique_id = item.unique_id or f"seq-obs-{uuid.uuid4().hex}"
            observed = await processor.observe(session, item, unique_id)
            commands += observed.commands
            name = observed.auto_learned
            if name:
                learned.append(name)
            if request.learn_after_each and session.stm:
                name = await processor.learn(session)
                learned.append(name)
            if request.clear_stm_between:
                session.stm = []
            results.append(
                {
                    "status": "okay",
                    "sequence_position": position,
                    "stm_length": len(session.stm),
                    "time": session.time,
                    "unique_id": unique_id,
                    "auto_learned_pattern": name or None,
                }
            )
        if request.learn_at_end and session.stm:
            final = await processor.learn(session)
            learned.append(final)
        await services.sessions.save(session, *commands)
    return reply(
        {
            "status": "completed",
            "processor_id": session.node_id,
            "observations_processed": len(results),
            "initial_stm_length": initial_length,
            "final_stm_length": len(session.stm),
            "results": results,
            "auto_learned_patterns": learned,
            "final_learned_pattern": final,
            "isolated": request.clear_stm_between,
        }
    )


@router.get("/stm", response_model=models.STMResponse)
async def get_stm(session_id: str, session: CheckedSession) -> Response:
    return reply({"stm": session.stm, "session_id": session_id, "length": len(session.stm)})


@router.post("/learn", response_model=models.LearnResult)
async def learn(session_id: str, services: ServicesHere) -> Response:
    async with services.locks(session_id):
        session = await reload(services, session_id)
        if not session.stm:
            raise HTTPException(400, "Cannot learn from empty STM")
        name = await services.processor.learn(session)
        await services.sessions.save(session)
    return reply(
        {
            "status": "learned",
            "pattern_name": name,
            "session_id": session_id,
            "processor_id": None,
            "message": f"Learned pattern {name} from {len(session.stm)} events",
        }
    )


@router.post("/finalize-training", response_model=models.FinalizeTrainingResult)
async def finalize_training(session_id: str, session: CheckedSession, services: ServicesHere) -> Response:
    began = time.perf_counter()
    patterns = await services.processor.finalize(session.node_id)
    milliseconds = round(1000 * (time.perf_counter() - began), 2)
    return reply(
        {
            "status": "completed",
            "patterns_processed": patterns,
            "time_ms": milliseconds,
            "session_id": session_id,
            "node_id": session.node_id,
            "message": f"Computed Shannon entropy and TF vectors for {patterns} patterns in {milliseconds}ms",
        }
    )


@router.post("/clear-stm", response_model=models.STMClearedResponse)
async def clear_stm(session_id: str, services: ServicesHere) -> Response:
    async with services.locks(session_id):
        session = await reload(services, session_id)
        memory.clear(session)
        await services.sessions.save(session)
    return reply({"status": "cleared", "session_id": session_id})


@router.post("/clear-all", response_model=models.AllClearedResponse)
async def clear_all(session_id: str, services: ServicesHere) -> Response:
    async with services.locks(session_id):
        session = await reload(services, session_id)
        await services.processor.forget_node(session.node_id)
        memory.clear(session)
        await services.sessions.save(session)
    return reply({"status": "cleared", "session_id": session_id, "scope": "all"})
