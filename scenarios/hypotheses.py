"""Hypotheses: one history, and several ways in which it may go on, asked about at the same time.

Stands for: planners and rankers that let KATO compare alternatives: each alternative has a session of
its own, replays the common history with one more event, and reads the prediction. Mix: observe-sequence,
predict, clear, a third each; the alternatives of one history are due at the same moment (Poisson arrivals
become Poisson arrivals of groups, at the same rate; with `--users` each goes on alone). Data: beginnings
of learned patterns; the first alternative goes on as the pattern does, the others as other patterns
do. Must not: put the alternatives into one session (parallel requests of one session lose updates)
or one connection, observe with predictions on (parallel sessions of one node stop a KATO worker for
ever), send tokens with quotes. KATO 3.10 itself now and then answers parallel predictions of one node
with each other's limits; that is what `--session max_predictions=N` shows.
"""

from __future__ import annotations

from bench.errors import UsageError
from bench.loadgen.grouping import groups
from bench.loadgen.operations import clear, predict, sequence
from bench.loadgen.user import Script
from bench.loadgen.world import World
from scenarios.taught import Taught, TaughtUser

SCENARIO = {
    "title": "alternatives of one history, each in a session of its own, all at the same time",
    "operations": ["create", "sequence", "predict", "clear"],
    "together": "alternatives",
    "mix": {"sequence": 0.33, "predict": 0.33, "clear": 0.33},
    "options": {
        "nodes": {"default": 1, "min": 1, "max": 90, "help": "nodes that the histories share"},
        "sessions": {
            "default": 24,
            "min": 2,
            "max": 20000,
            "help": "histories times alternatives, a multiple of nodes times alternatives",
        },
        "alternatives": {"default": 8, "min": 2, "max": 40, "help": "sessions that share a history"},
        "patterns": {"default": 200, "min": 2, "max": 10000000, "help": "learned patterns per node"},
        "events": {"default": 6, "min": 3, "max": 100, "help": "events of a pattern"},
        "symbols": {"default": 2, "min": 1, "max": 100, "help": "tokens in an event"},
    },
    "defaults": {"rate": 24.0},
}


class Hypotheses(TaughtUser):
    scenario = SCENARIO

    @classmethod
    def prepare(cls, world: World) -> None:
        options = world.options
        nodes, size = options["nodes"], options["alternatives"]
        # A closed model brings as many users as it likes: the last of them may lack company.
        if world.sessions == options["sessions"] and world.sessions % (nodes * size):
            raise UsageError(
                f"--data sessions={world.sessions}: give a multiple of {nodes * size}, which is nodes times "
                "alternatives"
            )
        super().prepare(world)

    def script(self) -> Script:
        taught: Taught = self.world.shared
        known = taught.known[self.node]
        size = self.world.options["alternatives"]
        count = groups(size, self.world.sessions)
        group, member = self.session.index % count, self.session.index // count
        # All members draw the same, so that they agree on the history without a word.
        rng = self.world.rng("hypotheses", group)
        while True:
            pattern = rng.choice(known)
            history = taught.words.prompt(pattern, rng)
            place = min(len(history), len(pattern) - 1)
            alternatives = [pattern[place], *(rng.choice(known)[place] for _ in range(1, size))]
            yield sequence((*history, alternatives[member % size]), learn_at_end=False)
            yield predict()
            yield clear()
