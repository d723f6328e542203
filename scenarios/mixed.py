"""Mixed: several workloads, or single operations, in proportions that are given or learned.

Stands for: a deployment that serves more than one application, or one whose access log is at hand
(`kato-bench mix ACCESS.log` writes the weights). Mix: each request is drawn by the weights: of a scenario
(`chat`, `train`, `recommend`, `score`, `churn`) it is the next one of that scenario, of an operation
one of that kind; with no weight at all chat 5, recommend 3, train 2. Shares of operations come out
as weighted: what a session cannot do yet (learn with an empty memory, delete a session that is still
in use) is made up for as soon as it can. Data: real prose; every part has nodes and sessions of its
own, so that what `train` learns is not what `chat` reads. Must not: learn more often than it observes,
delete more sessions than it creates (refused), observe with predictions on in two sessions of one node,
touch more than 90 nodes, send tokens with quotes. Without a `clear`, a `learn` or a `create` sessions
grow to KATO's 1 000 events, and predictions with them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, zip_longest
from typing import Protocol

from bench.errors import UsageError
from bench.loadgen.catalogue import option_values
from bench.loadgen.client import Exchange
from bench.loadgen.operations import Request
from bench.loadgen.session import Session
from bench.loadgen.user import KatoUser, Script
from bench.loadgen.world import Lesson, World
from scenarios import chat, churn, recommend, score, train
from scenarios.singles import OPERATIONS, Singles

SCENARIO = {
    "title": "several workloads or single operations by weight, given or learned from an access log",
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
        "lookup",
    ],
    "options": {
        "nodes": {"default": 8, "min": 1, "max": 90, "help": "nodes, divided among the parts of the mix"},
        "sessions": {"default": 20, "min": 1, "max": 20000, "help": "sessions of each part"},
        "patterns": {"default": 100, "min": 1, "max": 10000000, "help": "learned patterns per node"},
        "events": {"default": 5, "min": 3, "max": 100, "help": "events of a pattern"},
        "symbols": {"default": 2, "min": 1, "max": 100, "help": "tokens in an event"},
        "chat": {"default": 0.0, "min": 0.0, "max": 1e9, "help": "weight of the scenario chat"},
        "train": {"default": 0.0, "min": 0.0, "max": 1e9, "help": "weight of the scenario train"},
        "recommend": {"default": 0.0, "min": 0.0, "max": 1e9, "help": "weight of the scenario recommend"},
        "score": {"default": 0.0, "min": 0.0, "max": 1e9, "help": "weight of the scenario score"},
        "churn": {"default": 0.0, "min": 0.0, "max": 1e9, "help": "weight of the scenario churn"},
        "create": {"default": 0.0, "min": 0.0, "max": 1e9, "help": "weight of single creates"},
        "observe": {"default": 0.0, "min": 0.0, "max": 1e9, "help": "weight of single observes"},
        "sequence": {"default": 0.0, "min": 0.0, "max": 1e9, "help": "weight of single observe-sequences"},
        "learn": {"default": 0.0, "min": 0.0, "max": 1e9, "help": "weight of single learns"},
        "predict": {"default": 0.0, "min": 0.0, "max": 1e9, "help": "weight of single predictions"},
        "stm": {"default": 0.0, "min": 0.0, "max": 1e9, "help": "weight of single looks at the STM"},
        "clear": {"default": 0.0, "min": 0.0, "max": 1e9, "help": "weight of single clears of the STM"},
        "config": {"default": 0.0, "min": 0.0, "max": 1e9, "help": "weight of reading or changing a config"},
        "extend": {"default": 0.0, "min": 0.0, "max": 1e9, "help": "weight of extending a session"},
        "delete": {"default": 0.0, "min": 0.0, "max": 1e9, "help": "weight of deleting a session"},
        "finalize": {"default": 0.0, "min": 0.0, "max": 1e9, "help": "weight of finalize-training"},
        "lookup": {"default": 0.0, "min": 0.0, "max": 1e9, "help": "weight of other questions (GET /health)"},
    },
    "defaults": {"rate": 40.0},
}

_SCENARIOS: dict[str, type[KatoUser]] = {
    "chat": chat.Chat,
    "train": train.Train,
    "recommend": recommend.Recommend,
    "score": score.Score,
    "churn": churn.Churn,
}
_USUAL = {"chat": 5.0, "recommend": 3.0, "train": 2.0}
#: All single operations together are one part; what they need is what `chat` needs.
_SINGLE = "single"


class _Part(Protocol):
    """Makes the requests of one user's share in a part of the mix."""

    def request(self, name: str) -> Request | None:
        """The next request, now that `name` was drawn; None if it can make none at the moment."""

    def tell(self, answer: Exchange) -> None:
        """What the request that it made last was answered."""


