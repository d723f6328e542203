"""The application that uvicorn serves."""

import logging
import time
import uuid
from collections import OrderedDict
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.middleware.base import BaseHTTPMiddleware

from kato import __version__
from kato.config.settings import load
from kato.services import monitoring
from kato.services.processor import Node, Stores
from kato.services.sessions import Sessions, shown

settings = load()
logging.basicConfig(level=settings.log_level)
log = logging.getLogger("kato")
_CONFIG = {
    "max_pattern_length": 0,
    "persistence": 5,
    "recall_threshold": settings.recall_threshold,
    "indexer_type": "VI",
    "max_predictions": settings.max_predictions,
    "sort_symbols": True,
    "process_predictions": settings.process_predictions,
    "use_token_matching": True,
    "stm_mode": "CLEAR",
    "rank_sort_algo": "potential",
    "filter_pipeline": [],
    "length_min_ratio": 0.5,
    "length_max_ratio": 2.0,
    "jaccard_threshold": 0.3,
    "jaccard_min_overlap": 2,
    "minhash_threshold": 0.7,
    "minhash_bands": 20,
    "minhash_rows": 5,
    "minhash_num_hashes": 100,
    "bloom_false_positive_rate": 0.01,
    "max_candidates_per_stage": 100000,
    "enable_filter_metrics": True,
}


class Worker:
    def __init__(self):
        self.stores = Stores(settings)
        self.sessions = Sessions(settings.redis_url, settings.session_ttl)
        self.nodes = OrderedDict()
        self.requests = 0

    def node(self, name):
        if name not in self.nodes:
            self.nodes[name] = Node(settings, self.stores, name)
        return self.nodes[name]


worker = None


@asynccontextmanager
async def lifespan(_):
    global worker
    worker = Worker()
    yield


app = FastAPI(title="KATO API", version=__version__, lifespan=lifespan)


class NewSession(BaseModel):
    node_id: str
    metadata: dict = {}
    ttl_seconds: int | None = None
    config: dict | None = None


class Event(BaseModel):
    strings: list[str] = []
    vectors: list[list[float]] = []
    emotives: dict[str, float] = {}
    metadata: dict = {}
    unique_id: str | None = None


class Sequence(BaseModel):
    observations: list[Event]
    learn_after_each: bool = False
    learn_at_end: bool = False
    clear_stm_between: bool = False


async def trace(request: Request, call_next):
    worker.requests += 1
    parts = request.url.path.split("/")
    of_session = len(parts) > 3 and parts[1] == "sessions" and parts[3] != "exists"
    if (of_session or request.method == "DELETE") and await worker.sessions.load(parts[2]) is None:
        message = f"Session {parts[2]} not found or expired"
        error = {"code": "SESSION_NOT_FOUND", "message": message, "session_id": parts[2]}
        return JSONResponse({"error": error}, 404)
    response = await call_next(request)
    response.headers["X-Trace-ID"] = request.headers.get("X-Trace-ID", f"kato-{uuid.uuid4().hex}")
    if of_session:
        response.headers["X-Session-ID"] = parts[2]
    log.info("%s %s", request.method, request.url.path)
    return response


app.add_middleware(BaseHTTPMiddleware, dispatch=trace)


async def loaded(session_id):
    session = await worker.sessions.load(session_id)
    if session is None:
        raise HTTPException(404, f"Session {session_id} not found or expired")
    return session


@app.get("/")
async def root():
    return {
        "service": "KATO API",
        "version": __version__,
        "description": "an application in the shape of KATO",
        "docs": "/docs",
        "health": "/health",
        "status": "running",
        "uptime_seconds": time.time() - monitoring.STARTED,
        "architecture": "modular",
        "session_support": True,
    }


@app.get("/health")
async def health():
    return monitoring.health(settings, await worker.sessions.count())


@app.get("/status")
async def status():
    return {
        "status": "healthy",
        "base_processor_id": settings.service_name,
        "uptime_seconds": time.time() - monitoring.STARTED,
        "sessions": {
            "total_sessions": 0,
            "active_sessions": 0,
            "expired_sessions": 0,
            "backend": "redis",
            "redis_url": settings.redis_url,
        },
        "processors": monitoring.processors(worker.nodes),
        "version": __version__,
    }


@app.get("/concurrency")
async def concurrency():
    return monitoring.concurrency()


@app.get("/metrics")
async def metrics():
    return monitoring.metrics(worker.nodes, worker.requests, await worker.sessions.count())


