"""ClickHouse's engine in this process: connections, sessions, and one query at a time on each of them.

The engine allows one data folder per process and any number of connections to it. A connection keeps what
`SET`, `USE` and temporary tables leave on it, runs one query at a time, may move between threads, and frees
the GIL while it works. Opening one takes 0.3 ms.
"""

from __future__ import annotations

import fcntl
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chdb import ChdbError, connect

from bench.errors import PartFailedError
from bench.targets.embedded.patterns import schema
from bench.targets.embedded.patterns.errors import from_engine, refused
from bench.targets.embedded.patterns.statement import Statement, parse
from bench.targets.embedded.patterns.wire import Counters, Query, Session


@dataclass(frozen=True)
class Result:
    """A query's output, the format it is in, and what the engine counted."""

    body: bytes
    output_format: str
    counters: Counters


class Connection:
    """One connection of the engine, and what was set on it.

    A setting that a session SETs and a request's URL overrides goes back to the engine's default afterwards,
    not to the session's value."""

    def __init__(self, path: str) -> None:
        self._chdb: Any = connect(path)
        self._home = self._database = "default"
        self._settings: dict[str, str] = {}

    def close(self) -> None:
        self._chdb.close()

    def run(self, query: Query) -> Result:
        """Run one statement in its database and under its settings alone. Raises QueryError."""
        try:
            self._use(query.database or self._home)
            self._apply({} if query.statement.verb == "SET" else query.settings)
            if query.statement.input_format is not None:
                return self._insert(query.statement, query.statement.input_format)
            result = self._query(query)
            if query.statement.verb == "USE":
                self._home = self._database = self._current_database()
            return result
        except (ChdbError, RuntimeError, UnicodeDecodeError) as error:
            raise from_engine(error) from error

    def _use(self, database: str) -> None:
        if database != self._database:
            self._chdb.query(f"USE {_quoted(database, '`')}")
            self._database = database

    def _current_database(self) -> str:
        text: str = self._chdb.query("SELECT currentDatabase()", "TSVRaw").bytes().decode()
        return text.removesuffix("\n")

    def _apply(self, settings: dict[str, str]) -> None:
        """Make `settings` the ones in force. The engine takes a SET as a whole or not at all."""
        if settings == self._settings:
            return
        changes = [f"{name} = DEFAULT" for name in self._settings if name not in settings]
        changes += [
            f"{_setting(name)} = {_quoted(value)}"
            for name, value in settings.items()
            if self._settings.get(name) != value
        ]
        self._chdb.query(f"SET {', '.join(changes)}")
        self._settings = dict(settings)

    def _query(self, query: Query) -> Result:
        result = self._chdb.query(query.statement.text, query.default_format, params=query.parameters)
        return Result(
            body=result.bytes(),
            output_format=query.statement.output_format or query.default_format,
            counters=Counters(
                read_rows=result.storage_rows_read(),
                read_bytes=result.storage_bytes_read(),
                written_rows=result.rows_written(),
                written_bytes=result.bytes_written(),
                result_rows=result.rows_read(),
                result_bytes=result.bytes_read(),
                elapsed=result.elapsed(),
            ),
        )

    def _insert(self, statement: Statement, input_format: str) -> Result:
        # The engine's own stopwatch of a streamed insert runs on from the connection's previous query.
        started = time.perf_counter()
        with self._chdb.send_insert(statement.text, input_format) as stream:
            if statement.data:
                stream.append(statement.data)
            written = stream.finish()
        counters = Counters(
            written_rows=written.rows_written,
            written_bytes=written.bytes_written,
            elapsed=time.perf_counter() - started,
        )
        return Result(b"", input_format, counters)


@dataclass
class _Kept:
    """A session's connection; `expires` is on the monotonic clock and counts while it is not `busy`."""

    connection: Connection
    busy: bool = False
    expires: float = 0.0


class Engine:
    """The engine on one data folder, with KATO's table in it. Its methods block: for worker threads.

    `threads` connections serve the queries that have no session, so at most that many may run at once.
    Raises PartFailedError if the folder cannot be opened."""

    def __init__(self, data: Path, threads: int) -> None:
        self._path = str(data)
        self._sessions: dict[str, _Kept] = {}
        self._lock = threading.Lock()
        first = _open(data)
        for text in schema.ddl():
            first.run(_query(text))
        facts = first.run(_query("SELECT version(), timezone(), displayName()"))
        self.version, self.timezone, self.display_name = facts.body.decode().rstrip("\n").split("\t")
        self._idle = deque([first, *(Connection(self._path) for _ in range(threads - 1))])

    def execute(self, query: Query) -> Result:
        """Run a query on its session's connection, or else on any. Raises QueryError."""
        if query.session is not None:
            with self._claimed(query.session) as connection:
                return connection.run(query)
        connection = self._idle.pop()
        try:
            return connection.run(query)
        finally:
            if query.statement.changes_connection:
                connection.close()
                connection = Connection(self._path)
            self._idle.append(connection)

    def cancel_queries(self) -> None:
        """Tell every running query to stop; it fails with QUERY_WAS_CANCELLED."""
        with closing(Connection(self._path)) as connection:
            connection.run(_query("KILL QUERY WHERE query NOT LIKE 'KILL QUERY%' ASYNC"))

    def close(self) -> None:
        """Close the folder; no query may run any more."""
        for connection in [*self._idle, *(kept.connection for kept in self._sessions.values())]:
            connection.close()
        self._idle.clear()
        self._sessions.clear()

    @contextmanager
    def _claimed(self, session: Session) -> Iterator[Connection]:
        kept = self._claim(session)
        try:
            yield kept.connection
        finally:
            with self._lock:
                kept.expires = time.monotonic() + session.seconds
                kept.busy = False

    def _claim(self, session: Session) -> _Kept:
        with self._lock:
            self._drop_expired(time.monotonic())
            kept = self._sessions.get(session.name)
            if kept is None:
                if session.must_exist:
                    raise refused(372, "SESSION_NOT_FOUND", f"Session {session.name} not found.")
                kept = self._sessions[session.name] = _Kept(Connection(self._path))
            if kept.busy:
                reason = f"Session {session.name} is locked by a concurrent client."
                raise refused(373, "SESSION_IS_LOCKED", reason)
            kept.busy = True
            return kept

    def _drop_expired(self, now: float) -> None:
        for name, kept in list(self._sessions.items()):
            if not kept.busy and kept.expires < now:
                kept.connection.close()
                del self._sessions[name]


def _query(text: str) -> Query:
    return Query(parse(text.encode()))


def _open(data: Path) -> Connection:
    if _is_open_elsewhere(data):
        raise PartFailedError(
            f"The pattern store cannot open {data}: another process has it open; stop that process or choose "
            "another --data."
        )
    try:
        return Connection(str(data))
    except (ChdbError, RuntimeError) as error:
        raise PartFailedError(f"The pattern store cannot open {data}: {from_engine(error).text}") from error


def _is_open_elsewhere(data: Path) -> bool:
    """Whether an engine holds the lock on the folder's status file; asked first, since it fails noisily."""
    try:
        with (data / "status").open("rb") as status:
            fcntl.flock(status, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no such file yet, or one that the engine itself will complain of
        return False
    return False


def _setting(name: str) -> str:
    if not name.isidentifier() or not name.isascii():
        raise refused(115, "UNKNOWN_SETTING", f"Unknown setting '{name}'.")
    return name


def _quoted(text: str, mark: str = "'") -> str:
    escaped = text.replace("\\", "\\\\").replace(mark, "\\" + mark)
    return f"{mark}{escaped}{mark}"
