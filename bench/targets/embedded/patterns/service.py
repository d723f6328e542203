"""What the store does with a request, from the user's name to the logs; the engine does the rest."""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bench.errors import UsageError
from bench.targets.embedded.patterns import busy, clauses, logs, pending, wire
from bench.targets.embedded.patterns.authentication import authenticate
from bench.targets.embedded.patterns.connection import Result
from bench.targets.embedded.patterns.engine import Engine
from bench.targets.embedded.patterns.errors import QueryError, refused
from bench.targets.embedded.patterns.inserts import Flush, InsertQueue
from bench.targets.embedded.patterns.logs import Asked, Logs
from bench.targets.embedded.patterns.statement import Statement, parse
from bench.targets.embedded.patterns.users import Users
from bench.targets.embedded.patterns.wire import Counters, Query

#: What the engine must say of its settings before a query can be judged by them.
SETTINGS = (*busy.NAMES, *logs.NAMES)

_FLUSH_INSERTS = re.compile(rb"\s*SYSTEM\s+FLUSH\s+ASYNC\s+INSERT\s+QUEUE\b", re.IGNORECASE)
_FLUSH_LOGS = re.compile(rb"\s*SYSTEM\s+FLUSH\s+LOGS\b", re.IGNORECASE)


@dataclass(frozen=True)
class Waiting:
    """An asynchronous insert whose client waits, at most `seconds`, until its rows are written."""

    written: Future[Counters]
    seconds: float
    finish: Callable[[Counters | QueryError], Result]


class Service:
    """Answers requests with the engine's results. `answer` and `close` block: for worker threads.

    Raises UsageError where a user's settings are none of the engine's."""

    def __init__(self, engine: Engine, users: Users) -> None:
        self._engine = engine
        self._users = users
        self._running: set[str] = set()
        self._lock = threading.Lock()
        for user in users.values():
            self._check(user.name, user.settings)
        self._logs = Logs(self._write_rows)
        self._queue = InsertQueue(self._insert_batch, self._count_rows, self._log_flush)

    def answer(self, request: wire.Request, query_id: str) -> Result | Waiting:
        """The result of a request, or what to wait for. Raises QueryError."""
        began = time.time()
        user = authenticate(self._users, request.fields, request.headers)
        query = self._in_session(wire.read_query(request, user))
        in_force = self._in_force(query)
        asked = _asked(request, query, query_id, in_force, began)
        with self._named(query_id), self._logged(asked) as log:
            if self._did_itself(query):
                return log(Result(b"", query.default_format, Counters()))
            queued = self._for_the_queue(query, in_force)
            if queued is None:
                return log(self._engine.execute(query))
            settings = busy.AsyncSettings.read(in_force)
            written = self._queue.push(queued, settings, query_id)
            done = Result(b"", queued.statement.input_format or "", Counters())
            return self._waiting(written, settings, asked, done) if settings.wait else log(done)

    def close(self) -> None:
        """Write what waits in the queue and in the logs; nothing may be asked any more."""
        self._queue.close()
        self._logs.close()

    def _check(self, user: str, settings: Mapping[str, str]) -> None:
        try:
            self._engine.execute(Query(parse(b"SELECT 1"), profile=settings))
        except QueryError as error:
            raise UsageError(f"The settings of the user {user} cannot be applied: {error.text}") from error

    def _in_session(self, query: Query) -> Query:
        """The query with what its session has SET and USEs, for those who run or log it elsewhere."""
        own, database = self._engine.state_of(query.session)
        if own:
            query = replace(query, settings={**own, **query.settings})
        return query if query.database else replace(query, database=database)

    def _in_force(self, query: Query) -> dict[str, str]:
        """The settings that count for a query, as far as it is judged by them here."""
        given = {**query.profile, **query.settings, **_in_statement(query.statement)}
        return self._engine.defaults | {busy.ALIASES.get(name, name): value for name, value in given.items()}

    @contextmanager
    def _named(self, query_id: str) -> Iterator[None]:
        """No two queries of one name run at once."""
        with self._lock:
            if query_id in self._running:
                reason = f"Query with id = {query_id} is already running."
                raise refused(216, "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING", reason)
            self._running.add(query_id)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(query_id)

    @contextmanager
    def _logged(self, asked: Asked) -> Iterator[Callable[[Result], Result]]:
        """Log a query's failure, or the result that is handed through."""

        def log(result: Result) -> Result:
            self._logs.query(asked, time.time(), result.counters, None)
            return result

        try:
            yield log
        except QueryError as error:
            self._logs.query(asked, time.time(), Counters(), error)
            raise

    def _did_itself(self, query: Query) -> bool:
        """Do what concerns the queue and the logs alone; False: the statement is not about them alone."""
        text = query.statement.text
        if _FLUSH_INSERTS.match(text):
            self._queue.flush()
            return True
        if _FLUSH_LOGS.match(text):
            self._logs.flush()
            return True
        if pending.MENTION in text:
            self._show_pending()
        return False

    def _for_the_queue(self, query: Query, in_force: Mapping[str, str]) -> Query | None:
        """The query as an insert that may wait in the queue; None if it is none.

        Raises QueryError where it can never be written, or its session cannot be used."""
        queued = _queued(query, in_force)
        if queued is None or len(queued.statement.data) > busy.AsyncSettings.read(in_force).max_bytes:
            return None
        if query.session is not None:
            self._engine.touch(query.session)
        if self._queue.holds(queued):
            return queued
        try:
            self._engine.check_insert(queued)
        except QueryError as error:
            if query.session is None or error.name != "UNKNOWN_TABLE":
                raise
            return None  # a temporary table: only its session has it
        return queued

    def _waiting(
        self, written: Future[Counters], settings: busy.AsyncSettings, asked: Asked, done: Result
    ) -> Waiting:
        def finish(outcome: Counters | QueryError) -> Result:
            if isinstance(outcome, QueryError):
                self._logs.query(asked, time.time(), Counters(), outcome)
                raise outcome
            self._logs.query(asked, time.time(), outcome, None)
            return replace(done, counters=outcome)

        return Waiting(written, settings.wait_seconds, finish)

    def _insert_batch(self, query: Query) -> Counters:
        return self._engine.execute_aside(query).counters

    def _count_rows(self, form: str, body: bytes) -> int:
        literal = "".join(f"\\x{byte:02x}" for byte in body)
        query = Query(parse(f"SELECT count() FROM format({form}, '{literal}')".encode()))
        return int(self._engine.execute_aside(query).body)

    def _show_pending(self) -> None:
        with self._lock:
            self._engine.execute_aside(Query(parse(f"TRUNCATE TABLE {pending.TABLE}".encode())))
            if batches := self._queue.pending():
                self._write_rows(pending.TABLE, pending.rows(batches))

    def _write_rows(self, table: str, rows: bytes) -> None:
        statement = Statement(
            f"INSERT INTO {table}".encode(), "INSERT", input_format="JSONEachRow", data=rows
        )
        self._engine.execute_aside(Query(statement))

    def _log_flush(self, flush: Flush) -> None:
        query = flush.query
        database, table = clauses.insert_target(query.statement)
        in_force = self._in_force(query)
        asked = Asked(
            query_id=str(uuid.uuid4()),
            user=query.user,
            database=query.database or "",
            text=_text(query.statement),
            verb="AsyncInsertFlush",
            settings=query.settings,
            in_force=in_force,
            began=flush.began,
            address=("::", 0),
            method="",
            agent="",
        )
        self._logs.flushed(flush, asked, database or query.database or "", table)