@app.get("/metrics/{name}")
async def metric(name: str, minutes: int = 10):
    return monitoring.metric(name, minutes)


@app.get("/stats")
async def stats(minutes: int = 10):
    return monitoring.stats(worker.nodes, minutes)


@app.get("/connection-pools")
async def pools():
    return monitoring.pools(worker.stores)


@app.get("/distributed-stm/stats")
async def streams():
    return monitoring.streams(worker.stores)


@app.get("/cache/stats")
async def cache():
    return monitoring.cache(worker.stores)


@app.post("/cache/invalidate")
async def invalidate(session_id: str | None = None):
    return monitoring.invalidated(session_id)


@app.websocket("/ws/events")
async def events(socket: WebSocket):
    await socket.accept()
    data = {"active_sessions": await worker.sessions.count(), "system_status": "healthy"}
    await socket.send_json({"event_type": "state.snapshot", "timestamp": monitoring.now(), "data": data})
    try:
        while True:
            if await socket.receive_text() == "ping":
                await socket.send_text("pong")
    except WebSocketDisconnect:
        return


@app.post("/sessions")
async def create(wanted: NewSession):
    known = {name: value for name, value in (wanted.config or {}).items() if name in _CONFIG}
    config = {**_CONFIG, **known}
    return shown(await worker.sessions.create(wanted.node_id, config, wanted.metadata, wanted.ttl_seconds))


@app.get("/sessions/count")
async def count():
    return {"active_session_count": await worker.sessions.count()}


@app.get("/sessions/{session_id}")
async def show(session_id: str):
    return shown(await loaded(session_id))


@app.get("/sessions/{session_id}/exists")
async def exists(session_id: str):
    return {"exists": await worker.sessions.exists(session_id), "expired": False, "session_id": session_id}


@app.delete("/sessions/{session_id}")
async def delete(session_id: str):
    await worker.sessions.delete(await loaded(session_id))
    return {"status": "deleted", "session_id": session_id}


@app.get("/sessions/{session_id}/config")
async def show_config(session_id: str):
    return {"session_id": session_id, "config": (await loaded(session_id))["config"]}


@app.post("/sessions/{session_id}/config")
async def configure(session_id: str, body: dict):
    session = await loaded(session_id)
    session["config"].update({k: v for k, v in body.get("config", body).items() if k in _CONFIG})
    await worker.sessions.save(session)
    return {"status": "okay", "message": "Configuration updated", "session_id": session_id}


@app.post("/sessions/{session_id}/extend")
async def extend(session_id: str, ttl_seconds: int = 3600):
    await worker.sessions.extend(session_id, ttl_seconds)
    return {"status": "extended", "session_id": session_id, "ttl_seconds": ttl_seconds}


@app.post("/sessions/{session_id}/observe")
async def observe(session_id: str, event: Event):
    session = await loaded(session_id)
    unique = worker.node(session["node_id"]).observe(session, event.model_dump())
    await worker.sessions.save(session)
    return {
        "status": "okay",
        "session_id": session_id,
        "processor_id": session["node_id"],
        "stm_length": len(session["stm"]),
        "time": session["time"],
        "unique_id": unique,
        "auto_learned_pattern": None,
    }


@app.post("/sessions/{session_id}/observe-sequence")
async def observe_sequence(session_id: str, sequence: Sequence):
    session = await loaded(session_id)
    node = worker.node(session["node_id"])
    before, results, learned = len(session["stm"]), [], []
    for position, event in enumerate(sequence.observations):
        wanted = event.model_dump()
        wanted["unique_id"] = event.unique_id or f"seq-obs-{uuid.uuid4().hex}"
        unique = node.observe(session, wanted)
        if sequence.learn_after_each:
            learned.append(node.learn(session))
        results.append(
            {
                "status": "okay",
                "sequence_position": position,
                "stm_length": len(session["stm"]),
                "time": session["time"],
                "unique_id": unique,
                "auto_learned_pattern": None,
            }
        )
        if sequence.clear_stm_between:
            session["stm"] = []
    final = node.learn(session) if sequence.learn_at_end and session["stm"] else None
    await worker.sessions.save(session)
    return {
        "status": "completed",
        "processor_id": session["node_id"],
        "observations_processed": len(results),
        "initial_stm_length": before,
        "final_stm_length": len(session["stm"]),
        "results": results,
        "auto_learned_patterns": [*learned, *([final] if final else [])],
        "final_learned_pattern": final,
        "isolated": sequence.clear_stm_between,
    }


