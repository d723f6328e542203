"""Vectors: observations that carry a vector, on nodes whose Qdrant collections are large.

Stands for: sensors, images or texts that reach KATO as embeddings. Mix: observe with tokens and a vector,
`events` times; a prediction; then learn (one conversation in four) or clear (at 5 events: 71 % / 14 % / 4 % /
11 %). Data: events of real prose and the embeddings of their words, with a little noise, so that no vector
comes twice. A few patterns are learned through KATO, which makes the collection; the bulk of the vectors is
loaded straight into it, shaped as KATO shapes its own. When the load is over, recall is probed with events
that are in no collection. Must not: send vectors of two dimensions to a node (KATO loses the second kind
without a word), predict at observe time.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench.loadgen import recall
from bench.loadgen.operations import clear, learn, observe, predict
from bench.loadgen.qdrant import Collection, Qdrant, StoreError
from bench.loadgen.user import Note, Script, Stores
from bench.loadgen.world import Lesson, World
from bench.record.vocabulary import RECALL_MISSING
from scenarios import embeddings
from scenarios.embeddings import Matrix
from scenarios.taught import Taught, TaughtUser

SCENARIO = {
    "title": "observations with vectors, on large collections; recall is probed at the end",
    "operations": ["create", "sequence", "observe", "predict", "learn", "clear"],
    "mix": {"observe": 0.71, "predict": 0.14, "learn": 0.04, "clear": 0.11},
    "stores": ["qdrant"],
    "recall": True,
    "options": {
        "nodes": {"default": 1, "min": 1, "max": 8, "help": "nodes, each with a collection of its own"},
        "sessions": {"default": 16, "min": 1, "max": 20000, "help": "open conversations"},
        "vectors": {
            "default": 5000,
            "min": 0,
            "max": 1000000,
            "help": "vectors per node, loaded straight into its collection",
        },
        "dimension": {
            "default": 384,
            "min": 2,
            "max": 1024,
            "help": "components of a vector; text models give 384 or 768",
        },
        "queries": {"default": 300, "min": 300, "max": 10000, "help": "held-out vectors that probe recall"},
        "patterns": {"default": 50, "min": 1, "max": 100000, "help": "patterns per node, learned by KATO"},
        "events": {"default": 5, "min": 2, "max": 100, "help": "events of a pattern and of a conversation"},
        "symbols": {"default": 4, "min": 1, "max": 100, "help": "tokens in an event"},
    },
    "defaults": {"rate": 40.0},
}

#: Of a vector's unit length; real sensors do not repeat themselves to the last digit.
_NOISE = 0.05
_LEARN_SHARE = 0.25
#: Six decimals keep more of a component than any search needs, and make messages half as long.
_DECIMALS = 6
#: Components in one upsert: some 2.5 MB, far below the 32 MB that Qdrant takes.
_BATCH = 250_000
#: Qdrant's own, in KB of vectors; a change to null would leave what is there.
_DEFAULT_THRESHOLD = 10_000
#: Seconds to build an index: these, and one more for so many vectors (one core builds over 1 000 a second).
_PATIENCE, _VECTORS_PER_SECOND = 60.0, 200
_PROBE_SECONDS = 180.0


@dataclass
class _Data(Taught):
    """`bulk`: by node. `queries` are the vectors of events that no collection holds."""

    embedded: embeddings.Embeddings
    bulk: list[Matrix]
    queries: Matrix


class Vectors(TaughtUser):
    scenario = SCENARIO

    @classmethod
    def prepare(cls, world: World) -> None:
        """`world.shared`: a `_Data`."""
        options = world.options
        nodes, size = options["nodes"], options["vectors"]
        taught = Taught.of(world)
        embedded = embeddings.fit(taught.words, options["dimension"], seed=world.seed)
        _, matrix = embedded.distinct(
            taught.words, nodes * size + options["queries"], symbols=options["symbols"], seed=world.seed
        )
        world.shared = _Data(
            taught.words,
            taught.known,
            embedded,
            [matrix[node * size : (node + 1) * size] for node in range(nodes)],
            matrix[nodes * size :],
        )

    @classmethod
    def lessons(cls, world: World) -> Iterator[Lesson]:
        data: _Data = world.shared
        noise = np.random.default_rng(world.seed)
        for lesson in super().lessons(world):
            vectors = _numbers(_noisy(data.embedded.embed_all(lesson.events), noise))
            yield replace(lesson, vectors=tuple(vectors))

    @classmethod
    def furnish(cls, world: World, stores: Stores) -> None:
        qdrant = Qdrant(stores["qdrant"])
        for node, bulk in enumerate(world.shared.bulk):
            if len(bulk):
                _load(qdrant, _collection(qdrant, world, node), bulk)
        world.shared.bulk.clear()
        qdrant.close()

    @classmethod
    def examine(cls, world: World, stores: Stores, note: Note) -> None:
        qdrant = Qdrant(stores["qdrant"])
        queries = _numbers(world.shared.queries)
        for node in range(world.options["nodes"]):
            try:
                name = _collection(qdrant, world, node).name
                settled = qdrant.settle(name, _patience(world.options["vectors"]))
                recall.probe(qdrant, settled, queries, note, _PROBE_SECONDS)
            except StoreError as error:
                note(RECALL_MISSING, collection=world.node_name(node), reason=str(error))
        qdrant.close()

    @classmethod
    def clear_away(cls, world: World, stores: Stores) -> int:
        qdrant = Qdrant(stores["qdrant"])
        failures = 0
        for node in range(world.options["nodes"]):
            try:
                name = qdrant.collection_of(world.node_name(node))
                if name is not None:
                    qdrant.drop(name)
            except StoreError:
                failures += 1
        qdrant.close()
        return failures

    def script(self) -> Script:
        data: _Data = self.world.shared
        rng = self.world.rng("vectors", self.session.index)
        noise = np.random.default_rng([self.world.seed, self.session.index])
        for told in self.conversations(rng):
            vectors = _numbers(_noisy(data.embedded.embed_all(told), noise))
            for event, vector in zip(told, vectors, strict=True):
                yield observe(event, [vector])
            yield predict()
            yield learn() if rng.random() < _LEARN_SHARE else clear()


def _collection(qdrant: Qdrant, world: World, node: int) -> Collection:
    """The collection that KATO made for a node. Raises StoreError where there is none, or one of another
    dimension."""
    name = qdrant.collection_of(world.node_name(node))
    if name is None:
        raise StoreError(
            f"KATO made no collection for node {world.node_name(node)} in this Qdrant: it uses another one, "
            "or stores no vectors"
        )
    found = qdrant.describe(name)
    if found.dimension != world.options["dimension"]:
        raise StoreError(
            f"KATO made collection {name} with {found.dimension} dimensions, not {world.options['dimension']}"
        )
    return found


def _load(qdrant: Qdrant, collection: Collection, vectors: Matrix) -> None:
    """Upsert the vectors with indexing held back, so that one index is built over all of them, as Qdrant
    advises for bulk loads; then wait for it."""
    threshold = collection.config["optimizer_config"].get("indexing_threshold")
    if threshold is None:
        threshold = _DEFAULT_THRESHOLD
    qdrant.configure(collection.name, {"optimizers_config": {"indexing_threshold": 0}})
    try:
        size = max(1, _BATCH // collection.dimension)
        for start in range(0, len(vectors), size):
            batch = vectors[start : start + size]
            qdrant.upsert(
                collection.name,
                [_point(vector, numbers) for vector, numbers in zip(batch, _numbers(batch), strict=True)],
            )
    finally:
        qdrant.configure(collection.name, {"optimizers_config": {"indexing_threshold": threshold}})
    qdrant.settle(collection.name, _patience(len(vectors)))


def _point(vector: Matrix, numbers: list[float]) -> dict[str, Any]:
    """A point as KATO makes them: its id from its symbol, which the payload holds, and the symbol from a hash
    of the vector (KATO hashes numpy's text of it, which takes a hundred times as long)."""
    symbol = f"VCTR|{hashlib.sha1(vector.tobytes(), usedforsecurity=False).hexdigest()}"
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, symbol)),
        "vector": numbers,
        "payload": {"vctr_name": symbol},
    }


def _patience(vectors: int) -> float:
    return _PATIENCE + vectors / _VECTORS_PER_SECOND


def _noisy(vectors: Matrix, random: np.random.Generator) -> Matrix:
    """The vectors, turned a little at random and again of unit length."""
    scale = _NOISE / np.sqrt(vectors.shape[1])
    moved = vectors + scale * random.standard_normal(vectors.shape, dtype=np.float32)
    unit: Matrix = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    return unit


def _numbers(vectors: Matrix) -> list[list[float]]:
    rounded: list[list[float]] = np.round(vectors.astype(np.float64), _DECIMALS).tolist()
    return rounded
