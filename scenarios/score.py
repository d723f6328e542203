"""Score: a batch is scored by many sessions, each of which lives for one item only.

Stands for: nightly scoring of time series, tickers or documents: a session is made, the item's window
replayed, the prediction read, the session deleted. Mix: create, observe-sequence, predict, delete, a
quarter each. Data: beginnings of learned patterns of real prose, with some noise, so that predictions
find something. Must not: keep sessions (each is deleted at once, and lives for ten minutes where that
fails), give each item a node of its own (KATO evicts above 100), observe with predictions on in two
sessions of one node, send tokens with quotes.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench.loadgen.operations import create, delete, predict, sequence
from bench.loadgen.session import Session
from bench.loadgen.user import Script
from bench.loadgen.world import World
from scenarios.taught import Taught, TaughtUser

SCENARIO = {
    "title": "batch scoring: a session for each item, which is replayed, predicted from, and done",
    "operations": ["create", "sequence", "predict", "delete"],
    "mix": {"create": 0.25, "sequence": 0.25, "predict": 0.25, "delete": 0.25},
    "options": {
        "nodes": {"default": 4, "min": 1, "max": 90, "help": "nodes that the items share"},
        "sessions": {"default": 16, "min": 1, "max": 20000, "help": "items that are scored at the same time"},
        "patterns": {"default": 200, "min": 1, "max": 10000000, "help": "learned patterns per node"},
        "events": {"default": 6, "min": 2, "max": 100, "help": "events of a pattern"},
        "symbols": {"default": 2, "min": 1, "max": 100, "help": "tokens in an event"},
    },
    "defaults": {"rate": 40.0},
}

#: Seconds.
_TTL = 600


class Score(TaughtUser):
    scenario = SCENARIO

    @classmethod
    def opened(cls, world: World, own: Session) -> Sequence[Session]:
        return []

    def script(self) -> Script:
        taught: Taught = self.world.shared
        known = taught.known[self.node]
        rng = self.world.rng("score", self.session.index)
        while True:
            window = taught.words.prompt(rng.choice(known), rng)
            opened = yield create(self.session.node_name, self.world.config(), _TTL)
            if opened.error:
                continue
            yield sequence(window, learn_at_end=False)
            yield predict()
            yield delete()
