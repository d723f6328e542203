"""The histogram rows of a run, ordered by what they count: a selection of them is a few slices.

A long run has some ten million of these rows, and a report asks for dozens of selections."""

from __future__ import annotations

import itertools
import math
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
#: Columns in memory, where their width matters.
_COMPACT = {"code": np.int16, "second": np.int32, "bucket": np.int16, "count": np.int32}

#: One word of an axis, several, or None = all of them.
Words = str | tuple[str, ...] | None


class Selections:
    """Rows of a histogram table."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        parts = [_compact(batch) for batch in batches]
        columns = {
            name: np.concatenate([np.empty(0, dtype), *(part[name] for part in parts)])
            for name, dtype in _COMPACT.items()
        }
        del parts
        codes = columns.pop("code")
        self._edges = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=math.prod(_SIZES)))])
        # Rows come by second, so that a stable sort leaves those of one code by second and bucket.
        order = np.argsort(codes, kind="stable")
        self._values: dict[str, NDArray[Any]] = {}
        for name in tuple(columns):
            self._values[name] = columns.pop(name)[order]

    def select(self, **words: Words) -> dict[str, NDArray[Any]]:
        """`second`, `bucket` and `count` of the rows with these words, by axis (phase, operation, outcome,
        kind); an axis that is not named is not asked about.

        Rows with one word on each axis keep the order of the table. Raises ValueError for a word that an axis
        does not know."""
        chosen = [_places(axis, words.get(axis)) for axis in _AXES]
        slices = []
        for combination in itertools.product(*chosen):
            code = 0
            for place, size in zip(combination, _SIZES, strict=True):
                code = code * size + place
            start, end = int(self._edges[code]), int(self._edges[code + 1])
            if end > start:
                slices.append(slice(start, end))
        return {
            name: column[slices[0]]
            if len(slices) == 1
            else np.concatenate([column[:0], *(column[one] for one in slices)])
            for name, column in self._values.items()
        }


def _compact(batch: pa.RecordBatch) -> dict[str, NDArray[Any]]:
    """The rows of a batch as narrow numbers; `code` is the place on all axes as one."""
    code = np.zeros(batch.num_rows, np.int16)
    for axis, size in zip(_AXES, _SIZES, strict=True):
        code = code * np.int16(size) + numbers(batch, axis)
    return {"code": code} | {
        name: numbers(batch, name).astype(dtype) for name, dtype in _COMPACT.items() if name != "code"
    }


def _places(axis: str, words: Words) -> list[int]:
    known = HISTOGRAM_WORDS[axis]
    if words is None:
        return list(range(len(known)))
    return [known.index(word) for word in ((words,) if isinstance(words, str) else words)]
