"""The queue of asynchronous inserts: rows of many small inserts written as one.

Inserts of the same statement, by the same user, under the same settings collect in one batch until it is due
(see `busy`) or large enough. A batch is one insert of the engine; if it cannot be read, its inserts are
written one by one, so that only those that are at fault fail.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from bench.targets.embedded.patterns.busy import AsyncSettings, BusyTimeout
from bench.targets.embedded.patterns.errors import QueryError
from bench.targets.embedded.patterns.wire import Counters, Query

_WRITERS = 2
_FIRST_TIMEOUT_MS = 50
_LONGEST_NAP_SECONDS = 3600  # a condition cannot wait for ever so long

#: Formats of which one body may follow another, and their rows be told apart; in the text formats a row ends
#: with its line.
_LINES = frozenset({"JSONEachRow", "JSONCompactEachRow", "CSV", "TabSeparated", "TSV"})
_JOINABLE = _LINES | {"Native"}

_UNREADABLE = ("CANNOT_PARSE", "CANNOT_READ", "INCORRECT_DATA", "TYPE_MISMATCH", "SYNTAX_ERROR", "UNKNOWN_")


@dataclass
class Entry:
    """One insert of a batch. `done` holds what was written for it, or its error."""

    query_id: str
    data: bytes
    created: float = field(default_factory=time.time)
    done: Future[Counters] = field(default_factory=Future)


@dataclass(frozen=True)
class Outcome:
    """What became of one entry; `error` None = its rows are stored."""

    entry: Entry
    rows: int = 0
    error: QueryError | None = None

    @property
    def unreadable(self) -> bool:
        return self.error is not None and _unreadable(self.error)


@dataclass(frozen=True)
class Flush:
    """One batch that was written: when it began (wall clock), how long it took, what the engine counted."""

    query: Query
    timeout_ms: int
    began: float
    seconds: float
    written: Counters
    outcomes: Sequence[Outcome]


@dataclass
class Batch:
    """Inserts that wait together; `due` is on the monotonic clock, `bytes` the size of their data."""

    query: Query
    due: float
    timeout_ms: int
    max_bytes: int
    entries: list[Entry] = field(default_factory=list)
    bytes: int = 0


Run = Callable[[Query], Counters]
Count = Callable[[str, bytes], int]


class InsertQueue:
    """Collects inserts and writes them in threads of its own.

    `run` does one insert and `count` counts the rows of a body in a format; both block and raise QueryError.
    `flushed` is told of every batch once it is written and before those who wait for it."""

    def __init__(self, run: Run, count: Count, flushed: Callable[[Flush], None]) -> None:
        self._run = run
        self._count = count
        self._flushed = flushed
        self._timeout = BusyTimeout(_FIRST_TIMEOUT_MS)
        self._batches: dict[object, Batch] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._writers = ThreadPoolExecutor(_WRITERS, thread_name_prefix="async-insert")
        self._writing: set[Future[None]] = set()
        self._dispatcher = threading.Thread(target=self._dispatch, name="async-insert-queue", daemon=True)
        self._dispatcher.start()

    def holds(self, query: Query) -> bool:
        """Whether a batch of this statement under these settings is collecting: it has been checked then."""
        with self._changed:
            return _key(query) in self._batches

    def push(self, query: Query, settings: AsyncSettings, query_id: str) -> Future[Counters]:
        """Take an insert; its data go with the next batch. The future is settled when they are written."""
        entry = Entry(query_id, query.statement.data)
        key = _key(query)
        with self._changed:
            now = time.monotonic()
            timeout = self._timeout.insert(settings, now)
            batch = self._batches.get(key)
            if batch is None:
                due = now + timeout / 1000
                batch = self._batches[key] = Batch(query, due, timeout, settings.max_bytes)
            batch.entries.append(entry)
            batch.bytes += len(entry.data)
            if timeout == 0 or batch.bytes >= batch.max_bytes:
                batch.timeout_ms = 0
                self._write_soon(key)
            else:
                self._changed.notify()
        return entry.done

    def pending(self) -> list[Batch]:
        """What is collecting now."""
        with self._changed:
            return [replace(batch, entries=list(batch.entries)) for batch in self._batches.values()]

    def flush(self) -> None:
        """Write what is collected now, and return when it and what was being written are done."""
        with self._changed:
            for key in list(self._batches):
                self._write_soon(key)
            writing = list(self._writing)
        for one in writing:
            one.result()

    def close(self) -> None:
        """Write what is left and stop."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._dispatcher.join()
        self.flush()
        self._writers.shutdown()

    def _dispatch(self) -> None:
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                for key in [key for key, batch in self._batches.items() if batch.due <= now]:
                    self._write_soon(key)
                due = min((batch.due for batch in self._batches.values()), default=None)
                self._changed.wait(None if due is None else min(due - now, _LONGEST_NAP_SECONDS))

    def _write_soon(self, key: object) -> None:
        writing = self._writers.submit(self._write, self._batches.pop(key))
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)

    def _write(self, batch: Batch) -> None:
        try:
            self._write_and_tell(batch)
        except Exception as error:  # whatever it is, who waits has to learn of it
            print(
                f"The pattern store could not write a batch of inserts: {error!r}",
                file=sys.stderr,
                flush=True,
            )
            for entry in batch.entries:
                if not entry.done.done():
                    entry.done.set_exception(error)

    def _write_and_tell(self, batch: Batch) -> None:
        began, started = time.time(), time.perf_counter()
        outcomes: list[Outcome] = []
        written = Counters()
        for entries in _portions(batch):
            counted, some = self._store(batch.query, entries)
            written = replace(
                written,
                written_rows=written.written_rows + counted.written_rows,
                written_bytes=written.written_bytes + counted.written_bytes,
            )
            outcomes += some
        with self._changed:
            self._timeout.flushed(time.monotonic())
        seconds = time.perf_counter() - started
        self._flushed(Flush(batch.query, batch.timeout_ms, began, seconds, written, outcomes))
        for outcome in outcomes:
            if outcome.error is not None:
                outcome.entry.done.set_exception(outcome.error)
            else:
                rows, size = outcome.rows, len(outcome.entry.data)
                outcome.entry.done.set_result(Counters(written_rows=rows, written_bytes=size))

    def _store(self, query: Query, entries: Sequence[Entry]) -> tuple[Counters, list[Outcome]]:
        """Insert the entries' rows at once, or one by one where they cannot be read together."""
        form = query.statement.input_format or ""
        data = _joined(form, [entry.data for entry in entries])
        try:
            written = self._run(replace(query, statement=replace(query.statement, data=data)))
        except QueryError as error:
            if len(entries) == 1 or not _unreadable(error):
                return Counters(), [Outcome(entry, error=error) for entry in entries]
        else:
            rows = self._rows(form, [entry.data for entry in entries], written.written_rows)
            return written, [Outcome(entry, one) for entry, one in zip(entries, rows, strict=True)]
        parts = [self._store(query, [entry]) for entry in entries]
        total = Counters(
            written_rows=sum(counted.written_rows for counted, _ in parts),
            written_bytes=sum(counted.written_bytes for counted, _ in parts),
        )
        return total, [outcome for _, some in parts for outcome in some]

    def _rows(self, form: str, bodies: Sequence[bytes], total: int) -> list[int]:
        """How many rows each body had. They are read off the bodies; where that does not add up, counted."""
        if len(bodies) == 1:
            return [total]
        read = [_rows_at_a_glance(form, body) for body in bodies]
        if sum(read) == total:
            return read
        try:
            return [self._count(form, body) for body in bodies]
        except QueryError:  # without the table's columns the engine makes nothing of them; the sum is exact
            return read


