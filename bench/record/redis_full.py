"""Whether Redis was full in a run, and how much memory would have done."""

from __future__ import annotations

import math
from collections.abc import Mapping

from bench import words
from bench.record.reader import RunRecord
from bench.stats.series import Series, rise

_MAXMEMORY = "redis.maxmemory"
#: No size below this is worth the trouble of another try; and room for what the load itself leaves.
_LEAST, _ROOM = 64 << 20, 2.0


def evicted(metrics: Mapping[tuple[str, str, str], Series]) -> float:
    """Keys that Redis threw away for want of memory, from the preload on."""
    return _counted(metrics, "evicted_keys_total")


def refused(metrics: Mapping[tuple[str, str, str], Series]) -> float:
    """Writes that Redis refused for want of memory, from the preload on."""
    return _counted(metrics, "oom_errors_total")


def _counted(metrics: Mapping[tuple[str, str, str], Series], counter: str) -> float:
    series = metrics.get(("redis", "", counter))
    return rise(series[1]) if series is not None else 0.0


def why_nothing_was_learned(record: RunRecord) -> str | None:
    """Of a run that failed while it learned its patterns: that Redis was full, and what to set, in one
    sentence without its point; None where Redis refused nothing."""
    writes = refused(record.metrics())
    if not writes:
        return None
    limit = record.manifest.live_knobs.get(_MAXMEMORY)
    held = f" at {_MAXMEMORY} {words.size(limit)}" if isinstance(limit, int) and limit else ""
    said = f"Redis is full and refused {words.count(writes)} writes{held}"
    size = _enough(record, limit) if isinstance(limit, int) else None
    return f"{said}; raise {_MAXMEMORY}" + (f" to {words.size(size)} or more" if size else "")


def _enough(record: RunRecord, limit: int) -> int | None:
    """A power of two that holds all patterns at the bytes that each took of what there was."""
    data = record.manifest.plan.data
    asked = record.count("sequence", "preload")
    learned = asked.requests - asked.errors
    patterns, nodes = data.get("patterns"), data.get("nodes", 1)
    if learned <= 0 or not isinstance(patterns, int) or not isinstance(nodes, int):
        return None
    needed = max(_LEAST, _ROOM * limit * max(1.0, patterns * nodes / learned))
    return 1 << math.ceil(math.log2(needed))
