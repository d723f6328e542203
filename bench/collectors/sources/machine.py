"""How dear computing is from moment to moment: the CPU time of a piece of work that is always the same.

On virtual machines the CPU time of one and the same request differs by tens of percent from one minute to the
next: with the clock, with what the other half of a core does, and with how cold the caches are when a process
wakes. A server that waits for requests feels that at each of them, so the work is done as a server does it:
asleep, awake, a tenth of a millisecond of parsing and looking up, asleep again. Measured apart, it lets a
comparison take that factor out (`bench.stats.paired.adjusted`)."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from bench.collectors.base import WHOLE, Collector, Context, Discovery, Metric, Row, gauge

#: Pieces in a sample, and the seconds between them: they spread over most of a second.
_PIECES, _PAUSE = 30, 0.025
_DOCUMENT = {f"key{number}": [number, number / 7, str(number) * 3] for number in range(60)}


class MachineCollector:
    source: ClassVar[str] = "machine"
    metrics: ClassVar[Mapping[str, Metric]] = {
        "work_seconds": gauge(
            "CPU time of waking up for a fixed piece of work and doing it, mean of the last second's",
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
        began = time.thread_time()
        for _ in range(_PIECES):
            time.sleep(_PAUSE)
            _work()
        each = (time.thread_time() - began) / _PIECES
        return [("work_seconds", WHOLE, round(each, 7))]

    def close(self) -> None: ...


def _work() -> int:
    """What a Python server does: parse, look up, compare, write."""
    document: dict[str, Any] = json.loads(json.dumps(_DOCUMENT))
    seen: dict[str, int] = {}
    for key, (number, _, text) in document.items():
        for part in (key, text):
            seen[part] = seen.get(part, 0) + len(part) * number
    return sum(value for value in sorted(seen.values()) if value % 3)


COLLECTOR: type[Collector] = MachineCollector
