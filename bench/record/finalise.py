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
from bench.record.tables import HISTOGRAMS, METRICS, REQUESTS, requests_batch
from bench.record.writing import replacing, sync_folder

REQUESTS_STREAM, METRICS_STREAM = "requests.arrows", "metrics.arrows"
EVENTS_FILE = "events.jsonl"
REQUESTS_TABLE, HISTOGRAMS_TABLE, METRICS_TABLE = "requests.parquet", "histograms.parquet", "metrics.parquet"

#: Rows of a row group: some 4 MB before compression.
_GROUP = 65_536


def read_table(path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """The batches of a Parquet file. Raises UsageError if it is damaged."""
    try:
        with pq.ParquetFile(path) as file:
            # Not iter_batches: it holds on to what it has read, up to the whole file.
            for group in range(file.num_row_groups):
                yield from file.read_row_group(group, columns=columns).to_batches()
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"{path} is damaged and cannot be read: {error}.") from error


def iterate_requests(folder: Path, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """The requests of a run in batches of the finished table, wherever they are by now."""
    table = folder / REQUESTS_TABLE
    if table.exists():
        for batch in read_table(table, columns):
            yield batch.cast(pa.schema([REQUESTS.field(name) for name in batch.schema.names]))
    else:
        for batch in read_batches(folder / REQUESTS_STREAM):
            yield requests_batch(batch, columns)


def iterate_metrics(folder: Path) -> Iterator[pa.RecordBatch]:
    """The metrics of a run in batches of the finished table, wherever they are by now."""
    table = folder / METRICS_TABLE
    if table.exists():
        for batch in read_table(table):
            yield batch.cast(METRICS)
    else:
        for batch in read_batches(folder / METRICS_STREAM):
            yield batch.cast(METRICS)


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
