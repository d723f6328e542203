"""The knobs of Qdrant's collections, of ClickHouse, and of containers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from bench.inspection.seen import ClickHouse, Collection, Qdrant, ServerSetting, Setting
from bench.inspection.settings.reading import number_of
from bench.knobs import catalogue
from bench.knobs.catalogue import in_words
from bench.knobs.homes import Home
from bench.knobs.knob import Knob
from bench.targets.base import ContainerFacts


def of_qdrant(qdrant: Qdrant) -> dict[str, Setting]:
    """A knob has a value where all collections agree on it."""
    return {knob.name: _of_collections(knob, qdrant.collections) for knob in _knobs("qdrant collection")}


def _of_collections(knob: Knob, collections: Sequence[Collection]) -> Setting:
    values = Counter(
        collection.config[knob.spelled] for collection in collections if knob.spelled in collection.config
    )
    if not collections:
        return Setting(knob.name, default=knob.usual, why="there is no collection yet")
    if len(values) > 1:
        each = ", ".join(
            f"{in_words(knob.name, value)} in {number}" for value, number in values.most_common(3)
        )
        return Setting(knob.name, default=knob.usual, why=f"collections differ: {each}")
    value = next(iter(values), None)
    if value is None:
        return Setting(knob.name, default=knob.usual, why="none is set")
    # The first vector decides the size, and nobody else.
    untouched = knob.usual is None or value == knob.usual
    return Setting(knob.name, value, knob.usual, "default" if untouched else "runtime")


def of_clickhouse(clickhouse: ClickHouse) -> dict[str, Setting]:
    """Those of profile, server and table that the server tells."""
    sources: dict[Home, Mapping[str, ServerSetting]] = {
        "clickhouse profile": clickhouse.settings,
        "clickhouse server": clickhouse.server,
        "clickhouse table": clickhouse.table,
    }
    found = {}
    for home, told in sources.items():
        for knob in _knobs(home):
            if (setting := told.get(knob.spelled)) is not None:
                value = number_of(knob, setting.value)
                found[knob.name] = Setting(
                    knob.name, value, knob.usual, "file" if setting.changed else "default"
                )
    return found


def of_containers(containers: Sequence[ContainerFacts]) -> dict[str, Setting]:
    """The limits of the containers of KATO's parts."""
    found = {}
    for container in containers:
        if container.part is None:
            continue
        for name, limit in (("memory", container.memory_limit), ("cpus", container.cpu_limit)):
            knob = f"container.{container.part}.{name}"
            found[knob] = (
                Setting(knob, why="it is not limited")
                if limit is None
                else Setting(knob, limit, set_by="manifest")
            )
    return found


def _knobs(home: Home) -> Iterator[Knob]:
    return (knob for knob in catalogue.knobs() if knob.home == home)
