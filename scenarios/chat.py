"""Chat: many conversations over a few nodes, each turn an observation and a prediction.

Stands for: assistants and recommenders that feed KATO what a user just did and ask what comes next.
Mix: observe, predict, observe, predict ... and a clear after `events` turns (at 5 events: 45 % / 45 % / 9 %).
Data: windows over real prose; a conversation begins as a learned pattern does, with some noise, so that
predictions find something. Must not: observe with predictions on in two sessions of one node (that stops a
KATO worker), send tokens with quotes (they break KATO's filters), touch more than 90 nodes (KATO evicts).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from bench.loadgen.operations import clear, observe, predict
from bench.loadgen.user import KatoUser, Script
from bench.loadgen.world import Lesson, World
from scenarios import corpus

SCENARIO = {
    "title": "conversations: observe, then predict, on many sessions over several nodes",
    "operations": ["create", "observe", "predict", "clear"],
    "mix": {"observe": 0.45, "predict": 0.45, "clear": 0.09},
    "options": {
        "nodes": {"default": 4, "min": 1, "max": 90, "help": "nodes that the sessions share"},
        "sessions": {"default": 20, "min": 1, "max": 20000, "help": "open conversations"},
        "patterns": {"default": 200, "min": 0, "max": 10000000, "help": "learned patterns per node"},
        "events": {"default": 5, "min": 2, "max": 100, "help": "events of a pattern and of a conversation"},
        "symbols": {"default": 2, "min": 1, "max": 100, "help": "tokens in an event"},
    },
    "defaults": {"rate": 40.0},
}


class Chat(KatoUser):
    scenario = SCENARIO

    @classmethod
    def prepare(cls, world: World) -> None:
        """`world.shared`: the learned patterns of each node."""
        options = world.options
        words = corpus.shared(world.corpus)
        nodes, count = options["nodes"], max(1, options["patterns"])
        patterns = words.patterns(
            nodes * count, events=options["events"], symbols=options["symbols"], seed=world.seed
        )
        world.shared = words, [patterns[node::nodes] for node in range(nodes)]

    @classmethod
    def lessons(cls, world: World) -> Iterator[Lesson]:
        _, patterns = world.shared
        for number in range(world.options["patterns"]):
            for node, learned in enumerate(patterns):
                yield Lesson(node, learned[number])

    def script(self) -> Script:
        words, patterns = self.world.shared
        known = patterns[self.node]
        rng = self.world.rng("chat", self.session.index)
        longest = self.world.options["events"]
        # The first conversation of each session is cut short at random, so that not all clear together.
        length = rng.randint(1, longest)
        while True:
            for event in islice(words.conversation(rng.choice(known), rng), length):
                yield observe(event)
                yield predict()
            yield clear()
            length = longest
