"""Hierarchy: texts are learned on four levels; the name of a pattern learned below is the token above.

Stands for: the hierarchical training of language models on KATO, its heaviest use: each training unit has
a session on each level's node for as long as a document lasts. Mix: chunks of `chunk` tokens, a token an
event, are learned on the lowest level (observe-sequence that learns); each name is observed one level
up, and after `branch` names that level learns too, and so on to the top, then the document's sessions
are deleted (a document at the defaults: 27 sequence, 39 observe, 13 learn, 4 create, 4 delete). Data:
real prose; every document goes on where its unit's last one ended, so that chunks are new but tokens
are not. Must not: observe with predictions on (units share their levels' nodes: that stops a KATO worker
for ever), learn from a single symbol (KATO names no pattern then), keep sessions beyond their document,
send tokens with quotes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.loadgen.operations import create, delete, learn, learned, observe, sequence
from bench.loadgen.session import Session
from bench.loadgen.user import KatoUser, Script
from bench.loadgen.world import World
from scenarios import corpus

SCENARIO = {
    "title": "training on four levels: the pattern learned below is the token above",
    "operations": ["create", "sequence", "observe", "learn", "delete"],
    "mix": {"sequence": 0.31, "observe": 0.45, "learn": 0.15, "create": 0.045, "delete": 0.045},
    "learning": 0.46,
    "options": {
        "nodes": {"default": 4, "min": 2, "max": 8, "help": "levels, each a node of its own"},
        "sessions": {"default": 8, "min": 1, "max": 2000, "help": "training units, with a session a level"},
        "chunk": {"default": 8, "min": 2, "max": 100, "help": "tokens of a pattern on the lowest level"},
        "branch": {"default": 3, "min": 2, "max": 20, "help": "names of a pattern on the levels above"},
    },
    "defaults": {"rate": 40.0},
}

#: Seconds; a document takes less, and a unit that is cut off leaves its sessions to KATO for no longer.
_TTL = 3600


class Hierarchy(KatoUser):
    scenario = SCENARIO

    @classmethod
    def prepare(cls, world: World) -> None:
        """`world.shared`: the text."""
        world.shared = corpus.shared(world.corpus)

    @classmethod
    def opened(cls, world: World, own: Session) -> Sequence[Session]:
        return []

    def script(self) -> Script:
        world = self.world
        levels = [
            world.session(self.session.index + level * world.sessions, level)
            for level in range(world.options["nodes"])
        ]
        chunks = self._chunks()
        while True:
            for level in levels:
                yield create(level.node_name, world.config(), _TTL).on(level)
            if all(level.session_id for level in levels):
                yield from self._learn(levels, chunks)
            for level in levels:
                if level.session_id:
                    yield delete().on(level)

    def _learn(self, levels: Sequence[Session], chunks: Iterator[corpus.Pattern]) -> Script:
        """One document: as many chunks as make one pattern on the top level."""
        branch = self.world.options["branch"]
        waiting = [0] * len(levels)
        for _ in range(branch ** (len(levels) - 1)):
            answer = yield sequence(next(chunks), learn_at_end=True).on(levels[0])
            name = learned(answer.body)
            for level in range(1, len(levels)):
                if name is None:
                    break
                answer = yield observe([name]).on(levels[level])
                waiting[level] += not answer.error
                if waiting[level] < branch:
                    break
                waiting[level] = 0
                answer = yield learn().on(levels[level])
                name = learned(answer.body)

    def _chunks(self) -> Iterator[corpus.Pattern]:
        """The text from a place drawn for this unit, in chunks of one token an event; it begins again where
        it ends."""
        words: corpus.Corpus = self.world.shared
        size = self.world.options["chunk"]
        place = int(self.world.rng("hierarchy", self.session.index).random() * len(words.ids))
        while True:
            ids = (words.ids[(place + offset) % len(words.ids)] for offset in range(size))
            yield tuple((words.words[i],) for i in ids)
            place += size
