"""Recommend: visitors look at one item after the other and are told what comes next.

Stands for: shops and media libraries that keep what was looked at, and how it was liked, in KATO, on a
few nodes that all visitors share. Mix: observe (item, category, and a rating as emotive), predict the
best ten, and so on; a clear when the visit is over (at 6 events: 46 % / 46 % / 8 %). Data: items are
words of real prose, a visit begins as one that was learned and then goes its own way; an item has its
category and rating for good. Must not: observe with predictions on in two sessions of one node (that
stops a KATO worker), send tokens with quotes, touch more than 90 nodes (a node per visitor would), go
on observing without a clear: KATO keeps up to 1 000 emotives of a session, and learning does not empty them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace

from bench.loadgen.operations import clear, observe, predict
from bench.loadgen.user import Script
from bench.loadgen.world import Lesson, World
from scenarios.taught import TaughtUser

SCENARIO = {
    "title": "visits: observe an item with its rating, then predict the next ones",
    "operations": ["create", "observe", "predict", "clear"],
    "session": {"recall_threshold": 0.2, "max_predictions": 10},
    "mix": {"observe": 0.46, "predict": 0.46, "clear": 0.08},
    "options": {
        "nodes": {"default": 4, "min": 1, "max": 90, "help": "nodes that the visitors share"},
        "sessions": {"default": 20, "min": 1, "max": 20000, "help": "visits that go on at the same time"},
        "patterns": {"default": 200, "min": 1, "max": 10000000, "help": "learned visits per node"},
        "events": {"default": 6, "min": 3, "max": 100, "help": "items of a visit"},
    },
    "defaults": {"rate": 40.0},
}

_CATEGORIES, _RATINGS = 20, 5


class Recommend(TaughtUser):
    scenario = SCENARIO

    @classmethod
    def lessons(cls, world: World) -> Iterator[Lesson]:
        """Visits: each token of a pattern is an item."""
        for lesson in super().lessons(world):
            items = [item for (item,) in lesson.events]
            ratings = tuple({"rating": _rating(item)} for item in items)
            yield replace(lesson, events=tuple(map(_event, items)), emotives=ratings)

    def script(self) -> Script:
        for visit in self.conversations(self.world.rng("recommend", self.session.index)):
            for (item,) in visit:
                yield observe(_event(item), emotives={"rating": _rating(item)})
                yield predict()
            yield clear()


def _event(item: str) -> tuple[str, str]:
    return f"category:{zlib.crc32(item.encode()) % _CATEGORIES}", f"item:{item}"


def _rating(item: str) -> float:
    """From 1 to 5."""
    return 1.0 + zlib.crc32(item.encode()) // _CATEGORIES % _RATINGS
