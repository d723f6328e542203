"""The process trees of the target's parts and of kato-bench itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Self

from bench.collectors.base import Collector, Context, Discovery, Metric, Row, counter, gauge
from bench.collectors.process_tree import ProcessTree, TreeUsage

#: The part whose processes get rows of their own (instance `kato/<pid>`): one idle or dead uvicorn worker
#: does not show in the sum.
_DETAILED = "kato"
_MOST_DETAILED = 64


class ProcessCollector:
    source: ClassVar[str] = "process"
    metrics: ClassVar[Mapping[str, Metric]] = {
        "cpu_seconds_total": counter(
            "user and system CPU; of a part: with ended children; of a pid: its own", "seconds"
        ),
        "rss_bytes": gauge("resident memory; pages that processes share count in each of them", "bytes"),
        "threads": gauge("threads"),
        "open_fds": gauge("open file descriptors"),
        "context_switches_total": counter("context switches of the first thread of each process"),
        "run_delay_seconds_total": counter(
            "time that first threads were ready to run while no CPU was free", "seconds"
        ),
        "processes": gauge("processes alive"),
    }
    min_interval: ClassVar[float] = 0.0

    def __init__(self, context: Context) -> None:
        parts = {part.name: part.pid for part in context.facts.parts if part.pid is not None}
        self._parts = frozenset(parts)
        self._trees = {name: ProcessTree(pid) for name, pid in {**context.processes, **parts}.items()}
        self._gone: set[str] = set()
        self._note = context.note

    @classmethod
    def create(cls, context: Context) -> Self | None:
        return cls(context)

    def discover(self) -> Discovery:
        return Discovery()

    def sample(self) -> list[Row]:
        rows: list[Row] = []
        for name, tree in self._trees.items():
            usage = tree.read()
            rows.extend(_tree_rows(name, usage))
            if name == _DETAILED:
                rows.extend(_member_rows(name, usage))
            if name in self._parts and tree.root not in usage.members and name not in self._gone:
                self._gone.add(name)
                self._note("process_gone", source=self.source, part=name, pid=tree.root)
        return rows

    def close(self) -> None: ...


def _tree_rows(name: str, usage: TreeUsage) -> Iterator[Row]:
    members = usage.members.values()
    yield "cpu_seconds_total", name, round(usage.cpu_seconds, 3)
    yield "rss_bytes", name, float(sum(one.rss_bytes for one in members))
    yield "threads", name, float(sum(one.threads for one in members))
    descriptors = [one.open_fds for one in members if one.open_fds is not None]
    if descriptors:
        yield "open_fds", name, float(sum(descriptors))
    yield "context_switches_total", name, float(usage.context_switches)
    if usage.run_delay_seconds is not None:
        yield "run_delay_seconds_total", name, round(usage.run_delay_seconds, 6)
    yield "processes", name, float(len(usage.members))


def _member_rows(name: str, usage: TreeUsage) -> Iterator[Row]:
    for pid, one in list(usage.members.items())[:_MOST_DETAILED]:
        instance = f"{name}/{pid}"
        yield "cpu_seconds_total", instance, round(one.cpu_seconds, 3)
        yield "rss_bytes", instance, float(one.rss_bytes)
        yield "threads", instance, float(one.threads)
        if one.run_delay_seconds is not None:
            yield "run_delay_seconds_total", instance, round(one.run_delay_seconds, 6)


COLLECTOR: type[Collector] = ProcessCollector
