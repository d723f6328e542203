"""Chat: many conversations over a few nodes, each turn an observation and a prediction.

Stands for: assistants and recommenders that feed KATO what a user just did and ask what comes next.
Mix: observe, predict, observe, predict ... and a clear after `events` turns (at 5 events: 45 % / 45 % / 9 %).
Data: windows over real prose; a conversation begins as a learned pattern does, with some noise, so that
predictions find something. Must not: observe with predictions on in two sessions of one node (that stops a
KATO worker), send tokens with quotes (they break KATO's filters), touch more than 90 nodes (KATO evicts).
"""

from __future__ import annotations

from bench.loadgen.operations import clear, observe, predict
from bench.loadgen.user import Script
from scenarios.taught import TaughtUser

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


class Chat(TaughtUser):
    scenario = SCENARIO

    def script(self) -> Script:
        for told in self.conversations(self.world.rng("chat", self.session.index)):
            for event in told:
                yield observe(event)
                yield predict()
            yield clear()
