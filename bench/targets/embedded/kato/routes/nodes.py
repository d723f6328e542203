"""What a node has learned, asked without a session."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from bench.targets.embedded.kato import models, naming
from bench.targets.embedded.kato.memory import flatten
from bench.targets.embedded.kato.routes.common import ServicesHere, reply

router = APIRouter(tags=["kato-ops"])

_DEPRECATED = "This endpoint is deprecated. Use /sessions/{{session_id}}/{} for session-aware data."


async def _node_id(request: Request, node_id: Annotated[str | None, Query()] = None) -> str:
    """The node that is meant: by the query, by the test header, by the node header, or KATO's default."""
    if node_id:
        return node_id
    if test_id := request.headers.get("x-test-id"):
        return f"test_{test_id}"
    return request.headers.get("x-node-id") or "default_node"


NodeId = Annotated[str, Depends(_node_id)]


@router.get("/pattern/{pattern_id}", response_model=models.PatternResponse)
async def get_pattern(pattern_id: str, node_id: NodeId, services: ServicesHere) -> Response:
    kb = services.processor.kb_of(node_id)
    found = await services.patterns.find(kb, pattern_id.removeprefix(naming.PATTERN_PREFIX))
    if found is None:
        missing = {"status": "error", "message": f"Pattern {pattern_id} not found"}
        return reply({"pattern": missing, "node_id": kb})
    (known,) = await services.knowledge.experiences(kb, [found.name])
    pattern = {
        "name": naming.PATTERN_PREFIX + found.name,
        "pattern_data": found.events,
        "length": len(flatten(found.events)),
        "frequency": known.frequency,
        "emotives": known.emotives,
        "metadata": known.metadata,
    }
    return reply({"pattern": {"status": "okay", "pattern": pattern}, "node_id": kb})


@router.get("/percept-data", response_model=models.DeprecatedPerceptDataResponse, deprecated=True)
async def get_node_percept_data(node_id: NodeId, services: ServicesHere) -> Response:
    kb = services.processor.kb_of(node_id)
    return reply({"percept_data": {}, "node_id": kb, "warning": _DEPRECATED.format("percept-data")})


@router.get("/cognition-data", response_model=models.DeprecatedCognitionDataResponse, deprecated=True)
async def get_node_cognition_data(node_id: NodeId, services: ServicesHere) -> Response:
    nothing: dict[str, Any] = {
        "predictions": [],
        "emotives": {},
        "symbols": [],
        "command": "",
        "metadata": {},
        "path": [],
        "strings": [],
        "vectors": [],
        "short_term_memory": [],
    }
    kb = services.processor.kb_of(node_id)
    return reply({"cognition_data": nothing, "node_id": kb, "warning": _DEPRECATED.format("cognition-data")})


@router.get("/symbols/affinity", response_model=models.SymbolAffinitiesResponse)
async def get_affinities(node_id: NodeId, services: ServicesHere) -> Response:
    kb = services.processor.kb_of(node_id)
    return reply({"affinities": await services.knowledge.affinities(kb), "node_id": kb})


@router.get("/symbols/stats", response_model=models.SymbolStatsResponse)
async def get_symbol_stats(node_id: NodeId, services: ServicesHere) -> Response:
    kb = services.processor.kb_of(node_id)
    counts = await services.knowledge.vocabulary(kb)
    symbols = {
        symbol: {
            "name": symbol,
            "frequency": frequency,
            "pattern_member_frequency": counts.member_frequency.get(symbol, 0),
        }
        for symbol, frequency in counts.frequency.items()
    }
    return reply({"symbols": symbols, "node_id": kb})


@router.get("/symbols/{symbol}/affinity", response_model=models.SymbolAffinityResponse)
async def get_affinity(symbol: str, node_id: NodeId, services: ServicesHere) -> Response:
    kb = services.processor.kb_of(node_id)
    return reply({"symbol": symbol, "affinity": await services.knowledge.affinity(kb, symbol), "node_id": kb})