@dataclass(frozen=True)
class _Mix:
    """`weights` by scenario and operation, `worlds` by part, `sessions` by part and user."""

    weights: Mapping[str, float]
    worlds: Mapping[str, World]
    sessions: dict[tuple[str, int], Session]


class _Whole:
    """A scenario as a part: its requests in the order of its own script."""

    def __init__(self, user: KatoUser) -> None:
        self._session = user.session
        self._script = user.script()
        self._request = next(self._script)

    def request(self, name: str) -> Request:
        return self._request if self._request.session else self._request.on(self._session)

    def tell(self, answer: Exchange) -> None:
        self._request = self._script.send(answer)


class Mixed(KatoUser):
    scenario = SCENARIO

    @classmethod
    def prepare(cls, world: World) -> None:
        """`world.shared`: a `_Mix`."""
        weights = _weights(world.options)
        parts = list(dict.fromkeys(map(_part, weights)))
        nodes = world.options["nodes"]
        if nodes < len(parts):
            raise UsageError(f"--data nodes={nodes}: give {len(parts)} or more, one for each part of the mix")
        worlds = {}
        first = 0
        for place, part in enumerate(parts):
            count = nodes // len(parts) + (place < nodes % len(parts))
            worlds[part] = _inner(world, _user(part), first, count)
            _user(part).prepare(worlds[part])
            first += count
        world.shared = _Mix(weights, worlds, {})

    @classmethod
    def lessons(cls, world: World) -> Iterator[Lesson]:
        """The parts take turns, as the nodes of a part do."""
        parts = (_lessons(_user(part), inner) for part, inner in world.shared.worlds.items())
        for turn in zip_longest(*parts):
            yield from (lesson for lesson in turn if lesson is not None)

    @classmethod
    def opened(cls, world: World, own: Session) -> Sequence[Session]:
        mix: _Mix = world.shared
        opened: list[Session] = []
        for place, (part, inner) in enumerate(mix.worlds.items()):
            session = inner.session(own.index + place * world.sessions, own.index % inner.options["nodes"])
            mix.sessions[part, own.index] = session
            opened += _user(part).opened(inner, session)
        return opened

    def script(self) -> Script:
        mix: _Mix = self.world.shared
        parts: dict[str, _Part] = {}
        for name, inner in mix.worlds.items():
            user = _user(name).seated(inner, mix.sessions[name, self.session.index])
            parts[name] = Singles(user) if name == _SINGLE else _Whole(user)
        names, bounds = list(mix.weights), list(accumulate(mix.weights.values()))
        rng = self.world.rng("mixed", self.session.index)
        while True:
            name = names[bisect_right(bounds, rng.random() * bounds[-1])]
            part = parts[_part(name)]
            request = part.request(name)
            if request is not None:
                part.tell((yield request))


def _weights(options: Mapping[str, float]) -> dict[str, float]:
    """By scenario and operation, those that are not 0. Raises UsageError for a mix that cannot be sent."""
    found = {name: options[name] for name in (*_SCENARIOS, *OPERATIONS) if options[name] > 0}
    told = found.get("observe", 0) + found.get("sequence", 0)
    if found.get("learn", 0) > told:
        raise UsageError(
            f"--data learn={found['learn']:g}: give no more than observe and sequence together, which are "
            f"{told:g}: there must be something to learn"
        )
    if found.get("delete", 0) > found.get("create", 0):
        raise UsageError(
            f"--data delete={found['delete']:g}: give no more than create, which is "
            f"{found.get('create', 0):g}: only sessions that were created can be deleted"
        )
    return found or dict(_USUAL)


def _part(name: str) -> str:
    return name if name in _SCENARIOS else _SINGLE


def _user(part: str) -> type[KatoUser]:
    return _SCENARIOS.get(part, chat.Chat)


def _lessons(user: type[KatoUser], inner: World) -> Iterator[Lesson]:
    """What a part is to learn, on the nodes that it has among those of the mix."""
    for lesson in user.lessons(inner):
        yield replace(lesson, node=lesson.node + inner.first_node)


def _inner(world: World, user: type[KatoUser], first_node: int, nodes: int) -> World:
    """The world of a part: its own options, those of the mix where they have the same name, and its nodes."""
    options = option_values(user.scenario, {})
    options |= {name: world.options[name] for name in ("patterns", "events", "symbols") if name in options}
    options |= {"nodes": nodes, "sessions": world.sessions}
    return replace(world, options=options, first_node=first_node, shared=None)
