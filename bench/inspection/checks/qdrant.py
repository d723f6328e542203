"""Qdrant's graph: whether the settings of it act at this size of data."""

from __future__ import annotations

from collections.abc import Iterator

from bench import words
from bench.inspection.checks.base import check
from bench.inspection.findings import Finding
from bench.inspection.seen import Collection, Seen
from bench.knobs import fixed

_M, _EF = "qdrant.hnsw.m", "qdrant.hnsw.ef_construct"
_INDEXING, _FULL_SCAN = "qdrant.optimizers.indexing_threshold", "qdrant.hnsw.full_scan_threshold"
_AS_CREATED = {
    _M: ("hnsw_config.m", fixed.HNSW_M),
    _EF: ("hnsw_config.ef_construct", fixed.HNSW_EF_CONSTRUCT),
}
#: Kilobytes of vectors that KATO's own thresholds leave without a graph at most: four segments of 10 000.
_UNINDEXED_AS_CREATED = 40_000
_SOURCE = (
    "Qdrant, indexing_threshold and full_scan_threshold: kB of vectors per segment; KATO 3.10.1: 4 segments"
)


def _settled(collection: Collection) -> bool:
    """Qdrant builds graphs in the background: only where it is done the numbers mean something."""
    return collection.status == "green" and bool(collection.points) and collection.indexed is not None


@check("qdrant.graph-unused", source=_SOURCE)
def graph_unused(seen: Seen) -> Iterator[Finding]:
    """A collection below the thresholds is searched in full: whoever changed m or ef_construct there changed
    nothing, neither recall nor time."""
    if seen.qdrant is None:
        return
    tuned = [
        (
            one,
            [
                knob
                for knob, (path, created) in _AS_CREATED.items()
                if one.config.get(path) not in (None, created)
            ],
        )
        for one in seen.qdrant.collections
        if _settled(one) and one.indexed == 0
    ]
    inactive = [(one, knobs) for one, knobs in tuned if knobs]
    if not inactive:
        return
    one, knobs = max(inactive, key=lambda pair: pair[0].points or 0)
    threshold = one.config.get("optimizers_config.indexing_threshold")
    yield Finding(
        "qdrant.graph-unused",
        "advice",
        "HNSW settings do not act at this size of data",
        f"{one.name} has {_sizes(one)} and none of them in a graph (indexing_threshold {threshold} kB per "
        f"segment): {' and '.join(knob.rpartition('.')[2] for knob in knobs)} change nothing"
        + (f", and so in {len(inactive) - 1} more." if len(inactive) > 1 else "."),
        "Leave them as KATO creates them (m 16, ef_construct 128), or lower indexing_threshold and measure.",
        (*knobs, _INDEXING),
        {"collections": len(inactive), "points": one.points, "indexed": 0, "kilobytes": one.kilobytes},
    )


@check("qdrant.searched-in-full", source=_SOURCE)
def searched_in_full(seen: Seen) -> Iterator[Finding]:
    """Thresholds above the size of the data keep a large collection without a graph: each search compares all
    of its vectors."""
    if seen.qdrant is None:
        return
    large = [
        one
        for one in seen.qdrant.collections
        if _settled(one) and one.indexed == 0 and (one.kilobytes or 0) > _UNINDEXED_AS_CREATED
    ]
    if not large:
        return
    one = max(large, key=lambda collection: collection.points or 0)
    threshold = one.config.get("optimizers_config.indexing_threshold")
    yield Finding(
        "qdrant.searched-in-full",
        "warning",
        "Qdrant compares every vector in each search",
        f"{one.name} has {_sizes(one)} and no graph (indexing_threshold {threshold} kB"
        + (", which builds none)." if threshold == 0 else " per segment)."),
        f'PATCH /collections/{one.name} {{"optimizers_config": {{"indexing_threshold": 10000}}}}.',
        (_INDEXING,),
        {"collections": len(large), "points": one.points, "kilobytes": one.kilobytes, "threshold": threshold},
    )


@check("qdrant.graph-passed-over", source=_SOURCE)
def graph_passed_over(seen: Seen) -> Iterator[Finding]:
    """Segments below full_scan_threshold are searched in full although they have a graph: it costs memory and
    time to build, and is not used."""
    if seen.qdrant is None:
        return
    passed = [
        one
        for one in seen.qdrant.collections
        if _settled(one)
        and one.indexed
        and (one.kilobytes or 0) > _UNINDEXED_AS_CREATED
        and isinstance(threshold := one.config.get("hnsw_config.full_scan_threshold"), int)
        and threshold > (one.kilobytes or 0)
    ]
    if not passed:
        return
    one = max(passed, key=lambda collection: collection.points or 0)
    yield Finding(
        "qdrant.graph-passed-over",
        "warning",
        "Qdrant has a graph and does not use it",
        f"{one.name} has {_sizes(one)} in a graph, and full_scan_threshold "
        f"{one.config['hnsw_config.full_scan_threshold']} kB has it searched in full.",
        f'PATCH /collections/{one.name} {{"hnsw_config": {{"full_scan_threshold": 10000}}}}.',
        (_FULL_SCAN,),
        {"collections": len(passed), "points": one.points, "kilobytes": one.kilobytes},
    )


def _sizes(collection: Collection) -> str:
    size = "" if collection.kilobytes is None else f" ({words.size(1024 * collection.kilobytes)})"
    return f"{words.count(collection.points or 0)} vectors{size}"


@check("qdrant.not-well", source="Qdrant API, CollectionStatus and OptimizersStatus")
def not_well(seen: Seen) -> Iterator[Finding]:
    """Red: Qdrant could not optimise, and answers may be incomplete. Grey: an optimisation is due, and waits
    for a write."""
    for status, severity, says in (
        ("red", "critical", "failed, and answers may be incomplete"),
        ("grey", "warning", "is due, and does not run until something is written"),
    ):
        names = [one.name for one in (seen.qdrant.collections if seen.qdrant else ()) if one.status == status]
        if names:
            yield Finding(
                "qdrant.not-well",
                severity,  # type: ignore[arg-type]
                f"Qdrant calls collections {status}",
                f"An optimisation of {len(names)} collections {says}, such as of {names[0]}.",
                "GET /collections/<name> tells the reason in optimizer_status; look into Qdrant's log.",
                (),
                {"collections": len(names), "status": status},
            )
