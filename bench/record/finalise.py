"""From the streams that a run left to the tables that stay.

The streams are removed only when every table is complete on disk, so this may be killed at any point and
done again; while both are there, the tables count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bench.errors import UsageError
from bench.record.histograms import NEEDED, histogram_batches
from bench.record.streams import read_batches
from bench.record.tables import (
    HISTOGRAM_WORDS,
    HISTOGRAMS,
    METRICS,
    REQUESTS,
    WORDS,
    requests_batch,
)
from bench.record.writing import replacing, sync_folder

REQUESTS_STREAM, METRICS_STREAM = "requests.arrows", "metrics.arrows"
EVENTS_FILE = "events.jsonl"
REQUESTS_TABLE, HISTOGRAMS_TABLE, METRICS_TABLE = "requests.parquet", "histograms.parquet", "metrics.parquet"

#: Rows of a row group: some 4 MB before compression.
_GROUP = 65_536


#: Columns in which a null is an answer: it did not happen, or the source could not tell.
_NULLABLE = frozenset({"picked", "sent", "done", "value"})


def read_table(
    path: Path, schema: pa.Schema, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """The batches of a Parquet file in the shape of `schema`, or of those `columns` of it; what else the file
    holds is left out. Raises UsageError if it is damaged, lacks a column or holds another kind of values."""
    wanted = pa.schema([field for field in schema if columns is None or field.name in columns])
    try:
        with pq.ParquetFile(path) as file:
            _require_columns(path, file.schema_arrow, wanted)
            # Not iter_batches: it holds on to what it has read, up to the whole file.
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns=wanted.names).select(wanted.names).cast(wanted)
                for batch in table.to_batches():
                    _require_values(path, batch)
                    yield batch
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        raise UsageError(f"{path} is damaged and cannot be read: {reason}.") from error


def _require_columns(path: Path, found: pa.Schema, wanted: pa.Schema) -> None:
    for name in wanted.names:
        if name not in found.names:
            raise UsageError(f"{path} is no table of a run: it has no column {name}.")
        if found.names.count(name) > 1:
            raise UsageError(f"{path} is no table of a run: it has several columns {name}.")


def _require_values(path: Path, batch: pa.RecordBatch) -> None:
    """No null where there is always a value, and no word that this version does not know."""
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if column.null_count and name not in _NULLABLE:
            raise UsageError(f"{path} is no table of a run: a row has no {name}.")
        words = (WORDS | HISTOGRAM_WORDS).get(name)
        if words is None or not pa.types.is_dictionary(column.type):
            continue
        for word in column.dictionary.to_pylist():
            if word not in words:
                raise UsageError(f"{path} is no table of a run: the {name} {word!r} is unknown.")


def iterate_requests(folder: Path, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """The requests of a run in batches of the finished table, wherever they are by now.

    Raises UsageError if they cannot be read as such."""
    table, stream = folder / REQUESTS_TABLE, folder / REQUESTS_STREAM
    if table.exists():
        yield from read_table(table, REQUESTS, columns)
        return
    for batch in read_batches(stream):
        try:
            found = requests_batch(batch, columns)
        except (pa.ArrowException, KeyError, ValueError, TypeError) as error:
            raise UsageError(f"{stream} is no stream of requests: {error}.") from error
        yield found


def iterate_metrics(folder: Path) -> Iterator[pa.RecordBatch]:
    """The metrics of a run in batches of the finished table, wherever they are by now.

    Raises UsageError if they cannot be read as such."""
    table, stream = folder / METRICS_TABLE, folder / METRICS_STREAM
    if table.exists():
        yield from read_table(table, METRICS)
        return
    for batch in read_batches(stream):
        try:
            found = batch.cast(METRICS)
        except (pa.ArrowException, ValueError) as error:
            raise UsageError(f"{stream} is no stream of metrics: {error}.") from error
        yield found


def write_tables(folder: Path) -> int:
    """Write the tables that are missing and remove the streams; how many requests there are.

    Works batch by batch: memory does not grow with the run. Raises OSError if the disk is full; the
    streams then stay as they were."""
    _write_table(folder / REQUESTS_TABLE, REQUESTS, _grouped(iterate_requests(folder)))
    _write_table(folder / HISTOGRAMS_TABLE, HISTOGRAMS, histogram_batches(iterate_requests(folder, NEEDED)))
    _write_table(folder / METRICS_TABLE, METRICS, _grouped(iterate_metrics(folder)))
    sync_folder(folder)
    for stream in (REQUESTS_STREAM, METRICS_STREAM):
        (folder / stream).unlink(missing_ok=True)
    return int(pq.read_metadata(folder / REQUESTS_TABLE).num_rows)


def _write_table(path: Path, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
    if path.exists():
        return
    with replacing(path) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)


def _grouped(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of about `_GROUP`: a run at a low rate has many small ones."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        if rows >= _GROUP:
            yield from _joined(waiting)
            waiting, rows = [], 0
    yield from _joined(waiting)


def _joined(batches: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
    if not batches:
        return []
    table = pa.Table.from_batches(batches).unify_dictionaries().combine_chunks()
    return list(table.to_batches())
