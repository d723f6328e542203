"""What scenarios have in common whose nodes have learned patterns of prose before the load begins."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from bench.loadgen.user import KatoUser
from bench.loadgen.world import Lesson, World
from scenarios import corpus


@dataclass
class Taught:
    """`words`: the text; `known`: of each node the patterns that it has learned."""

    words: corpus.Corpus
    known: list[list[corpus.Pattern]]

    @staticmethod
    def of(world: World) -> Taught:
        """What the scenario's options ask for. Where none says how many `symbols`, an event is one token; a
        node that learns no pattern knows one all the same, for conversations to begin with."""
        options = world.options
        nodes, count = options["nodes"], max(1, options["patterns"])
        words = corpus.shared(world.corpus)
        patterns = words.patterns(
            nodes * count, events=options["events"], symbols=options.get("symbols", 1), seed=world.seed
        )
        return Taught(words, [patterns[node::nodes] for node in range(nodes)])


class TaughtUser(KatoUser):
    """`world.shared` is a `Taught`, or something that adds to one."""

    abstract = True

    @classmethod
    def prepare(cls, world: World) -> None:
        world.shared = Taught.of(world)

    @classmethod
    def lessons(cls, world: World) -> Iterator[Lesson]:
        """The nodes take turns, so that they learn at the same time, and each its share if there is no time
        for all."""
        taught: Taught = world.shared
        for number in range(world.options["patterns"]):
            for node, known in enumerate(taught.known):
                yield Lesson(node, known[number])

    def conversations(self, rng: random.Random) -> Iterator[corpus.Pattern]:
        """Without end, each of the length of a pattern; but the session's first one is cut short at random,
        so that not all sessions end theirs together."""
        taught: Taught = self.world.shared
        known = taught.known[self.node]
        longest = self.world.options["events"]
        length = rng.randint(1, longest)
        while True:
            yield taught.words.conversation(rng.choice(known), rng)[:length]
            length = longest