def _key(query: Query) -> object:
    statement = query.statement
    settings = tuple(sorted({**query.profile, **query.settings}.items()))
    return statement.text, statement.input_format, query.user, query.database, settings


def _portions(batch: Batch) -> Iterable[Sequence[Entry]]:
    """The entries that one insert of the engine can take."""
    if batch.query.statement.input_format in _JOINABLE:
        return [batch.entries]
    return [[entry] for entry in batch.entries]


def _joined(form: str, bodies: Sequence[bytes]) -> bytes:
    if form in _LINES:
        return b"".join(body if body.endswith(b"\n") or not body else body + b"\n" for body in bodies)
    return b"".join(bodies)


def _rows_at_a_glance(form: str, body: bytes) -> int:
    """The rows of the usual body: its lines, or those of the one Native block that clients send."""
    if form in _LINES:
        return sum(1 for line in body.split(b"\n") if line.strip())
    _, at = _varint(body, 0)
    return _varint(body, at)[0]


def _varint(body: bytes, at: int) -> tuple[int, int]:
    """An unsigned LEB128 number, and where it ends."""
    value = shift = 0
    while at < len(body):
        value |= (body[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if body[at - 1] < 0x80:
            break
    return value, at


def _unreadable(error: QueryError) -> bool:
    return error.name.startswith(_UNREADABLE) and error.name != "UNKNOWN_TABLE"
