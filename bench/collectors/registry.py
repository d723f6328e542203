"""Which collectors there are: every file in `sources/`, and those that other packages declare."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from importlib.metadata import entry_points

from bench.collectors import sources
from bench.collectors.base import Collector, Context, Metric, describe, discard

ENTRY_POINT_GROUP = "kato_bench.collectors"


def find(note: Callable[..., None] = discard) -> list[type[Collector]]:
    """The classes of all collectors: `COLLECTOR` of every module in `sources/`, then the entry points of
    the group `kato_bench.collectors`. One from outside that cannot be imported is noted and left out."""
    found: list[type[Collector]] = [
        importlib.import_module(f"{sources.__name__}.{module.name}").COLLECTOR
        for module in pkgutil.iter_modules(sources.__path__)
    ]
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        try:
            found.append(entry.load())
        except Exception as error:
            note("collector_failed", source=entry.name, error=describe(error))
    return found


def make(context: Context) -> list[Collector]:
    """The collectors that this target has a source for. One that cannot be made is noted and left out."""
    made = []
    for kind in find(context.note):
        try:
            collector = kind.create(context)
        except Exception as error:
            context.note("collector_failed", source=kind.source, error=describe(error))
            continue
        if collector is not None:
            made.append(collector)
    return made


def catalogue() -> dict[str, dict[str, Metric]]:
    """Every metric that a collector can yield, by source and name: its unit, its kind and its meaning."""
    return {collector.source: dict(collector.metrics) for collector in find()}
