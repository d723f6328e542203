"""Rows of `histograms.parquet` from rows of requests, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.record.tables import HISTOGRAM_WORDS, HISTOGRAMS, KINDS, WORDS
from bench.record.vocabulary import ERRORS, LOST, OUTCOMES
from bench.stats.histogram import bucket_of

#: Start and end of each kind of duration.
_SPANS = {
    "response": ("due", "done"),
    "service": ("sent", "done"),
    "wait": ("picked", "sent"),
    "lag": ("due", "picked"),
}

#: Columns of a request that its histogram entries come from.
NEEDED = ("due", "picked", "sent", "done", "operation", "phase", "error")

#: Places of a key, least significant first, and their widths in bits; the second takes the rest.
_BUCKET, _KIND, _OUTCOME, _OPERATION, _PHASE = 12, 2, 2, 6, 3

#: The outcome of each error code.
_OUTCOME_OF = np.array(
    [OUTCOMES.index("ok" if not word else "lost" if word in LOST else "error") for word in ERRORS], np.int64
)


class HistogramRows:
    """Counts per (second due, phase, operation, outcome, kind, bucket).

    Memory is bounded by handing out what was counted whenever it grows beyond `limit` entries; one key may
    so occur more than once in the file, and readers add such counts up."""

    def __init__(self, limit: int = 500_000) -> None:
        self._limit = limit
        self._keys: list[NDArray[np.int64]] = []
        self._counts: list[NDArray[np.int64]] = []
        self._size = 0

    def add(self, batch: pa.RecordBatch) -> pa.RecordBatch | None:
        """Count the rows of a finished-table batch; what it returns is to be written."""
        columns = {name: numbers(batch, name) for name in NEEDED}
        base = np.floor(columns["due"]).astype(np.int64) << _PHASE
        base = (base | columns["phase"]) << _OPERATION
        base = (base | columns["operation"]) << _OUTCOME
        outcome = _OUTCOME_OF[columns["error"]]
        base = (base | outcome) << _KIND
        lost = outcome == OUTCOMES.index("lost")
        keys = []
        for kind, (start, end) in _SPANS.items():
            seconds = columns[end] - columns[start]
            if end == "done":
                seconds = np.where(lost & ~np.isnan(columns[start]), np.inf, seconds)
            happened = ~np.isnan(seconds)
            key = (base[happened] | KINDS.index(kind)) << _BUCKET
            keys.append(key | bucket_of(seconds[happened]).astype(np.int64))
        unique, counts = np.unique(np.concatenate(keys), return_counts=True)
        self._keep(unique, counts.astype(np.int64))
        if self._size <= self._limit:
            return None
        self._compact()
        # Where compacting frees little, the next batches would compact over and over.
        return self.take() if self._size > self._limit // 2 else None

    def take(self) -> pa.RecordBatch:
        """Hand out all that was counted since the last time, in order of second, phase, operation, ...,
        and forget it."""
        self._compact()
        rest, counts = self._keys[0], self._counts[0]
        self._keys, self._counts, self._size = [], [], 0
        bucket, rest = rest & ((1 << _BUCKET) - 1), rest >> _BUCKET
        codes = {}
        for name, bits in (
            ("kind", _KIND),
            ("outcome", _OUTCOME),
            ("operation", _OPERATION),
            ("phase", _PHASE),
        ):
            codes[name], rest = (rest & ((1 << bits) - 1)).astype(np.int8), rest >> bits
        words = {
            name: pa.DictionaryArray.from_arrays(pa.array(codes[name]), pa.array(HISTOGRAM_WORDS[name]))
            for name in codes
        }
        columns = {
            "second": pa.array(rest.astype(np.int32)),
            "bucket": pa.array(bucket.astype(np.int32)),
            "count": pa.array(counts),
        } | words
        return pa.RecordBatch.from_arrays([columns[name] for name in HISTOGRAMS.names], schema=HISTOGRAMS)

    def _keep(self, keys: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        self._keys.append(keys)
        self._counts.append(counts)
        self._size += len(keys)

    def _compact(self) -> None:
        """Sort all entries by key and add up the counts of equal keys."""
        keys = np.concatenate([*self._keys, np.empty(0, np.int64)])
        counts = np.concatenate([*self._counts, np.empty(0, np.int64)])
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        first = np.flatnonzero(np.diff(keys, prepend=-1))
        sums = np.add.reduceat(counts[order], first) if len(first) else counts
        self._keys, self._counts, self._size = [keys[first]], [sums], len(first)


def histogram_batches(requests: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The histogram rows of a run from its request batches."""
    rows = HistogramRows()
    for batch in requests:
        if (full := rows.add(batch)) is not None:
            yield full
    yield rows.take()


def numbers(batch: pa.RecordBatch, name: str) -> NDArray[Any]:
    """A column as numbers: times with NaN for null, words as codes of today's vocabulary."""
    column = batch.column(name)
    values: NDArray[Any]
    if pa.types.is_dictionary(column.type):
        words = (WORDS | HISTOGRAM_WORDS)[name]
        codes = np.array([words.index(word) for word in column.dictionary.to_pylist()], np.int8)
        values = codes[column.indices.to_numpy()]
    else:
        values = column.to_numpy(zero_copy_only=False)
    return values
