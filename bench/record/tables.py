"""The tables of a run: their schemas, and the way from raw columns to what the files hold.

While a run is written, requests are codes and NaN (`STREAM`); once finalised they are words and nulls
(`REQUESTS`). The stream carries its words in its schema, so that a vocabulary that grew can read it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from bench.record.frames import ROW_COLUMNS
from bench.record.vocabulary import ERRORS, OPERATIONS, OUTCOMES, PHASES

#: A row as it travels (`frames.RowBuffer`).
ROW = np.dtype([(name, "<" + code) for name, code in ROW_COLUMNS])

_ARROW_TYPES = {"d": pa.float64(), "b": pa.int8(), "h": pa.int16(), "i": pa.int32()}
_WORD = pa.dictionary(pa.int8(), pa.string())

#: Columns of codes, and the words they stand for.
WORDS: dict[str, tuple[str, ...]] = {"operation": OPERATIONS, "phase": PHASES, "error": ERRORS}

#: Times of a request, in seconds since the run's origin. NaN in a stream and null in a table: never happened.
TIMES = ("due", "picked", "sent", "done")

STREAM = pa.schema(
    [(name, _ARROW_TYPES[code]) for name, code in ROW_COLUMNS],
    metadata={name: json.dumps(words) for name, words in WORDS.items()},
)

REQUESTS = pa.schema([(name, _WORD if name in WORDS else _ARROW_TYPES[code]) for name, code in ROW_COLUMNS])

METRICS_SCHEMA = pa.schema(
    [
        ("t", pa.float64()),
        ("source", pa.string()),
        ("instance", pa.string()),
        ("metric", pa.string()),
        ("value", pa.float64()),
    ]
)

METRICS = pa.schema(
    [
        (field.name, pa.dictionary(pa.int32(), pa.string()) if pa.types.is_string(field.type) else field.type)
        for field in METRICS_SCHEMA
    ]
)

#: What a histogram may be of. response = done - due, service = done - sent, wait = sent - picked,
#: lag = picked - due (dispatch lag); all in seconds.
KINDS = ("response", "service", "wait", "lag")

HISTOGRAMS = pa.schema(
    [
        ("second", pa.int32()),
        ("phase", _WORD),
        ("operation", _WORD),
        ("outcome", _WORD),
        ("kind", _WORD),
        ("bucket", pa.int32()),
        ("count", pa.int64()),
    ]
)
HISTOGRAM_WORDS: dict[str, tuple[str, ...]] = {
    "phase": PHASES,
    "operation": OPERATIONS,
    "outcome": OUTCOMES,
    "kind": KINDS,
}

Columns = dict[str, np.ndarray[Any, np.dtype[Any]]]


def rows_from_frame(payload: bytes) -> Columns:
    """The columns of a ROWS payload. Raises ValueError if it is cut short or holds an unknown code."""
    # numpy raises ValueError for a part of a row.
    rows = np.frombuffer(payload, ROW)
    columns = {name: np.ascontiguousarray(rows[name]) for name, _ in ROW_COLUMNS}
    for name, words in WORDS.items():
        codes = columns[name]
        if len(codes) and (codes.min() < 0 or codes.max() >= len(words)):
            raise ValueError(f"a rows frame holds an unknown {name} code: {codes.min()} to {codes.max()}")
    return columns


def stream_batch(parts: Sequence[Columns]) -> pa.RecordBatch:
    """The rows of several frames as one batch for the stream file."""
    arrays = [pa.array(np.concatenate([part[field.name] for part in parts])) for field in STREAM]
    return pa.RecordBatch.from_arrays(arrays, schema=STREAM)


def metrics_batch(rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
    """Samples `[t, source, instance, metric, value]` as a batch.

    Raises ValueError if a sample has another shape or another type at a place."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(METRICS_SCHEMA)
    if len(columns) != len(METRICS_SCHEMA):
        raise ValueError(f"a metrics sample has {len(columns)} places, not {len(METRICS_SCHEMA)}")
    try:
        arrays = [pa.array(column, field.type) for column, field in zip(columns, METRICS_SCHEMA, strict=True)]
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ValueError(f"a metrics sample holds a wrong value: {error}") from error
    return pa.RecordBatch.from_arrays(arrays, schema=METRICS_SCHEMA)


def words_of(schema: pa.Schema) -> dict[str, tuple[str, ...]]:
    """The words that a stream's codes stand for, as they were when it was written."""
    metadata: Mapping[bytes, bytes] = schema.metadata or {}
    return {name: tuple(json.loads(metadata[name.encode()])) for name in WORDS}


def requests_batch(batch: pa.RecordBatch, columns: Sequence[str] | None = None) -> pa.RecordBatch:
    """A batch of the stream as it stands in the finished table; `columns` projects it."""
    words = words_of(batch.schema)
    chosen = [field for field in REQUESTS if columns is None or field.name in columns]
    arrays = []
    for field in chosen:
        values = batch.column(field.name)
        if field.name in words:
            arrays.append(pa.DictionaryArray.from_arrays(values, pa.array(words[field.name], pa.string())))
        elif field.name in TIMES:
            arrays.append(pa.array(values.to_numpy(), from_pandas=True))
        else:
            arrays.append(values)
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(chosen))
