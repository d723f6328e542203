"""A scenario under plain Locust: `locust -f scenarios/chat.py --host URL`."""

from __future__ import annotations

import itertools
import os
import time
from typing import Any

from bench.addresses import parse, require_loopback
from bench.errors import UsageError
from bench.loadgen.catalogue import option_values
from bench.loadgen.client import Exchange, HttpClient
from bench.loadgen.operations import Request
from bench.loadgen.preload import Clerk, PreloadError
from bench.loadgen.qdrant import StoreError
from bench.loadgen.roster import Roster
from bench.loadgen.session import Session, Turn
from bench.loadgen.sockets import Sockets
from bench.loadgen.traffic import Traffic
from bench.loadgen.world import World

#: Locust has no preload: a few patterns are enough that predictions are not empty.
_LESSONS_PER_NODE = 20
_TIMEOUT = 30.0
_CONNECTIONS = 40


class StandaloneDriver:
    """Every user sends as soon as its last answer is in and its wait is over: a closed model, as Locust's.

    Options of the scenario come from the environment: KATO_BENCH_DATA="nodes=2 patterns=50". So do addresses
    of KATO's stores, for scenarios that reach for them: KATO_BENCH_STORES="qdrant=http://127.0.0.1:6333";
    without one they leave out what they would do there."""

    paces_by_turns = False

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self._began = False
        environment.events.test_start.add_listener(self._begin)
        environment.events.test_stop.add_listener(self._end)

    def _begin(self, environment: Any, **_: Any) -> None:
        self._began = self._reaches_stores = False
        self._numbers = itertools.count()
        try:
            self._prepare(environment)
        except (UsageError, PreloadError, StoreError) as error:
            _say(str(error))
            environment.process_exit_code = error.exit_code if isinstance(error, UsageError) else 6
            environment.runner.quit()
        environment.stats.reset_all()

    def _prepare(self, environment: Any) -> None:
        self._user_class = user_class = environment.user_classes[0]
        self._stores = _pairs("KATO_BENCH_STORES")
        for name, url in self._stores.items():
            require_loopback(parse(f"KATO_BENCH_STORES {name}", url, ("http", "https", "redis"), "not a URL"))
        missing = [name for name in user_class.scenario.get("stores", ()) if name not in self._stores]
        for name in missing:
            _say(f'nothing is done at {name} itself: KATO_BENCH_STORES="{name}=URL" would say where it is')
        self.world = World(
            options=option_values(user_class.scenario, _pairs("KATO_BENCH_DATA")),
            seed=1,
            run=f"locust{os.getpid()}",
            sessions=environment.runner.target_user_count or 1,
            session_config=dict(user_class.scenario.get("session", {})),
            roster=Roster(),
        )
        url = environment.host or "http://127.0.0.1:8000"
        client = HttpClient(url, _CONNECTIONS, _TIMEOUT)
        self._traffic = Traffic(
            client,
            environment.events,
            None,
            _TIMEOUT,
            sockets=Sockets(url, client, _TIMEOUT),
            roster=self.world.roster,
            validates=bool(user_class.scenario.get("validates")),
        )
        self._pauses = self.world.rng("pause")
        self._clerk = Clerk(self._traffic, lambda turn: None)
        user_class.prepare(self.world)
        nodes = range(int(self.world.options["nodes"]))
        lessons = itertools.islice(user_class.lessons(self.world), _LESSONS_PER_NODE * len(nodes))
        self._reaches_stores = not missing
        self._clerk.teach(lessons, self.world, nodes, lambda: False)
        if self._reaches_stores:
            user_class.furnish(self.world, self._stores)
        user_class.begin(self.world, self._traffic, _say_event)
        self._began = True

    def _end(self, **_: Any) -> None:
        if not self._began:
            return
        self._user_class.end(self.world, _say_event)
        if self._reaches_stores:
            self._user_class.examine(self.world, self._stores, _say_event)
        self._clerk.clean(self.world.roster.remaining(), self.world, range(int(self.world.options["nodes"])))
        if self._reaches_stores:
            self._user_class.clear_away(self.world, self._stores)

    def enter(self, user: Any) -> Session:
        index = next(self._numbers)
        session = self.world.session(index, index % int(self.world.options["nodes"]))
        for wanted in user.opened(self.world, session):
            self._traffic.open(wanted, self.world.config(), self.turn(user))
        return session

    def turn(self, user: Any) -> Turn:
        now = time.monotonic()
        return Turn(now, now, "measure")

    def send(self, user: Any, request: Request, turn: Turn) -> Exchange:
        return self._traffic.send(user.session, request, turn)

    def pause(self) -> float:
        return self._pauses.uniform(0.1, 0.5)


def _pairs(variable: str) -> dict[str, str]:
    """The NAME=VALUE pairs of an environment variable. Raises UsageError for what is none."""
    texts = os.environ.get(variable, "").split()
    for text in texts:
        if "=" not in text:
            raise UsageError(f'{variable}="{text}": write NAME=VALUE, several with spaces between.')
    return dict(text.split("=", 1) for text in texts)


def _say(sentence: str) -> None:
    print(f"kato-bench: {sentence}", flush=True)


def _say_event(kind: str, **fields: Any) -> None:
    """An event in one line; of a list of numbers, which one has for each query, the mean."""
    means = {
        key: sum(value) / len(value) if isinstance(value, list) else value for key, value in fields.items()
    }
    _say(f"{kind}: " + ", ".join(f"{key} {_short(value)}" for key, value in means.items()))


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