@app.get("/sessions/{session_id}/stm")
async def stm(session_id: str):
    events = (await loaded(session_id))["stm"]
    return {"stm": events, "session_id": session_id, "length": len(events)}


@app.post("/sessions/{session_id}/learn")
async def learn(session_id: str):
    session = await loaded(session_id)
    if not session["stm"]:
        raise HTTPException(400, "Cannot learn from empty STM")
    name = worker.node(session["node_id"]).learn(session)
    await worker.sessions.save(session)
    return {
        "status": "learned",
        "pattern_name": name,
        "session_id": session_id,
        "processor_id": None,
        "message": f"Learned pattern {name} from 0 events",
    }


@app.post("/sessions/{session_id}/finalize-training")
async def finalise(session_id: str):
    session = await loaded(session_id)
    began = time.monotonic()
    processed = worker.node(session["node_id"]).finalise()
    took = (time.monotonic() - began) * 1000
    return {
        "status": "completed",
        "patterns_processed": processed,
        "time_ms": took,
        "session_id": session_id,
        "node_id": session["node_id"],
        "message": f"Computed entropy for {processed} patterns in {took:.2f}ms",
    }


@app.post("/sessions/{session_id}/clear-stm")
async def clear_stm(session_id: str):
    session = await loaded(session_id)
    session["stm"], session["emotives"] = [], []
    await worker.sessions.save(session)
    return {"status": "cleared", "session_id": session_id}


@app.post("/sessions/{session_id}/clear-all")
async def clear_all(session_id: str):
    session = await loaded(session_id)
    worker.node(session["node_id"]).clear()
    session["stm"] = []
    await worker.sessions.save(session)
    return {"status": "cleared", "session_id": session_id, "scope": "all"}


@app.get("/sessions/{session_id}/predictions")
async def predictions(session_id: str):
    session = await loaded(session_id)
    found = worker.node(session["node_id"]).predict(session)
    return {
        "predictions": found,
        "future_potentials": [],
        "session_id": session_id,
        "processor_id": None,
        "count": len(found),
        "time": None,
        "unique_id": None,
    }


@app.get("/sessions/{session_id}/percept-data")
async def percept(session_id: str):
    session = await loaded(session_id)
    empty = {"strings": [], "vectors": [], "emotives": {}, "path": [], "metadata": {}}
    return {
        "percept_data": {**empty, **session["percept"]},
        "session_id": session_id,
        "node_id": session["node_id"],
    }


def _cognition(stm=(), predictions=()):
    return {
        "predictions": list(predictions),
        "emotives": {},
        "symbols": [],
        "command": "",
        "metadata": {},
        "path": [],
        "strings": [],
        "vectors": [],
        "short_term_memory": list(stm),
        "time": 0,
    }


@app.get("/sessions/{session_id}/cognition-data")
async def cognition(session_id: str):
    session = await loaded(session_id)
    return {
        "cognition_data": _cognition(session["stm"], session["predictions"]),
        "session_id": session_id,
        "node_id": session["node_id"],
    }


@app.get("/percept-data")
async def old_percept():
    return {"percept_data": {}, "node_id": "default_node", "warning": "deprecated"}


@app.get("/cognition-data")
async def old_cognition():
    return {"cognition_data": _cognition(), "node_id": "default_node", "warning": "deprecated"}


@app.get("/pattern/{name}")
async def pattern(name: str, node_id: str = "default_node"):
    node = worker.node(node_id)
    return {"pattern": node.pattern(name.removeprefix("PTRN|")), "node_id": node.kb}


@app.get("/symbols/stats")
async def symbols(node_id: str = "default_node"):
    node = worker.node(node_id)
    frequencies, members = worker.stores.knowledge.symbols(node.kb)
    shown_symbols = {
        name: {"name": name, "frequency": int(count), "pattern_member_frequency": int(members.get(name, 0))}
        for name, count in frequencies.items()
    }
    return {"symbols": shown_symbols, "node_id": node.kb}


@app.get("/symbols/affinity")
async def affinities(node_id: str = "default_node"):
    node = worker.node(node_id)
    return {"affinities": worker.stores.knowledge.affinities(node.kb), "node_id": node.kb}


@app.get("/symbols/{symbol}/affinity")
async def affinity(symbol: str, node_id: str = "default_node"):
    node = worker.node(node_id)
    return {
        "symbol": symbol,
        "affinity": worker.stores.knowledge.affinity(node.kb, symbol),
        "node_id": node.kb,
    }
