"""Traces: when requests were due, as a file recorded it.

One timestamp a line, or one column of CSV (with a header), TSV or JSONL. A timestamp is a number of seconds,
be it since the start or since 1970 (milli-, micro- and nanoseconds since 1970 are told by their size), or
ISO 8601 text; the file's first decides which. Times are put in order and count from the earliest.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import stat
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.courses import Trace
from bench.errors import UsageError
from bench.plan import Plan

#: More would take longer to read than anybody waits for a run to begin: timestamps, and bytes.
_MOST, _LARGEST = 5_000_000, 1 << 30
#: Numbers from here on are since 1970 in a smaller unit: value, and parts of a second.
_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
_SEPARATED = {".csv": ",", ".tsv": "\t"}
_JSON_LINES = (".jsonl", ".ndjson")


@dataclass(frozen=True)
class Recorded:
    """`times`: seconds after the first, in order. `sha256`: of the file's content."""

    times: array[float]
    sha256: str


def read(path: Path, column: str | None = None) -> Recorded:
    """Raises UsageError, with file and line, for what is no trace."""
    content = _content(path)
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UsageError(f"trace {path} is not UTF-8: save it as UTF-8 text.") from None
    try:
        seconds = array("d", sorted(_seconds(path, _values(path, lines, column))))
    except csv.Error as error:
        raise UsageError(f"trace {path} is no table: {error}.") from error
    if not seconds:
        raise UsageError(f"trace {path} holds no timestamp: write one a line, or name a column.")
    first = seconds[0]
    return Recorded(array("d", (one - first for one in seconds)), hashlib.sha256(content).hexdigest())


def recorded_of(plan: Plan) -> dict[tuple[str, str | None], array[float]]:
    """The times of every trace of a plan (`Trace.times`).

    Raises UsageError for a file that is gone, or another one by now."""
    found: dict[tuple[str, str | None], array[float]] = {}
    for part in plan.parts:
        course = part.arrivals.course
        if isinstance(course, Trace) and course.times not in found:
            recorded = read(Path(course.file), course.column)
            if recorded.sha256 != course.sha256:
                raise UsageError(f"trace {course.file} has changed since the plan was made; make it again.")
            found[course.times] = recorded.times
    return found


def _content(path: Path) -> bytes:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
            # Every load process reads it anew, which no pipe allows.
            raise UsageError(f"trace {path} is no file: save what it holds in one.")
        if found.st_size > _LARGEST:
            raise UsageError(f"trace {path} is larger than 1 GiB: keep its timestamps alone.")
        return path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"trace {path} does not exist.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"trace {path} cannot be read: {reason}.") from error


def _values(path: Path, lines: list[str], column: str | None) -> Iterator[tuple[int, Any]]:
    """(line number, value) of each timestamp."""
    if len(lines) > _MOST:
        raise UsageError(f"trace {path} has {len(lines):,} lines; give up to {_MOST:,}.")
    suffix = path.suffix.lower()
    if suffix in _JSON_LINES:
        yield from _of_json(path, lines, column)
    elif column is not None or suffix in _SEPARATED:
        yield from _of_table(path, lines, column, _SEPARATED.get(suffix, ","))
    else:
        for number, line in enumerate(lines, 1):
            text = line.strip()
            if text and not text.startswith("#"):
                yield number, text


def _of_json(path: Path, lines: list[str], column: str | None) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            raise UsageError(f"trace {path}, line {number}: this is not JSON.") from None
        if column is not None:
            if not isinstance(value, dict) or column not in value:
                raise UsageError(f"trace {path}, line {number}: there is no {column!r}.")
            value = value[column]
        elif isinstance(value, dict):
            raise UsageError(f'trace {path}: say which key holds the time, such as column = "time".')
        yield number, value


def _of_table(path: Path, lines: list[str], column: str | None, delimiter: str) -> Iterator[tuple[int, Any]]:
    rows = csv.reader(lines, delimiter=delimiter)
    header = [name.strip() for name in next(rows, [])]
    if column is None and len(header) == 1:
        column = header[0]
    if column not in header:
        named = "say which column holds the time" if column is None else f"there is no column {column!r}"
        raise UsageError(f"trace {path}: {named}; it has {', '.join(header) or 'none'}.")
    place = header.index(column)
    for row in rows:
        if len(row) > place:
            yield rows.line_num, row[place]
        elif row:
            raise UsageError(f"trace {path}, line {rows.line_num}: there is no {column!r}.")


def _seconds(path: Path, values: Iterable[tuple[int, Any]]) -> Iterator[float]:
    read_one: Callable[[Any], float] | None = None
    for number, value in values:
        if read_one is None:
            read_one = _reader(value)
        try:
            seconds = read_one(value)
        except (ValueError, TypeError, OverflowError):
            seconds = math.nan
        if not math.isfinite(seconds):
            shown = str(value)[:40]
            raise UsageError(
                f"trace {path}, line {number}: {shown!r} is no timestamp, or none of the kind that the "
                "file begins with; write seconds such as 12.5 or 1790000000.25, or 2026-01-31T12:00:00Z."
            )
        yield seconds


def _reader(first: Any) -> Callable[[Any], float]:
    """How to read the timestamps of a file that begins with this one."""
    try:
        size = abs(float(first))
    except (ValueError, TypeError):
        return _from_iso
    parts = next((parts for least, parts in _UNITS if size >= least), 1.0)
    return lambda value: float(value) / parts


def _from_iso(value: Any) -> float:
    moment = datetime.fromisoformat(str(value).strip())
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
