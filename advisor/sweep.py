"""What a run's recall probes say together: recall and search time over ef, in the worst collection and for
the objective that is furthest from being met."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

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
    """Recall at `k`, where `target` is wanted, with the bounds of its 95 % interval, and the median seconds
    of a search, at one ef (None: as KATO asks, which leaves it to the collection's ef_construct).
    `queries`: how many were asked."""

    k: int
    target: float
    ef: int | None
    value: float
    low: float
    high: float
    seconds: float
    queries: int

    @property
    def metric(self) -> str:
        return f"recall@{self.k}"

    @property
    def met(self) -> bool:
        return self.value >= self.target

    @property
    def surely_met(self) -> bool:
        return self.low >= self.target

    @property
    def reserve(self) -> float:
        """How far the lower bound lies above the target; below it where this is negative."""
        return self.low - self.target

    def __str__(self) -> str:
        return f"{self.value:.3f} (95 % interval {self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True)
class Curve:
    """Recall at one number of neighbours: as KATO asks, and at each ef that was tried, the smallest first."""

    asked: Reached
    points: tuple[Reached, ...]

    def at(self, ef: int | None) -> Reached | None:
        return next((one for one in (self.asked, *self.points) if one.ef == ef), None)

    def lower_bound(self, ef: int) -> float:
        """What this ef surely reached; nothing where it was not tried."""
        point = self.at(ef)
        return point.low if point is not None else 0.0


@dataclass(frozen=True)
class Sweep:
    """A curve for each recall that should be reached. `stated`: by objectives of the user. `complete`: all
    of these were measured. `vectors`, `dimension`: of the collections that were probed, all together and
    the largest.

    As one value of a knob has to do for all of them, `asked` and `points` are of the curve that is worst
    there: one that misses its target before one that meets it, and then the one with the least reserve."""

    curves: tuple[Curve, ...]
    stated: bool
    complete: bool
    vectors: int
    dimension: int

    @cached_property
    def asked(self) -> Reached:
        return _furthest(curve.asked for curve in self.curves)

    @cached_property
    def points(self) -> tuple[Reached, ...]:
        """At each ef that was tried for every curve, the smallest first."""
        found = ([curve.at(point.ef) for curve in self.curves] for point in self.curves[0].points)
        whole = ([one for one in several if one is not None] for several in found)
        return tuple(_furthest(several) for several in whole if len(several) == len(self.curves))

    def alike(self, reached: Reached, ef: int | None) -> Reached | None:
        """What another ef reached of the same objective."""
        return next((curve.at(ef) for curve in self.curves if curve.asked.k == reached.k), None)

    @property
    def target(self) -> float:
        return self.asked.target

    @property
    def missed(self) -> bool:
        return not self.asked.met

    @property
    def vector_bytes(self) -> int:
        return self.vectors * self.dimension * _BYTES_PER_COMPONENT


def sweep_of(evidence: Evidence, *, originals: bool = False) -> Sweep | None:
    """Over the collections whose searches go through a graph; None if no probe tells it.

    At each ef stands the collection with the least recall, and the slowest search, as one value of a knob
    has to do for all of them. `originals`: searches that used the original vectors in place of quantised
    ones."""
    targets = evidence.load.recall_targets
    mine = [
        probe
        for probe in evidence.qdrant.recall
        if probe.quantisation_ignored is originals and uses_graph(evidence, probe)
    ]
    curves = [
        curve
        for k, target in sorted((targets or {DEFAULT_K: DEFAULT_TARGET}).items())
        if (curve := _curve([probe for probe in mine if probe.k == k], target)) is not None
    ]
    if not curves:
        return None
    measured = {curve.asked.k for curve in curves}
    asked = {probe.collection: probe for probe in mine if probe.ef is None and probe.k in measured}
    return Sweep(
        tuple(curves),
        stated=bool(targets),
        complete=len(curves) == max(1, len(targets)),
        vectors=sum(probe.points for probe in asked.values()),
        dimension=max(probe.dimension for probe in asked.values()),
    )


def _curve(probes: Sequence[RecallProbe], target: float) -> Curve | None:
    """An ef that was not tried in every collection is left out."""
    asked = [probe for probe in probes if probe.ef is None]
    worst = _worst(asked, target)
    if worst is None:
        return None
    efs = sorted({probe.ef for probe in probes if probe.ef is not None})
    at = ([probe for probe in probes if probe.ef == ef] for ef in efs)
    points = (
        _worst(tried, target)
        for tried in at
        if {probe.collection for probe in tried} == {probe.collection for probe in asked}
    )
    return Curve(worst, tuple(point for point in points if point is not None))


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


def _worst(probes: Iterable[RecallProbe], target: float) -> Reached | None:
    reached = [
        Reached(
            probe.k, target, probe.ef, probe.recall.value, probe.recall.low, probe.recall.high,
            probe.seconds_p50, probe.recall.n,
        )
        for probe in probes
        if probe.recall.value is not None and probe.recall.low is not None and probe.recall.high is not None
    ]  # fmt: skip
    return _furthest(reached) if reached else None


def _furthest(reached: Iterable[Reached]) -> Reached:
    """The one that is furthest from its target, in the time of the slowest."""
    several = list(reached)
    worst = min(several, key=lambda one: (one.met, one.reserve, one.value))
    return replace(worst, seconds=max(one.seconds for one in several))
