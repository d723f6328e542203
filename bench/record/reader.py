"""Reads a run folder, whether its run finished, was killed, or is still going on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bench.errors import BenchError, UsageError
from bench.record import manifest as manifests
from bench.record.events import read_events
from bench.record.finalise import (
    EVENTS_FILE,
    HISTOGRAMS_TABLE,
    iterate_metrics,
    iterate_requests,
    read_table,
    write_tables,
)
from bench.record.folder import MANIFEST
from bench.record.histograms import NEEDED, histogram_batches, numbers
from bench.record.manifest import FileFacts, Manifest, Phase, Settling, Totals, file_facts
from bench.record.selection import Selections
from bench.record.status import judged
from bench.record.tables import HISTOGRAM_WORDS, HISTOGRAMS, METRICS, REQUESTS
from bench.record.vocabulary import ERRORS, OPERATIONS, PHASES
from bench.record.writing import exclusive, write_failure
from bench.stats.histogram import Histogram, by_group
from bench.stats.series import Series

_WARMUP, _MEASURE = PHASES.index("warmup"), PHASES.index("measure")
#: Answers of `per_second` that are kept, the latest: a report asks for one percentile of an operation after
#: the other, and each answer is as large as an hour is long.
_KEPT = 4


class RunRecord:
    """One run, read as far as it is asked for. What was read once is kept; open it anew for a later look.

    What was due before the run had settled reads as `warmup`, whatever phase its files say; `settling` takes
    the place of what the manifest says of that. Raises UsageError, on the first access, if the folder holds
    no valid manifest."""

    def __init__(self, folder: Path | str, settling: Settling | None = None) -> None:
        self.folder = Path(folder)
        self._settling = settling
        self._recent: dict[Any, list[tuple[int, Histogram]]] = {}
        self._completions: dict[tuple[float, float], tuple[float, dict[str, NDArray[np.int64]]]] = {}

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest; a run whose writer is gone reads as `interrupted`."""
        return judged(manifests.read(self.folder), self.folder)

    @property
    def settling(self) -> Settling | None:
        """Where the warm-up really ended; None if nobody has judged that, as in a run that is being made."""
        if self._settling is not None or not (self.folder / MANIFEST).exists():
            return self._settling
        return self.manifest.settling

    @property
    def settled_from(self) -> float | None:
        """The second from which on the measure phase counts, None = from its start."""
        return self.settling.start if self.settling is not None else None

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The requests in batches, in the order in which they ended: memory does not grow with the run."""
        start = self.settled_from
        if start is None or (columns is not None and "phase" not in columns):
            yield from iterate_requests(self.folder, columns)
            return
        names = [name for name in REQUESTS.names if columns is None or name in columns]
        for batch in iterate_requests(self.folder, [*names, "due"]):
            yield _settled(batch, start).select(names)

    def requests(self, columns: Sequence[str] | None = None) -> pa.Table:
        """One row per request, in the order in which they ended; `columns` keeps it small.

        Times are seconds since the run's origin, null for what did not happen."""
        schema = pa.schema([field for field in REQUESTS if columns is None or field.name in columns])
        batches = (batch.select(schema.names) for batch in self.batches(columns))
        return pa.Table.from_batches(batches, schema).unify_dictionaries()

    def histogram(
        self,
        operation: str | None = None,
        phase: str | None = "measure",
        kind: str = "response",
        outcome: str | tuple[str, ...] | None = "ok",
    ) -> Histogram:
        """Durations in seconds of one `kind` (`tables.KINDS`); None = of all operations, phases, outcomes.

        A request that nobody answered (outcome `lost`) stands in the top bucket of response and service."""
        rows = self._histograms.select(operation=operation, phase=phase, kind=kind, outcome=outcome)
        return Histogram.from_counts(rows["bucket"], rows["count"])

    def per_second(
        self,
        operation: str | None = None,
        phase: str | None = "measure",
        kind: str = "response",
        outcome: str | tuple[str, ...] | None = "ok",
    ) -> list[tuple[int, Histogram]]:
        """The same by the second in which the requests were due, ascending; seconds without any are left
        out."""
        asked = (operation, phase, kind, outcome)
        found = self._recent.pop(asked, None)
        if found is None:
            rows = self._histograms.select(operation=operation, phase=phase, kind=kind, outcome=outcome)
            found = by_group(rows["second"], rows["bucket"], rows["count"])
        self._recent[asked] = found
        if len(self._recent) > _KEPT:
            del self._recent[next(iter(self._recent))]
        return found

    def operations(self) -> list[str]:
        """The operations that occur, in the vocabulary's order."""
        present = {operation for operation, _, _ in self._tally}
        return [name for name in HISTOGRAM_WORDS["operation"] if name in present]

    def count(self, operation: str | None = None, phase: str | None = "measure") -> Totals:
        """Requests of one operation and phase; None = of all."""
        by_error: Counter[str] = Counter()
        requests = answered = 0
        for (row_operation, row_phase, error), (rows, done) in self._tally.items():
            if operation in (None, row_operation) and phase in (None, row_phase):
                requests += rows
                answered += done
                if error:
                    by_error[error] += rows
        return Totals(
            requests=requests,
            answered=answered,
            errors=by_error.total(),
            dropped=by_error["dropped"],
            unanswered=by_error["unanswered"],
            by_error=dict(sorted(by_error.items())),
        )

    def phase(self, name: str) -> Phase | None:
        """When a phase was. Where the run ended before it was noted, it is taken from the due times."""
        found = self._stated_phase(name)
        start, measure = self.settled_from, self.manifest.phase("measure")
        if start is None or measure is None:
            return found
        if name == "measure" and found is not None:
            return found.model_copy(update={"start": start})
        if name == "warmup":
            return Phase(name="warmup", start=found.start if found is not None else measure.start, end=start)
        return found

    def _stated_phase(self, name: str) -> Phase | None:
        noted = self.manifest.phase(name)
        if noted is not None and noted.end is not None:
            return noted
        seconds = self._histograms.select(phase=name)["second"]
        if not seconds.size:
            return noted
        start = noted.start if noted is not None else float(seconds.min())
        return Phase(name=name, start=start, end=max(start, float(seconds.max()) + 1))  # type: ignore[arg-type]

    def completions(self, start: float, end: float) -> tuple[float, dict[str, NDArray[np.int64]]]:
        """Answers by when they came: (seconds per bin, {operation: answers in each bin of [start, end)}).

        Bins are about a second and of equal length. Requests of every phase count, and failed ones do not."""
        if (start, end) not in self._completions:
            self._completions[start, end] = self._count_completions(start, end)
        return self._completions[start, end]

    def _count_completions(self, start: float, end: float) -> tuple[float, dict[str, NDArray[np.int64]]]:
        bins = max(1, int(end - start))
        width = (end - start) / bins
        found: dict[str, NDArray[np.int64]] = {}
        for batch in self.batches(("done", "operation", "error")):
            done = batch.column("done").to_numpy(zero_copy_only=False)
            inside = (done >= start) & (done < end) & pc.equal(batch.column("error"), "").to_numpy(False)
            places = np.minimum(((done[inside] - start) / width).astype(np.int64), bins - 1)
            operations = batch.column("operation")
            codes = operations.indices.to_numpy()[inside]
            for code in np.unique(codes):
                counts = np.bincount(places[codes == code], minlength=bins)
                name = operations.dictionary[int(code)].as_py()
                found[name] = found[name] + counts if name in found else counts
        return width, found

    def metrics(self) -> dict[tuple[str, str, str], Series]:
        """(source, instance, metric) -> (seconds since the origin, values), in the order they came.

        A sample that is no number says nothing and is left out."""
        table = pa.Table.from_batches(iterate_metrics(self.folder), METRICS).unify_dictionaries()
        table = table.filter(pc.and_(pc.is_finite(table["t"]), pc.is_finite(table["value"]))).combine_chunks()
        if not table.num_rows:
            return {}
        labels = [table.column(name).chunk(0) for name in ("source", "instance", "metric")]
        codes = np.stack([label.indices.to_numpy() for label in labels])
        keys, series = np.unique(codes, axis=1, return_inverse=True)
        order = np.argsort(series.ravel(), kind="stable")
        cuts = np.flatnonzero(np.diff(series.ravel()[order])) + 1
        times = np.split(table.column("t").to_numpy()[order], cuts)
        values = np.split(table.column("value").to_numpy()[order], cuts)
        words = [label.dictionary.to_pylist() for label in labels]
        return {
            (words[0][source], words[1][instance], words[2][metric]): (when, what)
            for (source, instance, metric), when, what in zip(keys.T, times, values, strict=True)
        }

    def events(self) -> list[dict[str, Any]]:
        """What happened, in order; a last line that was cut off is left out.

        Raises UsageError for another line that is damaged."""
        return self._events

    def verify(self) -> list[str]:
        """One sentence for each record file that is not as it was when the run finished; empty = all are."""
        facts = self.manifest.files
        if not facts:
            return [f"{self.folder} has no hashes of its files to compare with; measure again."]
        return [fault for name, fact in facts.items() if (fault := _fault(self.folder / name, fact))]

    @cached_property
    def _events(self) -> list[dict[str, Any]]:
        return read_events(self.folder / EVENTS_FILE)

    @cached_property
    def _histograms(self) -> Selections:
        path = self.folder / HISTOGRAMS_TABLE
        if path.exists():
            batches = read_table(path, HISTOGRAMS)
        else:
            batches = histogram_batches(iterate_requests(self.folder, NEEDED))
        if (start := self.settled_from) is not None:
            batches = (_settled(batch, start, "second") for batch in batches)
        return Selections(batches)

    @cached_property
    def _tally(self) -> dict[tuple[str, str, str], tuple[int, int]]:
        """(operation, phase, error kind) -> (requests, answered ones), from the rows."""
        shape = (len(OPERATIONS), len(PHASES), len(ERRORS))
        axes = ("operation", "phase", "error")
        rows = np.zeros(shape, np.int64)
        answered = np.zeros(shape, np.int64)
        for batch in self.batches((*axes, "done")):
            codes = np.ravel_multi_index(tuple(numbers(batch, axis) for axis in axes), shape)
            done = batch.column("done").is_valid().to_numpy(False)
            rows += np.bincount(codes, minlength=rows.size).reshape(shape)
            answered += np.bincount(codes[done], minlength=rows.size).reshape(shape)
        return {
            (OPERATIONS[place[0]], PHASES[place[1]], ERRORS[place[2]]): (
                int(rows[tuple(place)]),
                int(answered[tuple(place)]),
            )
            for place in np.argwhere(rows).tolist()
        }


