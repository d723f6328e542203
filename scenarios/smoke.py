"""Smoke: every endpoint of KATO once per round, every answer checked field by field.

Stands for: nobody's load; it asks whether a deployment keeps KATO's contract while several clients use it.
Mix: 40 requests a round on a session that is created and deleted with it, of which half ask for
what KATO tells of itself (`lookup`). An answer that breaks the contract counts as error `invalid`,
and an event says how. Data: patterns of real prose. Must not: clear a node that others use, so every
session has a node of its own unless there are more sessions than nodes; be let loose at a high rate on
a large deployment, because four of the endpoints (caches, affinities, clear-all) make Redis walk over
all of its keys (`--data scans=false` leaves the first three out); predict at observe time.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench.loadgen.operations import (
    ask,
    clear,
    clear_node,
    configure,
    create,
    delete,
    extend,
    finalize,
    learn,
    learned,
    listen,
    lookup,
    observe,
    predict,
    sequence,
    show_config,
    stm,
)
from bench.loadgen.session import Session
from bench.loadgen.user import Script
from bench.loadgen.world import World
from scenarios.taught import Taught, TaughtUser

SCENARIO = {
    "title": "every endpoint once per round, every answer checked against KATO's contract",
    "operations": [
        "create",
        "observe",
        "sequence",
        "learn",
        "predict",
        "stm",
        "clear",
        "config",
        "extend",
        "delete",
        "finalize",
        "events",
        "lookup",
    ],
    "validates": True,
    "mix": {
        "create": 0.025,
        "observe": 0.075,
        "stm": 0.025,
        "predict": 0.05,
        "sequence": 0.05,
        "learn": 0.025,
        "clear": 0.05,
        "config": 0.05,
        "extend": 0.025,
        "lookup": 0.55,
        "finalize": 0.025,
        "events": 0.025,
        "delete": 0.025,
    },
    "learning": 0.05,
    "options": {
        "nodes": {"default": 4, "min": 1, "max": 90, "help": "nodes, one for each session"},
        "sessions": {"default": 4, "min": 1, "max": 90, "help": "rounds that go on at the same time"},
        "patterns": {"default": 20, "min": 1, "max": 100000, "help": "learned patterns per node"},
        "events": {"default": 5, "min": 3, "max": 100, "help": "events of a pattern"},
        "symbols": {"default": 2, "min": 2, "max": 100, "help": "tokens in an event"},
        "scans": {
            "default": True,
            "min": False,
            "max": True,
            "help": "the endpoints too that make Redis walk over all of its keys",
        },
    },
    "defaults": {"rate": 20.0},
}

#: Seconds; a round that is cut off leaves its session to KATO for no longer.
_TTL = 600
#: A name that no pattern has.
_NOBODY = "0" * 40


class Smoke(TaughtUser):
    scenario = SCENARIO

    @classmethod
    def opened(cls, world: World, own: Session) -> Sequence[Session]:
        return []

    def script(self) -> Script:
        taught: Taught = self.world.shared
        patterns = taught.known[self.node]
        rng = self.world.rng("smoke", self.session.index)
        while True:
            opened = yield create(self.session.node_name, self.world.config(), _TTL)
            if opened.error:
                continue
            pattern, other = rng.choice(patterns), rng.choice(patterns)
            yield observe(pattern[0], emotives={"joy": 0.5})
            yield observe(pattern[1])
            yield stm()
            yield predict()
            yield sequence(pattern[2:], learn_at_end=False)
            answer = yield learn()
            name = learned(answer.body) or _NOBODY
            # One symbol alone is predicted from by other means, and answered in another shape.
            yield observe(pattern[0][:1])
            yield predict()
            yield clear()
            yield sequence(other, learn_at_end=True)
            yield configure({"max_predictions": 50, "process_predictions": False})
            yield show_config()
            yield extend(_TTL)
            yield from _of_the_session()
            yield from _of_the_node(self.session.node_name, pattern[0][0], name.removeprefix("PTRN|"))
            yield finalize()
            yield from _of_the_service()
            yield listen()
            if self.world.options["scans"]:
                yield from _by_scanning(self.session.node_name)
            yield clear_node()
            yield delete()


def _of_the_session() -> Script:
    yield lookup("", "GET /sessions/{id}", "session_id")
    yield lookup("/exists", "GET /sessions/{id}/exists", "exists")
    yield lookup("/percept-data", "GET /sessions/{id}/percept-data", "percept_data")
    yield lookup("/cognition-data", "GET /sessions/{id}/cognition-data", "cognition_data")


def _of_the_node(node: str, symbol: str, pattern: str) -> Script:
    query = f"?node_id={node}"
    yield ask("GET /pattern/{}", "pattern", pattern, query=query)
    yield ask("GET /symbols/stats", "symbols", query=query)
    yield ask("GET /symbols/{}/affinity", "affinity", symbol, query=query)


def _of_the_service() -> Script:
    yield ask("GET /", "service")
    yield ask("GET /health", "status")
    yield ask("GET /status", "status")
    yield ask("GET /concurrency", "status")
    yield ask("GET /metrics", "timestamp")
    # KATO takes `minutes` for seconds here, and has samples every ten.
    yield ask("GET /metrics/{}", "data_points", "kato_memory_usage_percent", query="?minutes=60")
    yield ask("GET /stats", "time_series", query="?minutes=1")
    yield ask("GET /connection-pools", "status")
    yield ask("GET /distributed-stm/stats", "status")
    yield ask("GET /sessions/count", "active_session_count")
    yield ask("GET /percept-data", "percept_data")
    yield ask("GET /cognition-data", "cognition_data")


def _by_scanning(node: str) -> Script:
    yield ask("GET /symbols/affinity", "affinities", query=f"?node_id={node}")
    yield ask("GET /cache/stats", "cache_health")
    yield ask("POST /cache/invalidate", "status", method="POST")
