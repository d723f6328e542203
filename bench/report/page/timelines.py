"""What happened over the run, second by second, on one time axis."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from bench.record.finalise import iterate_requests
from bench.record.vocabulary import KNOBS, PART, RECALL, RECALL_MISSING, VERIFIED, WRONG_ANSWER
from bench.report.page import windows
from bench.report.page.windows import Floats, Line
from bench.stats.quantiles import required

if TYPE_CHECKING:
    from bench.record.manifest import Phase
    from bench.record.reader import RunRecord
    from bench.stats.series import Series

    Metrics = Mapping[tuple[str, str, str], Series]

#: The longest stretch of a preload that is shown, as a share of what comes after it.
_PRELOAD_SHARE = 0.25
#: The phases whose requests are drawn: the preload is another load, as fast as it goes.
_LOADED = ("warmup", "measure", "cooldown")
_TIMED = ("ok", "lost")
#: What is no event to mark: phases are drawn, recall, answers and settings have places of their own.
_UNMARKED = frozenset({"phase", RECALL, RECALL_MISSING, KNOBS, VERIFIED, WRONG_ANSWER})
#: Seconds within which the polls have met every worker that was there from the start.
_FIRST_SEEN = 15.0
#: Processes of kato-bench itself besides the load's, and what they are called together.
RECORDERS, RECORDING = ("recorder", "collectors", "master"), "recording"


@dataclass(frozen=True)
class Latency:
    """Response times of one operation: the median and p95, each in the shortest windows that carry it."""

    operation: str
    p50: Line
    p95: Line | None


@dataclass(frozen=True)
class Mark:
    """An event at second `t`, in words."""

    t: float
    kind: str
    text: str


@dataclass(frozen=True)
class Timelines:
    """Seconds since the run's origin, from `start` to `end`; lines of CPU in cores, of memory in bytes.

    `cores`: CPUs of the machine, None = unknown. `redis_limit`: maxmemory, None = none."""

    start: float
    end: float
    phases: list[Phase]
    latency: list[Latency]
    due: Line
    answered: Line
    failed: Line
    cpu: list[Line] = field(default_factory=list)
    busy: Line | None = None
    cores: int | None = None
    memory: list[Line] = field(default_factory=list)
    redis: Line | None = None
    redis_limit: float | None = None
    marks: list[Mark] = field(default_factory=list)

    @property
    def foreign_cores(self) -> float | None:
        """Cores that other programs used while it was measured; None where the machine or the target's
        processes were not seen."""
        measured = next((phase for phase in self.phases if phase.name == "measure"), None)
        if self.busy is None or not any(line.name == "kato" for line in self.cpu) or measured is None:
            return None
        end = self.end if measured.end is None else measured.end
        rest = [
            busy - sum(one for one in parts if one is not None)
            for t, busy, *parts in zip(
                self.busy.times, self.busy.values, *(line.values for line in self.cpu), strict=True
            )
            if busy is not None and None not in parts and measured.start <= t <= end
        ]
        return max(0.0, sum(rest) / len(rest)) if rest else None


def timelines_of(record: RunRecord) -> Timelines | None:
    """None where the run did not come to load anything."""
    phases = [phase for name in ("preload", *_LOADED) if (phase := record.phase(name)) is not None]
    loaded = [phase for phase in phases if phase.name in _LOADED]
    if not loaded:
        return None
    began = loaded[0].start
    over = max(phase.end if phase.end is not None else phase.start for phase in loaded)
    # Whoever is answered later still has been given up.
    requests = _Requests(record, began, max(over + record.manifest.plan.phases.drain, began + 1))
    end = max(over, requests.last_answer, began + 1)
    start = _beginning(phases, began, end)
    bounds = windows.edges(start, end, windows.width_for(end - start))
    loaded_bounds = _from(bounds, began)
    metrics = record.metrics()
    cpu_count = sum(1 for source, name, metric in metrics if _is_cpu(source, name, metric))
    limit = _last(metrics.get(("redis", "", "maxmemory_bytes")))
    return Timelines(
        start=start,
        end=end,
        phases=phases,
        latency=list(_latency(record, loaded, end)),
        due=windows.counted("due", requests.due, loaded_bounds),
        answered=windows.counted("answered", requests.answered, loaded_bounds),
        failed=windows.counted("failed", requests.failed, loaded_bounds),
        cpu=_cpu(metrics, bounds),
        busy=_busy(metrics, cpu_count, bounds),
        cores=cpu_count or None,
        memory=_of_target(_gauges(metrics, "process", "rss_bytes", bounds)),
        redis=next(_gauges(metrics, "redis", "used_memory_bytes", bounds), None),
        redis_limit=limit or None,
        marks=[mark for mark in marks_of(record.events()) if start <= mark.t <= end],
    )


def marks_of(events: list[dict[str, Any]]) -> list[Mark]:
    """The events that a reader of the timelines should know of, in order.

    Every worker is seen for the first time once; only one that comes later is new. Every load process tells
    of every part; the first counts."""
    marks = []
    parts: set[int] = set()
    began = next((one["start"] for one in events if one["kind"] == "phase" and "start" in one), 0.0)
    for event in events:
        kind = event["kind"]
        if kind in _UNMARKED or (kind == "worker_seen" and event["t"] <= began + _FIRST_SEEN):
            continue
        if kind != PART:
            marks.append(Mark(float(event["t"]), kind, words(event)))
        elif event["number"] not in parts:
            parts.add(event["number"])
            marks.append(Mark(float(event["start"]), kind, f"{event['name']} begins: {event['load']}"))
    return sorted(marks, key=lambda mark: mark.t)


def words(event: Mapping[str, Any]) -> str:
    """An event in words: `config changed (redis): knob redis.maxmemory-policy, old noeviction`."""
    facts = ", ".join(
        f"{name.replace('_', ' ')} {value}"
        for name, value in event.items()
        if name not in ("t", "kind", "source") and value is not None
    )
    source = f" ({event['source']})" if event.get("source") else ""
    return f"{str(event['kind']).replace('_', ' ')}{source}" + (f": {facts}" if facts else "")


def _beginning(phases: list[Phase], began: float, end: float) -> float:
    """Where the time axis begins: shortly before the load."""
    before = [phase.start for phase in phases if phase.name == "preload"]
    return max([began - _PRELOAD_SHARE * (end - began), *before]) if before else began


def _from(bounds: Floats, start: float) -> Floats:
    """The windows that begin at `start` or later, but one at least."""
    first = np.searchsorted(bounds, start)
    return bounds[min(int(first), len(bounds) - 2) :]


class _Requests:
    """When requests were due, answered, and failed, the preload's left out; a failed one counts when it was
    due. `last_answer`: the last one that came by `end`; minus infinity if none did."""

    def __init__(self, record: RunRecord, start: float, end: float) -> None:
        self.due, self.answered, self.failed = (windows.EventCounts(start, end + 1) for _ in range(3))
        self.last_answer = -math.inf
        for batch in iterate_requests(record.folder, ("due", "done", "phase", "error")):
            mine = pc.not_equal(batch.column("phase"), "preload").to_numpy(False)
            good = pc.equal(batch.column("error"), "").to_numpy(False)
            at, done = (batch.column(name).to_numpy(zero_copy_only=False) for name in ("due", "done"))
            answers = done[mine & good]
            self.due.add(at[mine])
            self.answered.add(answers)
            self.failed.add(at[mine & ~good])
            in_time = answers[answers <= end]
            if in_time.size:
                self.last_answer = max(self.last_answer, float(in_time.max()))


def _latency(record: RunRecord, loaded: list[Phase], end: float) -> Iterator[Latency]:
    start = loaded[0].start
    measured = record.phase("measure")
    seconds = (measured.end or end) - measured.start if measured is not None else end - start
    for name in record.operations():
        histograms = [
            pair for phase in loaded for pair in record.per_second(name, phase.name, "response", _TIMED)
        ]
        count = record.count(name).requests if measured is not None else len(histograms)
        if not count or not histograms:
            continue
        lines = {}
        for q in (0.5, 0.95):
            # Chance empties a window now and then; a fifth more than it needs on average fills most.
            width = windows.width_for(end - start, 1.2 * required(q) * seconds / count)
            bounds = windows.edges(start, end, width)
            lines[q] = windows.percentiles(f"p{round(100 * q)}", histograms, q, bounds)
        if lines[0.5].known:
            yield Latency(name, lines[0.5], lines[0.95] if len(lines[0.95].known) > 1 else None)


def _cpu(metrics: Metrics, bounds: Floats) -> list[Line]:
    return _by_part(
        [
            windows.growth(name, *series, bounds)
            for (source, name, metric), series in metrics.items()
            if (source, metric) == ("process", "cpu_seconds_total") and "/" not in name
        ]
    )


def _by_part(lines: list[Line]) -> list[Line]:
    """The parts of the target, then the load, then the rest of kato-bench as one."""
    own = [line for line in lines if line.name in RECORDERS]
    others = sorted(
        (line for line in lines if line not in own), key=lambda line: line.name.startswith("load-")
    )
    return [*others, _sum(RECORDING, own)] if own else others


def _of_target(lines: Iterator[Line]) -> list[Line]:
    return [line for line in lines if line.name not in RECORDERS and not line.name.startswith("load-")]


def _sum(name: str, lines: list[Line]) -> Line:
    together = zip(*(line.values for line in lines), strict=True)
    values = [
        None if None in parts else sum(part for part in parts if part is not None) for parts in together
    ]
    return Line(name, lines[0].times, values, lines[0].width)


def _busy(metrics: Metrics, cpu_count: int, bounds: Floats) -> Line | None:
    """Cores of the machine that were busy, with whoever ran on them."""
    share = next(_gauges(metrics, "host", "cpu_busy_share", bounds), None)
    if share is None or not cpu_count:
        return None
    values = [None if value is None else value * cpu_count for value in share.values]
    return Line("whole machine", share.times, values, share.width)


def _gauges(metrics: Metrics, source: str, metric: str, bounds: Floats) -> Iterator[Line]:
    """Of each process tree, or of the source itself."""
    for (row_source, name, row_metric), series in metrics.items():
        whole = "/" not in name if source == "process" else not name
        if (row_source, row_metric) == (source, metric) and whole:
            yield windows.averaged(name or source, *series, bounds)


def _is_cpu(source: str, name: str, metric: str) -> bool:
    return source == "host" and metric == "cpu_busy_share" and name.startswith("cpu")


def _last(series: Series | None) -> float | None:
    return float(series[1][-1]) if series is not None and len(series[1]) else None
