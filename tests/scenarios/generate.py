"""What scenarios would send, without a server: `python -m tests.scenarios.generate < JOBS > REQUESTS`.

Runs in a process of its own, because scenario files import Locust. stdin holds a list of jobs; stdout gets
for each the requests in the order in which they were made, users taking turns, or why the scenario refused.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from hashlib import sha1
from pathlib import Path
from typing import Any

from locust.event import EventHook

from bench.errors import UsageError
from bench.loadgen.catalogue import find, option_values
from bench.loadgen.child import load_user_class
from bench.loadgen.client import Exchange
from bench.loadgen.contract import SHAPES
from bench.loadgen.session import Session, Turn
from bench.loadgen.traffic import Traffic
from bench.loadgen.user import KatoUser
from bench.loadgen.world import World

#: What may go wrong with a request, as statuses; 0 is a time-out.
FAILURES = (404, 503, 500, 422, 0)
#: Whatever key a request looks for, an answer has it.
KEYS = {key for shape in SHAPES.values() for key in shape}


class CannedKato:
    """Answers as KATO might, and fails as often as told."""

    def __init__(self, failing: float, seed: int) -> None:
        self._failing = failing
        self._rng = random.Random(seed)
        self._made = 0
        self.sent: list[tuple[str, str, bytes | None]] = []

    def request(
        self, method: str, path: str, body: bytes | None = None, *, patience: float, into: Exchange
    ) -> None:
        self.sent.append((method, path, body))
        into.sent, into.connection = 1.0, 0
        if self._rng.random() < self._failing:
            into.status = self._rng.choice(FAILURES)
            into.done = None if into.status == 0 else 2.0
            into.error = {0: "timeout", 404: "not_found", 503: "overload", 500: "server_error"}.get(
                into.status, "client_error"
            )
            into.body = b"" if into.status == 0 else b'{"detail": "no"}'
            return
        into.done, into.status = 2.0, 200
        self._made += 1
        learned = f"PTRN|{sha1(body or b'').hexdigest()}"
        answer = dict.fromkeys(KEYS) | {
            "session_id": f"session-{self._made}",
            "status": "okay",
            "stm_length": 1,
            "observations_processed": 1,
            "final_learned_pattern": learned,
            "pattern_name": learned if path.endswith("/learn") else None,
            "predictions": [],
            "count": 0,
        }
        into.body = json.dumps(answer).encode()


class CannedSockets:
    def visit(self, path: str, patience: float, into: Exchange) -> None:
        into.sent, into.done, into.status = 1.0, 2.0, 101
        into.body = b'{"event_type": "state.snapshot"}'


class Noted:
    """Keeps for each request which user made it, for which session, of which operation."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.phase = "measure"

    def record(self, session: Session, operation: str, turn: Turn, exchange: Exchange, items: int) -> None:
        self.requests.append({"operation": operation, "session": session.index, "node": session.node})

    def event(self, kind: str, **facts: Any) -> None: ...


def users_of(kind: type[KatoUser], world: World, traffic: Traffic) -> Iterator[KatoUser]:
    for index in range(world.sessions):
        own = world.session(index, index % int(world.options["nodes"]))
        for session in kind.opened(world, own):
            session.session_id = f"open-{session.index}"
        yield kind.seated(world, own)


def run(job: dict[str, Any]) -> dict[str, Any]:
    """`scenario`, `options` as texts, `seed`, `requests` a user, `failing` the share of failures, `users` if
    not as the options say."""
    scenario = find(job["scenario"])
    options = option_values(scenario.about, job.get("options", {}))
    kind = load_user_class(Path(scenario.path))
    noted = Noted()
    kato = CannedKato(job.get("failing", 0.0), job.get("seed", 1))
    traffic = Traffic(
        kato,  # type: ignore[arg-type]
        _Silent(),
        noted,  # type: ignore[arg-type]
        1e12,
        sockets=CannedSockets(),  # type: ignore[arg-type]
    )
    world = World(
        options=options,
        seed=job.get("seed", 1),
        run="test",
        sessions=job.get("users", options["sessions"]),
    )
    try:
        kind.prepare(world)
        lessons = [
            {"node": lesson.node, "events": lesson.events, "emotives": lesson.emotives}
            for lesson in kind.lessons(world)
        ]
        made = _requests(list(users_of(kind, world, traffic)), traffic, noted, kato, job["requests"])
    except UsageError as refusal:
        return {"refused": str(refusal)}
    return {"lessons": lessons, "requests": made}


def _requests(
    users: list[KatoUser], traffic: Traffic, noted: Noted, kato: CannedKato, count: int
) -> list[dict[str, Any]]:
    scripts = [(user, user.script()) for user in users]
    waiting = [next(script) for _, script in scripts]
    made = []
    for _ in range(count):
        for place, (user, script) in enumerate(scripts):
            request = waiting[place]
            before = len(kato.sent)
            answer = traffic.send(user.session, request, Turn(0.0, 0.0, "measure"))
            facts = noted.requests[-1] | {"user": place, "contract": request.contract}
            facts |= {"method": request.method, "error": answer.error, "path": request.path, "body": None}
            if len(kato.sent) > before:
                method, path, body = kato.sent[-1]
                facts |= {"method": method, "path": path, "body": json.loads(body) if body else None}
            made.append(facts)
            waiting[place] = script.send(answer)
    return made


class _Silent:
    request = EventHook()


if __name__ == "__main__":
    json.dump([run(job) for job in json.load(sys.stdin)], sys.stdout)
