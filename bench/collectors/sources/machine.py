"""How fast the machine is from moment to moment: the CPU time of a piece of work that is always the same.

Virtual CPUs change their speed by tens of percent within minutes: with the clock, and with what the other
half of a core does, for another tenant or for ourselves. Every CPU time of a run carries that factor. Here
it is measured apart, so that a comparison can take it out (`bench.stats.paired.adjusted`)."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from statistics import median
from typing import Any, ClassVar, Self

from bench.collectors.base import WHOLE, Collector, Context, Discovery, Metric, Row, gauge

#: Pieces in a sample, and the seconds between them: they spread over most of a second.
_PIECES, _PAUSE = 5, 0.15
_DOCUMENT = {f"key{number}": [number, number / 7, str(number) * 3] for number in range(250)}


class MachineCollector:
    source: ClassVar[str] = "machine"
    metrics: ClassVar[Mapping[str, Metric]] = {
        "work_seconds": gauge(
            "CPU time of a fixed piece of work (interpreter, memory, JSON), median of the last second's",
            "seconds",
        )
    }
    min_interval: ClassVar[float] = 0.0

    @classmethod
    def create(cls, context: Context) -> Self | None:
        return cls()

    def discover(self) -> Discovery:
        return Discovery()

    def sample(self) -> list[Row]:
        took = []
        for piece in range(_PIECES):
            if piece:
                time.sleep(_PAUSE)
            began = time.thread_time()
            _work()
            took.append(time.thread_time() - began)
        return [("work_seconds", WHOLE, round(median(took), 7))]

    def close(self) -> None: ...


def _work() -> int:
    """About half a millisecond of what a Python server does: parse, look up, compare, write."""
    document: dict[str, Any] = json.loads(json.dumps(_DOCUMENT))
    seen: dict[str, int] = {}
    for key, (number, _, text) in document.items():
        for part in (key, text):
            seen[part] = seen.get(part, 0) + len(part) * number
    return sum(value for value in sorted(seen.values()) if value % 3)


COLLECTOR: type[Collector] = MachineCollector