def _asked(
    request: wire.Request, query: Query, query_id: str, in_force: Mapping[str, str], began: float
) -> Asked:
    return Asked(
        query_id=query_id,
        user=query.user,
        database=query.database or "",
        text=_text(query.statement),
        verb=query.statement.verb,
        settings={**query.settings, **_in_statement(query.statement)},
        in_force=in_force,
        began=began,
        address=request.address,
        method=request.method,
        agent=request.headers.get("user-agent", ""),
    )


def _in_statement(statement: Statement) -> dict[str, str]:
    return clauses.settings(statement.text[: statement.values_at])


def _text(statement: Statement) -> str:
    """A statement as ClickHouse logs it: without the data of an insert."""
    text = statement.text[: statement.values_at].decode(errors="replace")
    if statement.input_format is not None:
        return f"{text.rstrip()} FORMAT {statement.input_format}"
    return text


def _queued(query: Query, in_force: Mapping[str, str]) -> Query | None:
    """The insert as the queue takes it; None if it is none that may wait there.

    VALUES with parameters stay with the engine, which knows parameters in a statement's text only."""
    statement = query.statement
    try:
        if statement.verb != "INSERT" or not busy.flag(in_force["async_insert"]):
            return None
    except ValueError:  # the engine will say so
        return None
    if statement.values_at is not None and not query.parameters:
        text, data = statement.text[: statement.values_at], statement.text[statement.values_at :]
        head = text.rstrip()[: -len("VALUES")]
        values = data.rstrip().removesuffix(b";")
        statement = Statement(head, "INSERT", input_format="Values", data=values)
    if statement.input_format is None or query.tables:
        return None
    # Its session may be over, or busy, when the batch is written.
    return replace(query, statement=statement, session=None)
