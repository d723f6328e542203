"""Train: parallel units teach KATO new patterns, one sequence at a time.

Stands for: the batch training of pattern memories. Mix: observe-sequence of `events` events, then learn, half
and half. Data: windows over real prose, every learned pattern new. Must not: predict at observe time, send
tokens with quotes, touch more than 90 nodes.
"""

from __future__ import annotations

import itertools

from bench.loadgen.operations import learn, sequence
from bench.loadgen.user import KatoUser, Script
from bench.loadgen.world import World
from scenarios import corpus

SCENARIO = {
    "title": "training: observe-sequence, then learn, every pattern new",
    "operations": ["create", "sequence", "learn"],
    "mix": {"sequence": 0.5, "learn": 0.5},
    "options": {
        "nodes": {"default": 4, "min": 1, "max": 90, "help": "nodes that are trained"},
        "sessions": {"default": 16, "min": 1, "max": 20000, "help": "parallel training units"},
        "events": {"default": 5, "min": 1, "max": 1000, "help": "events of a pattern"},
        "symbols": {"default": 2, "min": 1, "max": 100, "help": "tokens in an event"},
    },
    "defaults": {"rate": 40.0},
}


class Train(KatoUser):
    scenario = SCENARIO

    @classmethod
    def prepare(cls, world: World) -> None:
        """`world.shared`: one endless supply of distinct patterns, and those taken from it so far."""
        options = world.options
        words = corpus.shared(world.corpus)
        supply = words.iter_patterns(events=options["events"], symbols=options["symbols"], seed=world.seed)
        world.shared = supply, []

    def script(self) -> Script:
        supply, taken = self.world.shared
        for number in itertools.count(self.session.index, self.world.sessions):
            while len(taken) <= number:
                taken.append(next(supply))
            yield sequence(taken[number], learn_at_end=False)
            yield learn()
