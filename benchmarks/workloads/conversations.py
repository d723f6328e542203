"""Observations with bodies and predictions by turns, on many sessions."""

from __future__ import annotations

from bench.loadgen.operations import observe, predict
from bench.loadgen.user import KatoUser, Script

SCENARIO = {
    "title": "observe and predict",
    "operations": ["create", "observe", "predict"],
    "options": {"nodes": {"default": 1}, "sessions": {"default": 32}},
    "defaults": {},
}


class Conversations(KatoUser):
    scenario = SCENARIO

    def script(self) -> Script:
        rng = self.world.rng("words", self.session.index)
        while True:
            yield observe([f"word{rng.randrange(5000)}" for _ in range(3)])
            yield predict()
