"""Probing a collection: how many of the true nearest vectors its searches find, for every way of asking."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.loadgen.qdrant import Collection, Found, Qdrant
from bench.record.vocabulary import RECALL, RECALL_AT, RECALL_MISSING

if TYPE_CHECKING:
    from bench.loadgen.user import Note

#: Below its limit a search's ef changes nothing: Qdrant takes the larger of the two.
EFS = (4, 8, 16, 32, 64, 128, 256, 512)
#: Scores of one distance differ by rounding between two ways of computing them.
_SAME_SCORE = 1e-5
_EXACTLY = {"exact": True, "quantization": {"ignore": True}}


@dataclass(frozen=True)
class _Way:
    """One way of asking; the fields are those of the events (`bench.record.recall`)."""

    k: int
    ef: int | None
    quantisation_ignored: bool

    @property
    def params(self) -> dict[str, Any] | None:
        params: dict[str, Any] = {} if self.ef is None else {"hnsw_ef": self.ef}
        if self.quantisation_ignored:
            params["quantization"] = {"ignore": True}
        return params or None


def probe(
    qdrant: Qdrant, collection: Collection, queries: Sequence[Sequence[float]], note: Note, patience: float
) -> None:
    """Search with every query in every way, KATO's first, and note one event a way.

    After `patience` seconds the ways that are left are given up, which is noted, too. Raises StoreError."""
    deadline = time.monotonic() + patience
    name = collection.name
    truth = [qdrant.search(name, query, max(RECALL_AT), _EXACTLY) for query in queries]
    for way in _ways(collection):
        if len(truth[0].ids) < way.k:
            note(
                RECALL_MISSING,
                collection=name,
                reason=f"collection {name} holds fewer than {way.k} vectors: recall@{way.k} says nothing",
            )
            continue
        if time.monotonic() > deadline:
            note(
                RECALL_MISSING,
                collection=name,
                reason=f"the probe of collection {name} was ended after {patience:.0f} s, before ef {way.ef}",
            )
            return
        found = [qdrant.search(name, query, way.k, way.params) for query in queries]
        note(
            RECALL,
            collection=name,
            points=collection.points,
            indexed=collection.indexed,
            dimension=collection.dimension,
            k=way.k,
            ef=way.ef,
            quantisation_ignored=way.quantisation_ignored,
            hits=[hits(one, true, way.k) for one, true in zip(found, truth, strict=True)],
            seconds=[round(one.seconds, 6) for one in found],
        )


def _ways(collection: Collection) -> Iterator[_Way]:
    """KATO's ways first. Where nothing is indexed all vectors are compared, whatever the ef."""
    for ignored in (False, True) if collection.quantised else (False,):
        yield from (_Way(k, None, ignored) for k in RECALL_AT)
        if collection.indexed:
            yield from (_Way(k, ef, ignored) for k in RECALL_AT for ef in EFS if ef > k)


def hits(found: Found, truth: Found, k: int) -> int:
    """How many of the `k` nearest a search found: those of the true ones, and any that is as near as the
    last of these, so that it costs nothing which of several equal vectors is returned."""
    nearest, farthest = set(truth.ids[:k]), truth.scores[k - 1]
    return sum(
        identity in nearest or abs(score - farthest) <= _SAME_SCORE * max(1e-3, abs(farthest))
        for identity, score in zip(found.ids[:k], found.scores[:k], strict=True)
    )
