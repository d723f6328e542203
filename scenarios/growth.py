"""Growth: the same questions again and again, while the node learns more and more.

Stands for: a deployment that serves and learns at the same time, and whoever asks what learned
patterns cost. Mix: `learners` of the sessions send observe-sequence that learns, every pattern new;
the others tell KATO a history once, and from then on send one and the same predict (at the defaults:
25 % sequence, 75 % predict, and an extend now and then). The node grows by rate × learners / sessions
patterns a second; events `learned` in the record say when it reached how many. Data: windows over real
prose. Must not: predict at observe time, send tokens with quotes, learn on nodes that others read. Each
learn wipes KATO's cache of metrics, so that the next predict is a cold one: that belongs to the picture;
for a law of cost against patterns, without it, there is `kato-bench capacity growth`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from bench.errors import UsageError
from bench.loadgen.operations import extend, learned, predict, sequence
from bench.loadgen.traffic import Traffic
from bench.loadgen.user import Note, Script
from bench.loadgen.world import World
from bench.record.vocabulary import LEARNED
from scenarios import corpus
from scenarios.taught import Taught, TaughtUser

SCENARIO = {
    "title": "one and the same prediction, while the node learns more and more patterns",
    "operations": ["create", "sequence", "predict", "extend"],
    "mix": {"sequence": 0.25, "predict": 0.75},
    "learning": 0.25,
    "options": {
        "nodes": {"default": 1, "min": 1, "max": 90, "help": "nodes that grow"},
        "sessions": {"default": 16, "min": 2, "max": 20000, "help": "sessions that learn or ask"},
        "learners": {"default": 4, "min": 1, "max": 20000, "help": "of these, sessions that learn"},
        "patterns": {"default": 100, "min": 1, "max": 10000000, "help": "patterns per node to begin with"},
        "events": {"default": 5, "min": 2, "max": 100, "help": "events of a pattern"},
        "symbols": {"default": 2, "min": 1, "max": 100, "help": "tokens in an event"},
    },
    "defaults": {"rate": 40.0},
}

#: After so many predictions a session is extended: KATO forgets one that is only read an hour after it was
#: written to.
_QUESTIONS = 200
_HOUR = 3600
#: A node that has grown by this share since the last event `learned` gets another one.
_WORTH_TELLING = 0.1


def _nothing(kind: str, **fields: object) -> None:
    """Keeps no event."""


@dataclass
class _Data(Taught):
    """`places`: the sessions that learn, numbered. `supply`: what comes after the patterns that the nodes
    know to begin with, of which `taken` is out already; `learned`: how many patterns each node has, `told`
    how many it had in the last event."""

    places: dict[int, int]
    supply: Iterator[corpus.Pattern]
    taken: list[corpus.Pattern]
    learned: list[int]
    told: list[int]
    note: Note = _nothing

    def pattern(self, number: int) -> corpus.Pattern:
        while len(self.taken) <= number:
            self.taken.append(next(self.supply))
        return self.taken[number]

    def grew(self, node: int, name: str) -> None:
        self.learned[node] += 1
        if self.learned[node] >= self.told[node] * (1 + _WORTH_TELLING):
            self.told[node] = self.learned[node]
            self.note(LEARNED, node=name, patterns=self.learned[node])


class Growth(TaughtUser):
    scenario = SCENARIO

    @classmethod
    def prepare(cls, world: World) -> None:
        """`world.shared`: a `_Data`."""
        options = world.options
        nodes, count = options["nodes"], options["patterns"]
        if options["learners"] >= options["sessions"]:
            raise UsageError(
                f"--data learners={options['learners']}: give fewer than sessions ({options['sessions']}), "
                "so that somebody asks"
            )
        words = corpus.shared(world.corpus)
        supply = words.iter_patterns(events=options["events"], symbols=options["symbols"], seed=world.seed)
        first = list(itertools.islice(supply, nodes * count))
        known = [first[node::nodes] for node in range(nodes)]
        learners = (index for index in range(world.sessions) if _learns(index, world))
        places = {index: place for place, index in enumerate(learners)}
        world.shared = _Data(words, known, places, supply, [], [count] * nodes, [count] * nodes)

    @classmethod
    def begin(cls, world: World, traffic: Traffic, note: Note) -> None:
        world.shared.note = note

    def script(self) -> Script:
        data: _Data = self.world.shared
        return self._learn() if self.session.index in data.places else self._ask()

    def _learn(self) -> Script:
        data: _Data = self.world.shared
        for number in itertools.count(data.places[self.session.index], len(data.places)):
            answer = yield sequence(data.pattern(number), learn_at_end=True)
            if not answer.error and learned(answer.body):
                data.grew(self.node, self.session.node_name)

    def _ask(self) -> Script:
        data: _Data = self.world.shared
        rng = self.world.rng("growth", self.session.index)
        history = data.words.prompt(rng.choice(data.known[self.node]), rng)
        while (yield sequence(history, learn_at_end=False)).error:
            pass
        while True:
            for _ in range(_QUESTIONS):
                yield predict()
            yield extend(_HOUR)


def _learns(index: int, world: World) -> bool:
    """Whether the session learns: `learners` of `sessions`, spread evenly over the sessions of each node."""
    options = world.options
    return bool(index // options["nodes"] * options["learners"] % options["sessions"] < options["learners"])
