"""Stream: dashboards listen to session events over WebSockets while sessions come and go.

Stands for: monitors that keep `/ws/events` open beside ordinary REST traffic. Mix: create, three observes,
predict, delete, over and over (one sixth create, half observe, one sixth each of predict and delete);
and for each create and delete one `events` a subscriber, on top of the rate: from when the request that
caused the event was sent until the event arrived. Data: conversations of real prose over a few learned
patterns. Must not: open so many sockets that KATO refuses (each takes the place of a connection), expect
that a socket hears of everything (KATO tells it of its own worker's sessions only; event `delivery`
in the record says how many were heard at all), observe with predictions on in two sessions of one node,
send tokens with quotes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.loadgen.client import Exchange
from bench.loadgen.operations import create, delete, observe, predict
from bench.loadgen.preload import PreloadError
from bench.loadgen.session import Session
from bench.loadgen.subscribers import Subscribers
from bench.loadgen.traffic import Traffic
from bench.loadgen.user import Note, Script
from bench.loadgen.world import World
from bench.record.vocabulary import DELIVERY
from scenarios.taught import Taught, TaughtUser

SCENARIO = {
    "title": "subscribers of session events beside sessions that come and go",
    "operations": ["create", "observe", "predict", "delete", "events"],
    "mix": {"create": 0.17, "observe": 0.5, "predict": 0.17, "delete": 0.17},
    "options": {
        "nodes": {"default": 4, "min": 1, "max": 90, "help": "nodes that the sessions share"},
        "sessions": {"default": 16, "min": 1, "max": 20000, "help": "sessions in use at the same time"},
        "subscribers": {
            "default": 4,
            "min": 1,
            "max": 30,
            "help": "open sockets; with several workers some more than workers",
        },
        "patterns": {"default": 100, "min": 1, "max": 10000000, "help": "learned patterns per node"},
        "events": {"default": 5, "min": 3, "max": 100, "help": "events of a pattern"},
        "symbols": {"default": 2, "min": 1, "max": 100, "help": "tokens in an event"},
    },
    "defaults": {"rate": 30.0},
}

#: Seconds.
_TTL = 600
_OBSERVED = 3


@dataclass
class _Data(Taught):
    """`subscribers`: None until the load begins."""

    subscribers: Subscribers | None = None


class Stream(TaughtUser):
    scenario = SCENARIO

    @classmethod
    def prepare(cls, world: World) -> None:
        """`world.shared`: a `_Data`."""
        taught = Taught.of(world)
        world.shared = _Data(taught.words, taught.known)

    @classmethod
    def opened(cls, world: World, own: Session) -> Sequence[Session]:
        return []

    @classmethod
    def begin(cls, world: World, traffic: Traffic, note: Note) -> None:
        try:
            world.shared.subscribers = Subscribers(traffic, world.options["subscribers"])
        except OSError as error:
            raise PreloadError(f"listening to session events failed: {error}") from error

    @classmethod
    def end(cls, world: World, note: Note) -> None:
        note(DELIVERY, **world.shared.subscribers.close())

    def script(self) -> Script:
        data: _Data = self.world.shared
        known = data.known[self.node]
        rng = self.world.rng("stream", self.session.index)
        while True:
            told = data.words.conversation(rng.choice(known), rng)[:_OBSERVED]
            opened = yield create(self.session.node_name, self.world.config(), _TTL)
            if opened.error:
                continue
            session_id = self.session.session_id
            self._expect("session.created", session_id, opened)
            for event in told:
                yield observe(event)
            yield predict()
            deleted = yield delete()
            if not deleted.error:
                self._expect("session.destroyed", session_id, deleted)

    def _expect(self, kind: str, session_id: str, exchange: Exchange) -> None:
        subscribers: Subscribers | None = self.world.shared.subscribers
        if subscribers is not None:
            subscribers.cause(kind, session_id, exchange)
