"""The queue of asynchronous inserts by itself: what it hands to the engine, and what it tells."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest

from bench.targets.embedded.patterns.busy import AsyncSettings
from bench.targets.embedded.patterns.errors import QueryError, refused
from bench.targets.embedded.patterns.inserts import Flush, InsertQueue
from bench.targets.embedded.patterns.statement import Statement
from bench.targets.embedded.patterns.wire import Counters, Query

SOON = AsyncSettings(False, 1.0, 1 << 20, 5, 5, False, 0.2, 0.2)
LATE = AsyncSettings(False, 1.0, 1 << 20, 60_000, 60_000, False, 0.2, 0.2)
SMALL = AsyncSettings(False, 1.0, 10, 60_000, 60_000, False, 0.2, 0.2)


def insert(data: bytes, table: str = "t", form: str = "CSV", **settings: str) -> Query:
    statement = Statement(f"INSERT INTO {table}".encode(), "INSERT", input_format=form, data=data)
    return Query(statement, settings=settings)


class Written:
    """Stands where the engine stands: it keeps what it is given, and cannot read a line `bad`."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.flushes: list[Flush] = []
        self.failure: QueryError | None = None

    def run(self, query: Query) -> Counters:
        if self.failure is not None:
            raise self.failure
        lines = query.statement.data.split()
        if b"bad" in lines:
            raise refused(27, "CANNOT_PARSE_INPUT_ASSERTION_FAILED", "bad")
        self.bodies.append(query.statement.data)
        return Counters(written_rows=len(lines), written_bytes=len(query.statement.data))


@pytest.fixture
def written() -> Written:
    return Written()


@pytest.fixture
def queue(written: Written) -> Iterator[InsertQueue]:
    collecting = InsertQueue(written.run, lambda form, body: len(body.split()), written.flushes.append)
    yield collecting
    collecting.close()


def test_every_row_of_many_writers_is_written_once(queue: InsertQueue, written: Written) -> None:
    def write(writer: int) -> list[int]:
        futures = [queue.push(insert(b"%d.%d" % (writer, row)), SOON, "") for row in range(200)]
        return [future.result(timeout=10).written_rows for future in futures]

    with ThreadPoolExecutor(8) as pool:
        assert set(chain.from_iterable(pool.map(write, range(8)))) == {1}
    rows = b"".join(written.bodies).split()
    assert sorted(rows) == sorted(b"%d.%d" % (writer, row) for writer in range(8) for row in range(200))
    assert len(written.bodies) < 1600
    for writer in range(8):
        own = [row for row in rows if row.startswith(b"%d." % writer)]
        assert own == sorted(own, key=lambda row: int(row.split(b".")[1]))


def test_different_statements_users_or_settings_do_not_mix(queue: InsertQueue, written: Written) -> None:
    for query in (insert(b"1"), insert(b"2"), insert(b"3", table="u"), insert(b"4", max_threads="1")):
        queue.push(query, LATE, "")
    assert queue.holds(insert(b"other data"))
    assert not queue.holds(insert(b"1", table="v"))
    assert [len(batch.entries) for batch in queue.pending()] == [2, 1, 1]
    queue.flush()
    assert sorted(written.bodies) == [b"1\n2\n", b"3\n", b"4\n"]
    assert queue.pending() == []


def test_only_those_at_fault_fail(queue: InsertQueue, written: Written) -> None:
    futures = [queue.push(insert(data), LATE, data.decode()) for data in (b"1", b"bad", b"2\n3")]
    queue.flush()
    assert [future.exception() is None for future in futures] == [True, False, True]
    (flush,) = written.flushes
    assert [(one.rows, one.unreadable) for one in flush.outcomes] == [(1, False), (0, True), (2, False)]
    assert flush.written == Counters(written_rows=3, written_bytes=6)


def test_a_failure_of_the_table_fails_all(queue: InsertQueue, written: Written) -> None:
    written.failure = refused(60, "UNKNOWN_TABLE", "gone")
    futures = [queue.push(insert(data), LATE, "") for data in (b"1", b"2")]
    queue.flush()
    assert [future.exception() for future in futures] == [written.failure] * 2
    assert [one.unreadable for one in written.flushes[0].outcomes] == [False, False]


def test_a_full_batch_is_written_at_once(queue: InsertQueue, written: Written) -> None:
    futures = [queue.push(insert(b"1234567890"[:size]), SMALL, "") for size in (4, 6, 1)]
    assert [future.result(timeout=10).written_rows for future in futures[:2]] == [1, 1]
    assert not futures[2].done()
    assert written.flushes[0].timeout_ms == 0


def test_formats_that_cannot_follow_each_other_are_written_one_by_one(
    queue: InsertQueue, written: Written
) -> None:
    for data in (b"1", b"2"):
        queue.push(insert(data, form="Parquet"), LATE, "")
    queue.flush()
    assert written.bodies == [b"1", b"2"]
    assert len(written.flushes) == 1


def test_the_log_is_told_before_those_who_wait(written: Written) -> None:
    told = threading.Event()

    def flushed(flush: Flush) -> None:
        assert not any(one.entry.done.done() for one in flush.outcomes)
        told.set()

    queue = InsertQueue(written.run, lambda form, body: 0, flushed)
    queue.push(insert(b"1"), SOON, "").result(timeout=10)
    assert told.is_set()
    queue.close()


def test_what_is_left_is_written_at_the_end(written: Written) -> None:
    queue = InsertQueue(written.run, lambda form, body: 0, written.flushes.append)
    future = queue.push(insert(b"1"), LATE, "")
    queue.close()
    assert future.result().written_rows == 1


def test_a_batch_that_fails_for_any_reason_leaves_nobody_waiting(written: Written) -> None:
    def fail(_: Flush) -> None:
        raise LookupError("mine")

    queue = InsertQueue(written.run, lambda form, body: len(body.split()), fail)
    futures = [queue.push(insert(b"1"), LATE, ""), queue.push(insert(b"2"), LATE, "")]
    queue.flush()
    assert [str(future.exception(timeout=5)) for future in futures] == ["mine", "mine"]
    assert written.bodies
    queue.close()
