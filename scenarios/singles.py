"""Single operations in any order, as far as a session can follow: what an access log knows of a workload."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bench.loadgen import operations
from bench.loadgen.client import Exchange
from bench.loadgen.operations import Request
from bench.loadgen.session import Session
from bench.loadgen.user import KatoUser
from scenarios.corpus import Event
from scenarios.taught import Taught

#: The operations that may be drawn.
OPERATIONS = (
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
    "lookup",
)

#: Seconds: of sessions that are never deleted, KATO shall be rid in time.
_TTL = 600
#: Sessions that wait for a `delete`; of more than these the oldest is left to expire.
_MOST_WAITING = 20
_HOUR = 3600


class Singles:
    """The requests of one user whose operations are drawn for it. `user.world.shared` is a `Taught`.

    What its session cannot do yet waits in a queue, and comes before what is drawn later: learning until
    something was observed, deleting until there is a session that a newer one has taken the place of."""

    def __init__(self, user: KatoUser) -> None:
        self._world = user.world
        self._session = user.session
        taught: Taught = self._world.shared
        self._words, self._known = taught.words, taught.known[user.node]
        self._rng = self._world.rng("singles", self._session.index)
        self._drawn: list[str] = []
        self._waiting: list[Session] = []
        self._holds_events = False
        self._sent = ""
        self._before = self._session
        self._told = self._conversation()
        self._shows_config = False

    def request(self, name: str) -> Request | None:
        self._drawn.append(name)
        place = next((i for i, drawn in enumerate(self._drawn) if self._can(drawn)), None)
        if place is None:
            return None
        self._sent = self._drawn.pop(place)
        return self._make(self._sent)

    def tell(self, answer: Exchange) -> None:
        if answer.error:
            return
        match self._sent:
            case "observe" | "sequence":
                self._holds_events = True
            case "learn" | "clear":
                self._begin_anew()
            case "create":
                self._replaced()

    def _can(self, name: str) -> bool:
        if name == "learn":
            return self._holds_events
        return name != "delete" or bool(self._waiting)

    def _make(self, name: str) -> Request:
        if name == "delete":
            return operations.delete().on(self._waiting.pop(0))
        return self._own(name).on(self._session)

    def _own(self, name: str) -> Request:
        """A request for the session that is in use."""
        match name:
            case "create":
                self._before = replace(self._session)
                return operations.create(self._session.node_name, self._world.config(), _TTL)
            case "observe":
                return operations.observe(next(self._told))
            case "sequence":
                events = [next(self._told) for _ in range(self._world.options["events"])]
                return operations.sequence(events, learn_at_end=False)
            case "learn":
                return operations.learn()
            case "predict":
                return operations.predict()
            case "stm":
                return operations.stm()
            case "clear":
                return operations.clear()
            case "config":
                self._shows_config = not self._shows_config
                if self._shows_config:
                    return operations.show_config()
                return operations.configure(self._world.config())
            case "extend":
                return operations.extend(_HOUR)
            case "finalize":
                return operations.finalize()
            case "lookup":
                return operations.ask("GET /health", "status")
        raise ValueError(f"there is no operation {name}")

    def _replaced(self) -> None:
        """A new session has taken the place of the one in use."""
        if self._before.session_id:
            self._waiting.append(self._before)
        if len(self._waiting) > _MOST_WAITING:
            self._world.roster.leave(self._waiting.pop(0), _TTL)
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._holds_events = False
        self._told = self._conversation()

    def _conversation(self) -> Iterator[Event]:
        while True:
            pattern = self._known[int(self._rng.random() * len(self._known))]
            yield from self._words.conversation(pattern, self._rng)
