"""What the probes of a run say of recall: what KATO's searches find now, and what other searches would."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from advisor import words
from advisor.evidence import Evidence
from advisor.findings import Prediction, Purpose, Scalar
from bench.record.recall import RecallProbe
from bench.stats.quantiles import Estimate

#: What is aimed at where no objective says otherwise: neighbours compared, and the share to be found.
K, RECALL = 10, 0.95
#: With less than this share of its vectors in the graph, a collection is scanned rather than searched.
LEAST_INDEXED = 0.5


@dataclass(frozen=True)
class Recalled:
    """Of several collections each probe is that of the one that finds least. `now`: asked as KATO does.
    `sweep`: asked with an ef, ascending. `plain`: as KATO does, but comparing the original vectors; None
    where there are no others. `stated`: an objective asks for the `target`."""

    now: RecallProbe
    sweep: tuple[RecallProbe, ...]
    plain: RecallProbe | None
    target: float
    stated: bool

    @property
    def metric(self) -> str:
        return f"recall@{self.now.k}"

    @property
    def purpose(self) -> Purpose:
        return "objective" if self.stated else "correctness"

    @property
    def misses(self) -> bool:
        """All of the interval does."""
        return self.now.recall.high is not None and self.now.recall.high < self.target

    @property
    def enough(self) -> RecallProbe | None:
        """The narrowest search that is certain to reach the target."""
        return next((one for one in self.sweep if low(one) >= self.target), None)

    @property
    def told(self) -> str:
        """What is measured and what is wanted, in words."""
        return (
            f"{self.metric} is {shown(self.now.recall)} over {self.now.recall.n} queries on "
            f"{words.count(self.now.points)} vectors of {self.now.dimension} dimensions; "
            f"{'wanted' if self.stated else 'usual'} is {self.target:.3g}"
        )

    @property
    def numbers(self) -> dict[str, Scalar]:
        return {
            "collection": self.now.collection,
            "recall": self.now.recall.value,
            "recall_low": self.now.recall.low,
            "recall_high": self.now.recall.high,
            "k": self.now.k,
            "target": self.target,
            "target_stated": self.stated,
            "points": self.now.points,
        }

    def at_least(self, sure: RecallProbe, reason: str) -> Prediction:
        """That recall will not be below the lower bound of what these searches found in this run."""
        if sure.ef is not None:
            which = f"searches with ef {sure.ef}"
        else:
            which = "searches of the original vectors" if sure.quantisation_ignored else "KATO's searches"
        model = f"lower bound of what {which} found in this run; {reason}"
        return Prediction(self.metric, "share", "at_least", model, now=self.now.recall.value, low=low(sure))


def recalled(evidence: Evidence) -> Recalled | None:
    """At the k of the objective, or at 10; None where nothing was probed, or no graph is at work."""
    k = max(evidence.load.recall_targets, default=K)
    probes = [one for one in evidence.qdrant.recall if one.k == k and one.recall.value is not None]
    by_way = defaultdict(list)
    for one in probes:
        if _has_graph(one):
            by_way[one.ef, one.quantisation_ignored].append(one)
    asked = by_way.pop((None, False), [])
    if not asked:
        return None
    # A way that was not tried on every collection promises nothing for the others.
    tried = {way: _worst(found) for way, found in by_way.items() if len(found) == len(asked)}
    sweep = [one for (ef, ignored), one in tried.items() if ef is not None and not ignored]
    return Recalled(
        _worst(asked),
        tuple(sorted(sweep, key=lambda one: one.ef or 0)),
        tried.get((None, True)),
        evidence.load.recall_targets.get(k, RECALL),
        stated=k in evidence.load.recall_targets,
    )


def low(probe: RecallProbe) -> float:
    """What is certain to be found."""
    return probe.recall.low if probe.recall.low is not None else 0.0


def shown(recall: Estimate) -> str:
    """`0.954 (0.941 to 0.965)`"""
    if recall.value is None:
        return "unknown"
    interval = (
        "" if recall.low is None or recall.high is None else f" ({recall.low:.3f} to {recall.high:.3f})"
    )
    return f"{recall.value:.3f}{interval}"


def finding(after: Evidence, recall: Estimate) -> Evidence:
    """The evidence where KATO's searches find this much in every collection."""
    probes = tuple(
        replace(one, recall=recall) if one.ef is None and not one.quantisation_ignored else one
        for one in after.qdrant.recall
    )
    return replace(after, qdrant=replace(after.qdrant, recall=probes))


def unprobed(after: Evidence) -> Evidence:
    """The evidence where nothing is known of recall, as of a graph with other links."""
    return replace(after, qdrant=replace(after.qdrant, recall=()))


def _has_graph(probe: RecallProbe) -> bool:
    return probe.indexed is None or probe.indexed >= LEAST_INDEXED * max(1, probe.points)


def _worst(probes: Iterable[RecallProbe]) -> RecallProbe:
    return min(probes, key=low)