def read_intact(folder: Path | str) -> RunRecord:
    """The record of a run whose files are those that it ended with; a run without an end has only streams.

    Reads every file once. Raises UsageError if one is missing or changed: what stands in it is not what was
    measured."""
    record = RunRecord(folder)
    manifest = record.manifest
    if (manifest.files or manifest.status == "finished") and (faults := record.verify()):
        raise UsageError(faults[0])
    return record


def finalise(folder: Path) -> Manifest:
    """Turn what an interrupted run left into a finished record, marked `interrupted`; its manifest.

    A run that has its tables and hashes is left alone. Raises UsageError if the run is still being
    written, BenchError if the disk is full."""
    record = RunRecord(folder)
    manifest = record.manifest
    if manifest.status == "running":
        raise UsageError(
            f"{folder} is still being measured by process {manifest.writer.pid}; end that first."
        )
    if manifest.files:
        return manifest
    try:
        with exclusive(folder):
            write_tables(folder)
    except BlockingIOError:
        raise UsageError(f"{folder} is being finished by its recorder; try again in a moment.") from None
    except OSError as error:
        raise BenchError(f"{write_failure(folder, error)}; its streams are as they were.") from error
    manifest = manifest.model_copy(
        update={"files": manifests.hash_files(folder), "totals": record.count(None, None)}
    )
    manifests.write(folder, manifest)
    return manifest


def _settled(batch: pa.RecordBatch, start: float, time: str = "due") -> pa.RecordBatch:
    """The rows with those of the measure phase whose `time` is before `start` in the warm-up."""
    phases = numbers(batch, "phase")
    early = (phases == _MEASURE) & (batch.column(time).to_numpy() < start)
    codes = np.where(early, _WARMUP, phases).astype(np.int8)
    words = pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(PHASES))
    return batch.set_column(batch.schema.get_field_index("phase"), REQUESTS.field("phase"), words)


def _fault(path: Path, fact: FileFacts) -> str | None:
    """How a file differs from what was noted of it, in a sentence."""
    try:
        # A hash takes its time, and another size tells as much.
        same = path.stat().st_size == fact.bytes and file_facts(path) == fact
    except FileNotFoundError:
        return f"{path} is missing; put it back, or measure again."
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}."
    if same:
        return None
    return f"{path} does not match its checksum in {MANIFEST}; put the run's own back, or measure again."
