"""A scenario under plain Locust: `locust -f scenarios/chat.py --host URL`."""

from __future__ import annotations

import itertools
import os
import time
from typing import Any

from bench.loadgen.catalogue import option_values
from bench.loadgen.client import Exchange, HttpClient
from bench.loadgen.operations import Request
from bench.loadgen.preload import Clerk, PreloadError
from bench.loadgen.session import Session, Turn
from bench.loadgen.traffic import Traffic
from bench.loadgen.world import World

#: Locust has no preload: a few patterns are enough that predictions are not empty.
_LESSONS_PER_NODE = 20
_TIMEOUT = 30.0
_CONNECTIONS = 40


class StandaloneDriver:
    """Every user sends as soon as its last answer is in and its wait is over: a closed model, as Locust's.

    Options of the scenario come from the environment: KATO_BENCH_DATA="nodes=2 patterns=50"."""

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self._numbers = itertools.count()
        self._sessions: list[Session] = []
        environment.events.test_start.add_listener(self._begin)
        environment.events.test_stop.add_listener(self._end)

    def _begin(self, environment: Any, **_: Any) -> None:
        user_class = environment.user_classes[0]
        given = dict(pair.split("=", 1) for pair in os.environ.get("KATO_BENCH_DATA", "").split())
        self.world = World(
            options=option_values(user_class.scenario, given),
            seed=1,
            run=f"locust{os.getpid()}",
            sessions=environment.runner.target_user_count or 1,
        )
        client = HttpClient(environment.host or "http://127.0.0.1:8000", _CONNECTIONS, _TIMEOUT)
        self._traffic = Traffic(client, environment.events, None, _TIMEOUT)
        self._clerk = Clerk(self._traffic, lambda turn: None)
        user_class.prepare(self.world)
        nodes = range(int(self.world.options["nodes"]))
        lessons = itertools.islice(user_class.lessons(self.world), _LESSONS_PER_NODE * len(nodes))
        try:
            self._clerk.teach(lessons, self.world, nodes, lambda: False)
        except PreloadError as error:
            print(f"kato-bench: {error}")
            environment.process_exit_code = 6
            environment.runner.quit()
        environment.stats.reset_all()

    def _end(self, **_: Any) -> None:
        self._clerk.clean(self._sessions, self.world, sorted({session.node for session in self._sessions}))

    def enter(self, user: Any) -> Session:
        index = next(self._numbers)
        node = index % int(self.world.options["nodes"])
        session = Session(index, node, self.world.node_name(node))
        self._traffic.open(session, self.world.config(), self.turn(user))
        self._sessions.append(session)
        return session

    def turn(self, user: Any) -> Turn:
        now = time.monotonic()
        return Turn(now, now, "measure")

    def send(self, user: Any, request: Request, turn: Turn) -> Exchange:
        return self._traffic.send(user.session, request, turn)

    def pause(self) -> float:
        return self.world.rng("pause", next(self._numbers)).uniform(0.1, 0.5)
