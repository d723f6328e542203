"""What a run's recall probes say together: recall and search time over ef, in the worst collection."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from advisor.evidence import Evidence
from bench.record.recall import RecallProbe

#: Where the user states no objective: Qdrant's own advice on measuring precision asks for more than this.
DEFAULT_TARGET, DEFAULT_K = 0.95, 10

FULL_SCAN = "qdrant.hnsw.full_scan_threshold"
_BYTES_PER_COMPONENT = 4
_KB = 1024
#: A graph loses a neighbour now and then; comparing everything does not.
_EXACT = 0.9995


@dataclass(frozen=True)
class Reached:
    """Recall with the bounds of its 95 % interval, and the median seconds of a search, at one ef (None: as
    KATO asks, which leaves it to the collection's ef_construct). `queries`: how many were asked."""

    ef: int | None
    value: float
    low: float
    high: float
    seconds: float
    queries: int

    def __str__(self) -> str:
        return f"{self.value:.3f} (95 % interval {self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True)
class Sweep:
    """Recall at `k`: as KATO asks, and at each ef that was tried, the smallest first. `target`: what it
    should be; `stated`: by an objective of the user. `vectors`, `dimension`: of the collections that were
    probed, all together and the largest."""

    k: int
    target: float
    stated: bool
    asked: Reached
    points: tuple[Reached, ...]
    vectors: int
    dimension: int

    @property
    def metric(self) -> str:
        return f"recall@{self.k}"

    @property
    def missed(self) -> bool:
        return self.asked.value < self.target

    @property
    def vector_bytes(self) -> int:
        return self.vectors * self.dimension * _BYTES_PER_COMPONENT


def sweep_of(evidence: Evidence, *, originals: bool = False) -> Sweep | None:
    """Over the collections whose searches go through a graph; None if no probe tells it.

    At each ef stands the collection with the least recall, and the slowest search, as one value of a knob
    has to do for all of them. `originals`: searches that used the original vectors in place of quantised
    ones."""
    k, target, stated = _aim(evidence)
    mine = [
        probe
        for probe in evidence.qdrant.recall
        if probe.k == k and probe.quantisation_ignored is originals and uses_graph(evidence, probe)
    ]
    asked = [probe for probe in mine if probe.ef is None]
    worst = _worst(asked)
    if worst is None:
        return None
    efs = sorted({probe.ef for probe in mine if probe.ef is not None})
    at = {ef: [probe for probe in mine if probe.ef == ef] for ef in efs}
    points = (
        _worst(probes)
        for probes in at.values()
        if {probe.collection for probe in probes} == {probe.collection for probe in asked}
    )
    return Sweep(
        k,
        target,
        stated,
        worst,
        tuple(point for point in points if point is not None),
        sum(probe.points for probe in asked),
        max(probe.dimension for probe in asked),
    )


def uses_graph(evidence: Evidence, probe: RecallProbe) -> bool:
    """Whether m and ef can matter to a search of this collection. Qdrant compares all vectors where none is
    indexed, and where they take less than full_scan_threshold kB."""
    if probe.indexed == 0:
        return False
    threshold = evidence.number(FULL_SCAN)
    size = probe.points * probe.dimension * _BYTES_PER_COMPONENT
    small = threshold is not None and size < threshold * _KB
    return not (small and (probe.recall.value or 0.0) >= _EXACT)


def searched_with(evidence: Evidence, ef: int) -> Evidence:
    """The evidence of a run whose collections are searched with this ef, as the sweep measured it."""
    swept = {
        (probe.collection, probe.k, probe.quantisation_ignored): probe
        for probe in evidence.qdrant.recall
        if probe.ef == ef
    }
    kept = [probe for probe in evidence.qdrant.recall if probe.ef is not None]
    asked = [replace(probe, ef=None) for probe in swept.values()]
    return with_recall(evidence, (*asked, *kept))


def with_recall(evidence: Evidence, probes: Iterable[RecallProbe]) -> Evidence:
    return replace(evidence, qdrant=replace(evidence.qdrant, recall=tuple(probes)))


def _aim(evidence: Evidence) -> tuple[int, float, bool]:
    """The number of neighbours to look at, the recall it should have, and whether the user said so."""
    targets = evidence.load.recall_targets
    if not targets:
        return DEFAULT_K, DEFAULT_TARGET, False
    k = DEFAULT_K if DEFAULT_K in targets else max(targets)
    return k, targets[k], True


def _worst(probes: Iterable[RecallProbe]) -> Reached | None:
    reached = [
        Reached(
            probe.ef, probe.recall.value, probe.recall.low, probe.recall.high,
            probe.seconds_p50, probe.recall.n,
        )
        for probe in probes
        if probe.recall.value is not None and probe.recall.low is not None and probe.recall.high is not None
    ]  # fmt: skip
    if not reached:
        return None
    least = min(reached, key=lambda one: (one.low, one.value))
    return replace(least, seconds=max(one.seconds for one in reached))
