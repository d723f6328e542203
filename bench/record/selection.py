"""The histogram rows of a run, ordered by what they count: a selection of them is a few slices.

A long run has some ten million of these rows, and a report asks for dozens of selections."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.record.histograms import numbers
from bench.record.tables import HISTOGRAM_WORDS

#: What rows are selected by, the most significant first.
_AXES = ("phase", "operation", "outcome", "kind")
_SIZES = tuple(len(HISTOGRAM_WORDS[axis]) for axis in _AXES)
#: What a row says. Its width matters.
_VALUES = {"second": np.int32, "bucket": np.int16, "count": np.int32}

#: One word of an axis, several, or None = all of them.
Words = str | tuple[str, ...] | None


class Selections:
    """Rows of a histogram table."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        parts = [(_codes(batch), {name: numbers(batch, name) for name in _VALUES}) for batch in batches]
        codes = np.concatenate([np.empty(0, np.int16), *(part for part, _ in parts)])
        order = np.argsort(codes, kind="stable")
        self._values: dict[str, NDArray[Any]] = {
            name: np.concatenate([np.empty(0, dtype), *(part[name].astype(dtype) for _, part in parts)])[
                order
            ]
            for name, dtype in _VALUES.items()
        }
        counts = np.bincount(codes, minlength=int(np.prod(_SIZES)))
        self._edges = np.concatenate([[0], np.cumsum(counts)])

    def select(self, **words: Words) -> dict[str, NDArray[Any]]:
        """`second`, `bucket` and `count` of the rows with these words, by axis (phase, operation, outcome,
        kind); an axis that is not named is not asked about.

        Rows of one word on each axis come by second and bucket, if the table has them so. Raises ValueError
        for a word that an axis does not know."""
        chosen = [_places(axis, words.get(axis)) for axis in _AXES]
        slices = []
        for combination in itertools.product(*chosen):
            code = int(np.ravel_multi_index(combination, _SIZES))
            start, end = int(self._edges[code]), int(self._edges[code + 1])
            if end > start:
                slices.append(slice(start, end))
        return {
            name: column[slices[0]]
            if len(slices) == 1
            else np.concatenate([column[:0], *(column[one] for one in slices)])
            for name, column in self._values.items()
        }


def _codes(batch: pa.RecordBatch) -> NDArray[np.int16]:
    """The place of each row on all axes as one number."""
    columns = tuple(numbers(batch, axis).astype(np.int64) for axis in _AXES)
    return np.ravel_multi_index(columns, _SIZES).astype(np.int16)


def _places(axis: str, words: Words) -> list[int]:
    known = HISTOGRAM_WORDS[axis]
    if words is None:
        return list(range(len(known)))
    return [known.index(word) for word in ((words,) if isinstance(words, str) else words)]
