"""How many of the true nearest vectors the searches of a run's collections find, from its `recall` events.

A scenario that has vectors searches each collection when the load is over: with held-out queries, as KATO
asks (without an ef), with a sweep of efs, and exactly, which is the truth. It keeps one event for each way of
asking:

    {"kind": "recall", "collection": name, "points": int, "indexed": int, "dimension": int, "k": int,
     "ef": int or null, "quantisation_ignored": bool, "hits": [int, one a query],
     "seconds": [float, one a query]}

Where it could not, `{"kind": "recall_missing", "collection": name, "reason": sentence}` says why."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from bench.record.reader import RunRecord
from bench.record.vocabulary import RECALL, RECALL_MISSING
from bench.stats import clustered
from bench.stats.quantiles import Estimate


@dataclass(frozen=True, slots=True)
class RecallProbe:
    """Searches of one collection in one way.

    `recall`: the share of the true `k` nearest that were found, with an interval over the queries (`n` of
    them). `ef`: the search's ef, None = as KATO asks, which leaves it to Qdrant. `quantisation_ignored`: the
    search used the original vectors where there are quantised ones. `seconds_p50`: the median duration of a
    search, asked one after the other. `indexed`: how many vectors the graph holds; the others are compared
    one by one, so that no graph setting says anything about a collection that has none."""

    collection: str
    points: int
    dimension: int
    k: int
    ef: int | None
    quantisation_ignored: bool
    recall: Estimate
    seconds_p50: float
    indexed: int | None = None


def recall_of(record: RunRecord) -> tuple[RecallProbe, ...]:
    """All probes of a run in the order in which they were made; empty if it made none."""
    return tuple(
        RecallProbe(
            collection=event["collection"],
            points=event["points"],
            dimension=event["dimension"],
            k=event["k"],
            ef=event["ef"],
            quantisation_ignored=event["quantisation_ignored"],
            recall=clustered.share(event["hits"], event["k"]),
            seconds_p50=statistics.median(event["seconds"]),
            indexed=event["indexed"],
        )
        for event in record.events()
        if event["kind"] == RECALL and event["hits"]
    )


def missing(record: RunRecord) -> tuple[str, ...]:
    """Why collections have no probe, one sentence each."""
    return tuple(event["reason"] for event in record.events() if event["kind"] == RECALL_MISSING)


def as_kato_asks(probes: tuple[RecallProbe, ...], k: int) -> RecallProbe | None:
    """Of the probes that ask as KATO does, that of the collection with the worst recall at `k`; None if no
    probe tells it."""
    mine = [one for one in probes if one.k == k and one.ef is None and not one.quantisation_ignored]
    return min(mine, key=lambda one: one.recall.value or 0.0, default=None)
