"""One connection of the engine: what it runs, and what is in force on it.

A connection keeps what `SET`, `USE` and temporary tables leave on it, runs one query at a time, may move
between threads, and frees the GIL while it works. Opening one takes 0.3 ms.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from chdb import ChdbError, connect

from bench.targets.embedded.patterns.errors import from_engine, refused
from bench.targets.embedded.patterns.external import ExternalTable
from bench.targets.embedded.patterns.statement import Statement
from bench.targets.embedded.patterns.wire import Counters, Query


@dataclass(frozen=True)
class Result:
    """A query's output, the format it is in, and what the engine counted.

    `progress` is what it had counted every 100 ms until then; a shorter query has none."""

    body: bytes
    output_format: str
    counters: Counters
    progress: Sequence[Counters] = ()


class Connection:
    """A connection on one data folder. `own` is what its session has SET, `home` the database that it USEs.

    Its methods raise QueryError."""

    def __init__(self, path: str) -> None:
        self._chdb: Any = connect(path)
        self._progress: list[Counters] = []
        self._chdb.set_progress_callback(lambda counted: self._progress.append(_counters(counted)))
        self.home = self._database = "default"
        self._applied: dict[str, str] = {}
        self.own: dict[str, str] = {}

    def close(self) -> None:
        self._chdb.close()

    def run(self, query: Query) -> Result:
        """Run one statement in its database and under its settings alone."""
        with self._prepared(query):
            if query.statement.input_format is not None:
                return self._insert(query.statement, query.statement.input_format)
            result = self._query(query)
            if query.statement.verb == "USE":
                self.home = self._database = self._current_database()
            return result

    def check_insert(self, query: Query) -> None:
        """Whether an insert with data could be done, by its table, columns, format and settings."""
        with self._prepared(query):
            self._chdb.send_insert(query.statement.text, query.statement.input_format).cancel()

    def settings(self, names: Iterable[str]) -> dict[str, str]:
        """The values in force of these settings."""
        listed = ", ".join(_quoted(name) for name in names)
        return self._name_values(f"name IN ({listed})") if listed else {}

    def changed_settings(self) -> dict[str, str]:
        """The settings that are not at the engine's default."""
        return self._name_values("changed")

    def remember(self, before: Mapping[str, str]) -> None:
        """Take what is set now and was not `before` as the session's own, for all its queries."""
        now = self.changed_settings()
        self.own = {name: value for name, value in now.items() if before.get(name) != value}
        self._applied = dict(self.own)

    def _name_values(self, condition: str) -> dict[str, str]:
        text = f"SELECT name, value FROM system.settings WHERE {condition}"
        lines = self._chdb.query(text, "JSONCompactEachRow").bytes().splitlines()
        return dict(json.loads(line) for line in lines)

    @contextmanager
    def _prepared(self, query: Query) -> Iterator[None]:
        """The query's database, settings and external tables, as long as it runs."""
        try:
            self._use(query.database or self.home)
            of_request = {} if query.statement.verb == "SET" else query.settings
            self._apply({**query.profile, **self.own, **of_request})
            with self._tables(query.tables):
                yield
        except (ChdbError, RuntimeError, UnicodeDecodeError) as error:
            raise from_engine(error) from error

    @contextmanager
    def _tables(self, tables: Iterable[ExternalTable]) -> Iterator[None]:
        made: list[str] = []
        try:
            for table in tables:
                self._chdb.query(f"CREATE TEMPORARY TABLE {table.name} ({table.structure})")
                made.append(table.name)
                with self._chdb.send_insert(f"INSERT INTO {table.name}", table.input_format) as stream:
                    if table.data:
                        stream.append(table.data)
                    stream.finish()
            yield
        finally:
            for name in made:
                self._chdb.query(f"DROP TEMPORARY TABLE {name}")

    def _use(self, database: str) -> None:
        if database != self._database:
            self._chdb.query(f"USE {_quoted(database, '`')}")
            self._database = database

    def _current_database(self) -> str:
        text: str = self._chdb.query("SELECT currentDatabase()", "TSVRaw").bytes().decode()
        return text.removesuffix("\n")

    def _apply(self, settings: dict[str, str]) -> None:
        """Make `settings` the ones in force. The engine takes a SET as a whole or not at all."""
        if settings == self._applied:
            return
        changes = [f"{name} = DEFAULT" for name in self._applied if name not in settings]
        changes += [
            f"{_setting(name)} = {_quoted(value)}"
            for name, value in settings.items()
            if self._applied.get(name) != value
        ]
        self._chdb.query(f"SET {', '.join(changes)}")
        self._applied = dict(settings)

    def _query(self, query: Query) -> Result:
        self._progress = []
        result = self._chdb.query(query.statement.text, query.default_format, params=query.parameters)
        return Result(
            progress=self._progress,
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
                total_rows_to_read=self._progress[-1].total_rows_to_read if self._progress else None,
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


def _counters(progress: Mapping[str, int]) -> Counters:
    """What the engine reports while a query runs."""
    return Counters(
        read_rows=progress["read_rows"],
        read_bytes=progress["read_bytes"],
        written_rows=progress["written_rows"],
        written_bytes=progress["written_bytes"],
        result_rows=progress["result_rows"],
        result_bytes=progress["result_bytes"],
        elapsed=progress["elapsed_ns"] / 1e9,
        total_rows_to_read=progress["total_rows_to_read"],
    )


def _setting(name: str) -> str:
    if not name.isidentifier() or not name.isascii():
        raise refused(115, "UNKNOWN_SETTING", f"Unknown setting '{name}'.")
    return name


def _quoted(text: str, mark: str = "'") -> str:
    escaped = text.replace("\\", "\\\\").replace(mark, "\\" + mark)
    return f"{mark}{escaped}{mark}"
