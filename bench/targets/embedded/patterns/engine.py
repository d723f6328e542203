"""ClickHouse's engine in this process: its connections and sessions.

The engine allows one data folder per process and any number of connections to it.
"""

from __future__ import annotations

import fcntl
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from chdb import ChdbError

from bench.errors import PartFailedError
from bench.targets.embedded.patterns.connection import Connection, Result
from bench.targets.embedded.patterns.errors import from_engine, refused
from bench.targets.embedded.patterns.statement import parse
from bench.targets.embedded.patterns.wire import Query, Session


@dataclass
class _Kept:
    """A session's connection; `expires` is on the monotonic clock and counts while it is not `busy`."""

    connection: Connection
    busy: bool = False
    expires: float = 0.0


class Engine:
    """The engine on one data folder, with the tables of `ddl`. Its methods block: for worker threads.

    `threads` connections serve the queries that have no session, so at most that many may run at once.
    `defaults` are the values that the settings `names` have where nobody set them. Raises PartFailedError if
    the folder cannot be opened."""

    def __init__(self, data: Path, threads: int, names: Iterable[str], ddl: Iterable[str]) -> None:
        self._path = str(data)
        self._sessions: dict[tuple[str, str], _Kept] = {}
        self._lock = threading.Lock()
        first = _open(data)
        for text in ddl:
            first.run(_query(text))
        facts = first.run(_query("SELECT version(), timezone(), displayName()"))
        self.version, self.timezone, self.display_name = facts.body.decode().rstrip("\n").split("\t")
        self._changed = first.changed_settings()
        self.defaults = first.settings(names)
        self._idle = deque([first, *(Connection(self._path) for _ in range(threads - 1))])
        self._spare: deque[Connection] = deque()

    def execute(self, query: Query) -> Result:
        """Run a query on its session's connection, or else on any. Raises QueryError."""
        with self._connection(query) as connection:
            return connection.run(query)

    def check_insert(self, query: Query) -> None:
        """Whether an insert with data could be done. Raises QueryError if not."""
        with self._connection(query) as connection:
            connection.check_insert(query)

    def touch(self, session: Session) -> None:
        """Begin or prolong a session without a query. Raises QueryError as a query in it would."""
        with self._claimed(session):
            pass

    def execute_aside(self, query: Query) -> Result:
        """Run a query of the store's own threads, which no client waits behind. Raises QueryError."""
        try:
            connection = self._spare.pop()
        except IndexError:
            connection = Connection(self._path)
        try:
            return connection.run(query)
        finally:
            self._spare.append(connection)

    def state_of(self, session: Session | None) -> tuple[Mapping[str, str], str]:
        """What a session has SET, and the database that it USEs."""
        kept = self._sessions.get(_key(session)) if session is not None else None
        return (kept.connection.own, kept.connection.home) if kept is not None else ({}, "default")

    def cancel_queries(self) -> None:
        """Tell every running query to stop; it fails with QUERY_WAS_CANCELLED."""
        with closing(Connection(self._path)) as connection:
            connection.run(_query("KILL QUERY WHERE query NOT LIKE 'KILL QUERY%' ASYNC"))

    def close(self) -> None:
        """Close the folder; no query may run any more."""
        kept = (session.connection for session in self._sessions.values())
        for connection in [*self._idle, *self._spare, *kept]:
            connection.close()
        self._idle.clear()
        self._spare.clear()
        self._sessions.clear()

    @contextmanager
    def _connection(self, query: Query) -> Iterator[Connection]:
        if query.session is not None:
            with self._claimed(query.session) as connection:
                yield connection
                if query.statement.verb == "SET":
                    connection.remember(self._changed)
            return
        connection = self._idle.pop()
        try:
            yield connection
        finally:
            if query.statement.changes_connection:
                connection.close()
                connection = Connection(self._path)
            self._idle.append(connection)

    @contextmanager
    def _claimed(self, session: Session) -> Iterator[Connection]:
        kept = self._claim(session)
        try:
            yield kept.connection
        finally:
            with self._lock:
                kept.expires = 0.0 if session.ends else time.monotonic() + session.seconds
                kept.busy = False
                self._drop_expired(time.monotonic())

    def _claim(self, session: Session) -> _Kept:
        with self._lock:
            self._drop_expired(time.monotonic())
            kept = self._sessions.get(_key(session))
            if kept is None:
                if session.must_exist:
                    raise refused(372, "SESSION_NOT_FOUND", f"Session {session.name} not found.")
                kept = self._sessions[_key(session)] = _Kept(Connection(self._path))
            if kept.busy:
                reason = f"Session {session.name} is locked by a concurrent client."
                raise refused(373, "SESSION_IS_LOCKED", reason)
            kept.busy = True
            return kept

    def _drop_expired(self, now: float) -> None:
        for key, kept in list(self._sessions.items()):
            if not kept.busy and kept.expires < now:
                kept.connection.close()
                del self._sessions[key]


def _key(session: Session) -> tuple[str, str]:
    return session.user, session.name


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
