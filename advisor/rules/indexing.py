"""The state of Qdrant's collections: whether a graph is searched at all, is being built, or was measured."""

from __future__ import annotations

from advisor.evidence import Evidence
from advisor.findings import Finding
from advisor.rules.base import rule
from advisor.sweep import uses_graph
from bench import words

_HOLDS_FOR = "KATO 3.10 on Qdrant from 1.0"

#: Share of the measure phase in which a collection was rebuilt, above which the numbers are not those of a
#: settled one.
OPTIMISING = 0.10


def _unindexed(evidence: Evidence) -> tuple[int, float | None] | None:
    """Vectors in the run's collections and, where it is known, their bytes, if no search of any of them goes
    through a graph; else None."""
    probes = {probe.collection: probe for probe in evidence.qdrant.recall}
    others = [one for one in evidence.qdrant.collections if one.points and one.name not in probes]
    settled = (evidence.qdrant.optimising or 0.0) <= OPTIMISING
    if any(uses_graph(evidence, probe) for probe in evidence.qdrant.recall):
        return None
    if any(one.indexed != 0 or not settled for one in others) or not (probes or others):
        return None
    size = sum(probe.points * probe.dimension * 4.0 for probe in probes.values())
    points = sum(probe.points for probe in probes.values()) + sum(one.points for one in others)
    return points, None if others else size


@rule(
    "hnsw.inactive",
    holds_for=_HOLDS_FOR,
    precondition=lambda evidence: bool(evidence.qdrant.recall or evidence.qdrant.collections),
    source="Qdrant: a segment is indexed above indexing_threshold kB, a graph used above full_scan_threshold",
)
def inactive(evidence: Evidence) -> Finding | None:
    """Qdrant compares every vector of a small collection: recall is exact, its time grows with the vectors,
    and the settings of the graph do nothing."""
    found = _unindexed(evidence)
    if found is None:
        return None
    points, size = found
    threshold = evidence.number("qdrant.optimizers.indexing_threshold")
    return Finding(
        "hnsw.inactive",
        "info",
        "HNSW settings do nothing at this size",
        f"The collections hold {words.count(points)} vectors"
        + (f" ({words.size(size)})" if size is not None else "")
        + ", and searches go through no HNSW graph: Qdrant compares all of them, so m and ef_construct "
        "change nothing."
        + (f" A segment is indexed above {words.size(threshold * 1024)} of vectors." if threshold else ""),
        {"vectors": points, "vector_bytes": size, "indexing_threshold_kb": threshold},
    )


@rule(
    "hnsw.optimiser-running",
    holds_for=_HOLDS_FOR,
    precondition=lambda evidence: evidence.qdrant.optimising is not None,
    source="Qdrant: a collection is yellow while its optimisers run",
)
def optimiser_running(evidence: Evidence) -> Finding | None:
    """While Qdrant builds an index it takes CPU time from everything else, and searches the vectors that are
    not in it yet one by one: neither is so once it is done."""
    share = evidence.qdrant.optimising or 0.0
    if share <= OPTIMISING:
        return None
    return Finding(
        "hnsw.optimiser-running",
        "advice",
        "Qdrant was rebuilding a collection",
        f"A collection was being optimised in {words.percent(share)} of the measure phase: times and CPU use "
        "are those of a collection that is rebuilt. Measure again once it is green, or with fewer new "
        "vectors.",
        {"optimising_share": share, "threshold": OPTIMISING},
    )


@rule(
    "hnsw.recall-not-measured",
    holds_for=_HOLDS_FOR,
    precondition=lambda evidence: not evidence.qdrant.recall,
    source="Qdrant guide: recall is measured against the same search with exact=true",
)
def recall_not_measured(evidence: Evidence) -> Finding | None:
    """A search through a graph misses some of the nearest vectors without a word; only an exact search tells
    how many."""
    indexed = sum(one.indexed or 0 for one in evidence.qdrant.collections)
    if not indexed:
        return None
    return Finding(
        "hnsw.recall-not-measured",
        "info",
        "Recall was not measured",
        f"{words.count(indexed)} vectors are searched through an HNSW graph, and no probe says how many of "
        "the nearest ones are found: nothing can be said about m and ef_construct.",
        {"indexed_vectors": indexed},
    )
