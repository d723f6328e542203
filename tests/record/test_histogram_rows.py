"""The histograms of a run: exact to merge whatever process, machine or batch a request went through, and true
to half a percent of every request's time."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorder_process import payload, random_rows

from bench.record.histograms import NEEDED, HistogramRows, histogram_batches
from bench.record.tables import HISTOGRAMS, requests_batch, rows_from_frame, stream_batch
from bench.record.vocabulary import LOST
from bench.stats.histogram import RELATIVE_ERROR, Histogram

Key = tuple[int, str, str, str, str, int]


def batch_of(columns: dict[str, np.ndarray], chosen: Any = slice(None)) -> pa.RecordBatch:
    part = {name: column[chosen] for name, column in columns.items()}
    return requests_batch(stream_batch([rows_from_frame(payload(part))]), NEEDED)


def counts(batches: list[pa.RecordBatch]) -> Counter[Key]:
    """(second, phase, operation, outcome, kind, bucket) -> count, over all rows of all batches."""
    found: Counter[Key] = Counter()
    for batch in batches:
        for row in batch.to_pylist():
            *key, count = (row[name] for name in HISTOGRAMS.names)
            found[tuple(key)] += count
    return found


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(min_value=0, max_value=10_000),
    rows=st.integers(min_value=1, max_value=400),
    parts=st.integers(min_value=1, max_value=7),
    limit=st.sampled_from([1, 50, 500_000]),
)
def test_parts_merge_to_the_whole(seed: int, rows: int, parts: int, limit: int) -> None:
    """Each request goes to one of several load processes at random; each makes its own rows, in batches that
    are handed out as memory asks."""
    columns = random_rows(rows, seed, rate=60)
    whole = counts(list(histogram_batches(iter([batch_of(columns)]))))
    owner = np.random.default_rng(seed).integers(0, parts, rows)
    merged: Counter[Key] = Counter()
    for part in range(parts):
        histograms = HistogramRows(limit)
        for piece in np.array_split(np.flatnonzero(owner == part), 3):
            if piece.size and (full := histograms.add(batch_of(columns, piece))) is not None:
                merged += counts([full])
        merged += counts([histograms.take()])
    assert merged == whole


def test_every_request_is_counted_once_for_each_of_its_times() -> None:
    columns = random_rows(5000, 3)
    found = counts(list(histogram_batches(iter([batch_of(columns)]))))
    by_kind: Counter[str] = Counter()
    for key, count in found.items():
        by_kind[key[4]] += count
    picked, sent = (~np.isnan(columns[name]) for name in ("picked", "sent"))
    done = ~np.isnan(columns["done"])
    lost = ~done
    assert by_kind["lag"] == picked.sum()
    assert by_kind["wait"] == sent.sum()
    assert by_kind["service"] == (sent & (done | lost)).sum()
    assert by_kind["response"] == len(done)


@pytest.mark.parametrize("kind", ["response", "service", "wait", "lag"])
def test_quantiles_of_each_second_phase_operation_and_outcome_are_true(kind: str) -> None:
    columns = random_rows(6000, 9, rate=600)
    starts = {"response": "due", "service": "sent", "wait": "picked", "lag": "due"}
    ends = {"response": "done", "service": "done", "wait": "sent", "lag": "picked"}
    batch = batch_of(columns)
    frame = batch.to_pandas()
    frame["outcome"] = ["ok" if not e else "lost" if e in LOST else "error" for e in frame["error"]]
    frame["second"] = np.floor(frame["due"]).astype(int)
    frame["seconds"] = frame[ends[kind]] - frame[starts[kind]]
    exact = frame[frame["outcome"] != "lost"].dropna(subset=["seconds"])
    table = pa.Table.from_batches(list(histogram_batches(iter([batch])))).to_pandas()
    table = table[(table["kind"] == kind) & (table["outcome"] != "lost")]
    groups = ["second", "phase", "operation", "outcome"]
    stored = {
        key: Histogram.from_counts(part["bucket"], part["count"])
        for key, part in table.groupby(groups, observed=True)
    }
    checked = 0
    for key, part in exact.groupby(groups, observed=True):
        for q in (0.0, 0.25, 0.5, 0.9, 0.99, 1.0):
            true = float(np.quantile(part["seconds"], q, method="inverted_cdf"))
            if true < 1e-6:
                continue
            assert stored[key].quantile(q) == pytest.approx(true, rel=RELATIVE_ERROR * (1 + 1e-9))
            checked += 1
    assert checked > 50
    assert stored.keys() == {key for key, _ in exact.groupby(groups, observed=True)}
