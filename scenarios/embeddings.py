"""Vectors for the events of a corpus: real structure, any dimension, nothing to download.

A token's vector comes from the words around it: positive pointwise mutual information of neighbours within
four tokens, weighted by nearness, contexts smoothed by the power 0.75; then a truncated singular value
decomposition U sqrt(S) (Levy, Goldberg & Dagan, TACL 3, 2015), computed by random projection with power
iterations (Halko, Martinsson & Tropp, SIAM Review 53, 2011, algorithm 4.4). All vectors are float32 of unit
length. One seed gives the same vectors again on one machine, and the same up to rounding elsewhere.

Importing this module imports numpy; import it where vectors are needed.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import UsageError
from scenarios.corpus import Corpus, Event

FEWEST_DIMENSIONS, MOST_DIMENSIONS = 2, 1024
#: What the decomposition may cost: words beyond the most frequent ones, and text beyond the first tokens,
#: are left out of it.
_MOST_WORDS = 20_000
_MOST_TOKENS = 2_000_000
_WINDOW = 4
_SMOOTHING = 0.75
_OVERSAMPLING = 10
_POWER_ITERATIONS = 2
#: Random directions that stand for words without a vector of their own.
_STRANGERS = 1024
_BATCH = 8192

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Embeddings:
    """Vectors of tokens. `rows`: token -> row of `matrix`; its last rows are random directions, of which a
    token that has no row takes one by its CRC-32."""

    rows: dict[str, int]
    matrix: Matrix

    @property
    def dimension(self) -> int:
        return int(self.matrix.shape[1])

    def embed(self, event: Event) -> Matrix:
        """The vector of an event: the normalised mean of its tokens' vectors, shape (dimension,).

        Raises ValueError for an event without tokens."""
        vector: Matrix = self.embed_all([event])[0]
        return vector

    def embed_all(self, events: Sequence[Event]) -> Matrix:
        """The vectors of many events, shape (events, dimension). Raises ValueError as `embed` does."""
        if not all(events):
            raise ValueError("an event without tokens has no vector")
        result = np.empty((len(events), self.dimension), dtype=np.float32)
        for start in range(0, len(events), _BATCH):
            batch = events[start : start + _BATCH]
            rows = np.array([self._row(token) for event in batch for token in event])
            lengths = np.array([len(event) for event in batch])
            first = np.cumsum(lengths) - lengths
            sums = np.add.reduceat(self.matrix[rows], first, axis=0)
            # Tokens that cancel out leave no direction; the first one then speaks for the event.
            result[start : start + len(batch)] = _unit(sums, self.matrix[rows[first]])
        return result

    def distinct(self, corpus: Corpus, count: int, *, symbols: int, seed: int) -> tuple[list[Event], Matrix]:
        """`count` events of `symbols` tokens from the corpus whose vectors all differ, and the vectors.

        Raises UsageError where the corpus does not give that many."""
        supply = corpus.iter_patterns(events=1, symbols=symbols, seed=seed)
        events: list[Event] = []
        vectors: list[Matrix] = []
        seen: set[bytes] = set()
        while len(events) < count:
            drawn = [event for (event,) in islice(supply, min(_BATCH, count - len(events)))]
            for event, vector in zip(drawn, self.embed_all(drawn), strict=True):
                # A digest, because a million vectors of their own would weigh half a gigabyte.
                key = hashlib.blake2b(vector.tobytes(), digest_size=16).digest()
                if key not in seen:
                    seen.add(key)
                    events.append(event)
                    vectors.append(vector)
        matrix = np.array(vectors, dtype=np.float32).reshape(count, self.dimension)
        return events, matrix

    def _row(self, token: str) -> int:
        row = self.rows.get(token)
        if row is None:
            return len(self.matrix) - _STRANGERS + zlib.crc32(token.encode()) % _STRANGERS
        return row


def fit(corpus: Corpus, dimension: int, *, seed: int) -> Embeddings:
    """Embed the words of a corpus.

    Where `dimension` exceeds the rank of the co-occurrence matrix, all of the rank is used and turned into
    the larger space by a random rotation, which keeps every distance. Of a large corpus, the 20 000 most
    frequent words and the first two million tokens count. Raises UsageError for a dimension outside 2 to
    1 024."""
    if not FEWEST_DIMENSIONS <= dimension <= MOST_DIMENSIONS:
        raise UsageError(
            f"vectors can have {FEWEST_DIMENSIONS} to {MOST_DIMENSIONS} dimensions, not {dimension}"
        )
    rng = np.random.default_rng(seed)
    stream = np.frombuffer(corpus.ids, dtype=np.uint32)[:_MOST_TOKENS].astype(np.int64)
    counts = np.bincount(stream, minlength=len(corpus.words))
    known = np.argsort(-counts, kind="stable")[:_MOST_WORDS]
    place = np.full(len(corpus.words), -1)
    place[known] = np.arange(known.size)

    vectors = _decompose(_mutual_information(place[stream], known.size), dimension, rng)
    rank = vectors.shape[1]
    if rank < dimension:
        rotation, _ = np.linalg.qr(rng.standard_normal((dimension, rank)))
        vectors = vectors @ rotation.T
    spare = rng.standard_normal((known.size, dimension)).astype(np.float32)
    strangers = rng.standard_normal((_STRANGERS, dimension)).astype(np.float32)
    matrix = np.vstack([_unit(vectors.astype(np.float32), spare), _unit(strangers, strangers)])
    return Embeddings({corpus.words[word]: row for row, word in enumerate(known.tolist())}, matrix)


def _mutual_information(stream: NDArray[np.int64], words: int) -> Any:
    """Sparse symmetric matrix of positive pointwise mutual information; -1 in the stream is no word."""
    from scipy import sparse

    together = sparse.csr_array((words, words), dtype=np.float64)
    for distance in range(1, _WINDOW + 1):
        left, right = stream[:-distance], stream[distance:]
        both = (left >= 0) & (right >= 0)
        weight = np.full(int(both.sum()), (_WINDOW + 1 - distance) / _WINDOW)
        together += sparse.coo_array((weight, (left[both], right[both])), shape=(words, words)).tocsr()
    together = (together + together.T).tocoo()
    total = together.sum(axis=0)
    smoothed = total**_SMOOTHING
    chance = total[together.row] * smoothed[together.col] / smoothed.sum()
    values = np.maximum(np.log(together.data / chance), 0)
    return sparse.coo_array((values, (together.row, together.col)), shape=(words, words)).tocsr()


def _decompose(matrix: Any, dimension: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """U sqrt(S) of the leading singular values, at most `dimension` of them and none that is zero."""
    width = min(dimension + _OVERSAMPLING, matrix.shape[0])
    basis, _ = np.linalg.qr(matrix @ rng.standard_normal((matrix.shape[0], width)))
    for _ in range(_POWER_ITERATIONS):
        basis, _ = np.linalg.qr(matrix.T @ basis)
        basis, _ = np.linalg.qr(matrix @ basis)
    reduced = matrix.T @ basis
    squares, directions = np.linalg.eigh(reduced.T @ reduced)
    squares, directions = squares[::-1][:dimension], directions[:, ::-1][:, :dimension]
    kept = squares > squares[0] * 1e-12
    vectors: NDArray[np.float64] = basis @ directions[:, kept] * squares[kept] ** 0.25
    # An eigenvector's sign is arbitrary: make its largest component positive.
    largest = np.abs(vectors).argmax(axis=0)
    vectors *= np.sign(vectors[largest, np.arange(vectors.shape[1])])
    return vectors


def _unit(vectors: Matrix, instead: Matrix) -> Matrix:
    """Rows of unit length; a row without direction takes that of `instead`."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    directed = np.where(lengths > 1e-6, vectors, instead)
    unit: Matrix = (directed / np.linalg.norm(directed, axis=1, keepdims=True)).astype(np.float32)
    return unit
