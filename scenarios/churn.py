"""Churn: sessions come and go; few requests each, some prolonged, some deleted, some left to expire.

Stands for: front ends with many short visits, where clients forget to say goodbye. Mix: create, one to
three observes, stm, a second time to live (`extend`) for half of the sessions, then delete, or nothing
for `abandoned` of them: those KATO forgets after `ttl` seconds (at the defaults: 19 % create, 38 %
observe, 19 % stm, 9 % extend, 15 % delete). Data: events of real prose; nothing is learned. Must not:
ask for a session that has expired (the first such request costs KATO some 1 450 Redis commands), leave
sessions behind (what has not expired when the run ends is deleted), observe with predictions on in two
sessions of one node, give each session a node of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from bench.loadgen.operations import create, delete, extend, observe, stm
from bench.loadgen.session import Session
from bench.loadgen.user import KatoUser, Script
from bench.loadgen.world import World
from scenarios import corpus

SCENARIO = {
    "title": "short sessions: created, used a little, extended, deleted or left to expire",
    "operations": ["create", "observe", "stm", "extend", "delete"],
    "mix": {"create": 0.19, "observe": 0.38, "stm": 0.19, "extend": 0.09, "delete": 0.15},
    "options": {
        "nodes": {"default": 8, "min": 1, "max": 90, "help": "nodes that the sessions share"},
        "sessions": {"default": 20, "min": 1, "max": 20000, "help": "sessions in use at the same time"},
        "ttl": {
            "default": 60,
            "min": 10,
            "max": 86400,
            "help": "seconds until KATO forgets a session that is not used",
        },
        "abandoned": {
            "default": 0.2,
            "min": 0.0,
            "max": 1.0,
            "help": "share of the sessions that are left to expire",
        },
        "symbols": {"default": 2, "min": 1, "max": 100, "help": "tokens in an event"},
    },
    "defaults": {"rate": 40.0},
}

_MOST_EVENTS = 3
_EXTENDED = 0.5
#: Events to choose from; they repeat themselves, as visits do.
_STOCK = 1000


class Churn(KatoUser):
    scenario = SCENARIO

    @classmethod
    def prepare(cls, world: World) -> None:
        """`world.shared`: short runs of events."""
        words = corpus.shared(world.corpus)
        supply = words.iter_patterns(events=_MOST_EVENTS, symbols=world.options["symbols"], seed=world.seed)
        world.shared = list(islice(supply, _STOCK))

    @classmethod
    def opened(cls, world: World, own: Session) -> Sequence[Session]:
        return []

    def script(self) -> Script:
        options = self.world.options
        ttl = options["ttl"]
        rng = self.world.rng("churn", self.session.index)
        while True:
            visit = rng.choice(self.world.shared)[: rng.randint(1, _MOST_EVENTS)]
            extended, abandoned = rng.random() < _EXTENDED, rng.random() < options["abandoned"]
            opened = yield create(self.session.node_name, self.world.config(), ttl)
            if opened.error:
                continue
            for event in visit:
                yield observe(event)
            yield stm()
            if extended:
                yield extend(ttl)
            if abandoned:
                self.world.roster.leave(self.session, ttl)
            else:
                yield delete()
