"""ClickHouse's HTTP interface: from a request to a query, from a result to headers. No I/O."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from bench.targets.embedded.patterns import blocks, compression, external
from bench.targets.embedded.patterns.errors import refused
from bench.targets.embedded.patterns.external import ExternalTable
from bench.targets.embedded.patterns.statement import Statement, parse
from bench.targets.embedded.patterns.users import DEFAULT_USER, User

DEFAULT_FORMAT = "TabSeparated"

# URL parameters that steer the interface itself; every other one is a setting of the engine.
_INTERFACE = frozenset(
    {
        "add_http_cors_header",
        "buffer_size",
        "cancel_http_readonly_queries_on_client_close",
        "client_protocol_version",
        "close_session",
        "compress",
        "database",
        "decompress",
        "default_format",
        "enable_http_compression",
        "http_headers_progress_interval_ms",
        "password",
        "query",
        "query_id",
        "quota_key",
        "role",
        "send_progress_in_http_headers",
        "session_check",
        "session_id",
        "session_timeout",
        "stacktrace",
        "user",
        "wait_end_of_query",
    }
)
_PARAMETER = "param_"
_PROGRESS_INTERVAL_MS = 100
_SESSION_SECONDS = 60
_SESSION_SECONDS_MOST = 3600

_MEDIA_TYPES = {
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONCompactEachRow": "application/x-ndjson; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "Native": "application/octet-stream",
    "Parquet": "application/octet-stream",
    "RowBinary": "application/octet-stream",
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
}


@dataclass(frozen=True)
class Request:
    """What came over HTTP. `fields` are the URL's parameters; header names are in lower case."""

    method: str
    fields: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    address: tuple[str, int] = ("::", 0)


@dataclass(frozen=True)
class Session:
    """A query's session: settings and temporary tables are kept until `seconds` after its last use.

    `must_exist`: it is not begun by this query; `ends`: it is over after it."""

    name: str
    user: str = DEFAULT_USER
    seconds: int = _SESSION_SECONDS
    must_exist: bool = False
    ends: bool = False


@dataclass(frozen=True)
class Query:
    """One statement with everything the engine needs to run it. `database` None is the connection's own.

    `profile` are the user's settings; what a session has SET counts before them, `settings` of the request
    before both."""

    statement: Statement
    parameters: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    profile: Mapping[str, str] = field(default_factory=dict)
    database: str | None = None
    default_format: str = DEFAULT_FORMAT
    session: Session | None = None
    user: str = DEFAULT_USER
    tables: tuple[ExternalTable, ...] = ()


@dataclass(frozen=True)
class Counters:
    """What the engine counted for one query; rows, bytes and seconds. What it did not tell is None."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0
    elapsed: float = 0.0
    total_rows_to_read: int | None = None

    def summary(self) -> str:
        """The value of X-ClickHouse-Summary or -Progress: a JSON object of decimal strings, elapsed in ns."""
        values: dict[str, int | None] = {
            "read_rows": self.read_rows,
            "read_bytes": self.read_bytes,
            "written_rows": self.written_rows,
            "written_bytes": self.written_bytes,
            "total_rows_to_read": self.total_rows_to_read,
            "result_rows": self.result_rows,
            "result_bytes": self.result_bytes,
            "elapsed_ns": round(self.elapsed * 1e9),
        }
        known = {name: str(value) for name, value in values.items() if value is not None}
        return json.dumps(known, separators=(",", ":"))


def progress_headers(request: Request, progress: Iterable[Counters]) -> list[str]:
    """The values of X-ClickHouse-Progress that the request asks for: one an interval of its choice."""
    if not _true(request.fields.get("send_progress_in_http_headers")):
        return []
    text = request.fields.get("http_headers_progress_interval_ms", "")
    interval = int(text) if text.isdecimal() else _PROGRESS_INTERVAL_MS
    due = interval
    values = []
    for counted in progress:
        milliseconds = round(counted.elapsed * 1000)
        if milliseconds >= due:
            values.append(counted.summary())
            due = milliseconds + interval
    return values


def query_id(request: Request) -> str:
    """The client's name for the query, or a new one; `system.processes` shows the engine's own instead."""
    given = request.fields.get("query_id", "")
    return given if given and given.isascii() and given.isprintable() else str(uuid.uuid4())


def media_type(output_format: str) -> str:
    return _MEDIA_TYPES.get(output_format, "text/plain; charset=UTF-8")


def wants_compression(request: Request) -> bool:
    """Whether the answer may be packed as Accept-Encoding says."""
    return _true(request.fields.get("enable_http_compression"))


def wants_blocks(request: Request) -> bool:
    """Whether the answer is to be packed in ClickHouse's own blocks."""
    return _true(request.fields.get("compress"))


def _true(value: str | None) -> bool:
    return value is not None and value.lower() in {"1", "true"}


def read_query(request: Request, user: User) -> Query:
    """The query of a request: `query=` and the body together are the text, as in ClickHouse.

    Raises QueryError for a web page's request, an unreadable body, an empty text, several statements, a role,
    or a write where only reading is allowed."""
    if "origin" in request.headers:
        reason = "Web pages may not query this server: its engine reads and writes files with your rights."
        raise refused(497, "ACCESS_DENIED", reason)
    fields, body, files = _unpacked(request)
    head = fields.get("query", "").encode(errors="surrogateescape")
    statement = parse(head + b"\n" + body if head and body else head or body)
    if fields.get("role"):
        raise refused(511, "UNKNOWN_ROLE", f"There is no role `{fields['role']}` in user directories")
    described = external.described(files)
    others = {
        name: _text(name, value)
        for name, value in fields.items()
        if name not in _INTERFACE and name not in described
    }
    parameters = {k.removeprefix(_PARAMETER): v for k, v in others.items() if k.startswith(_PARAMETER)}
    settings = {k: v for k, v in others.items() if not k.startswith(_PARAMETER)}
    # The engine would stay read-only for whoever gets the connection next, so it is not told.
    _refuse_writes(statement, request.method, settings.pop("readonly", "0"))
    return Query(
        statement=statement,
        parameters=parameters,
        settings=settings,
        profile=user.settings,
        database=_text("database", fields.get("database") or request.headers.get("x-clickhouse-database", ""))
        or user.database,
        default_format=_default_format(fields.get("default_format"), request.headers),
        session=_session(fields, user),
        user=user.name,
        tables=external.tables(files, fields),
    )


def _unpacked(request: Request) -> tuple[Mapping[str, str], bytes, Mapping[str, bytes]]:
    """A request's fields, text and files, out of every packing."""
    body = compression.decode(request.body, request.headers.get("content-encoding"))
    form = external.read_form(request.headers.get("content-type", ""), body)
    if form is not None:
        return {**request.fields, **form.fields}, b"", form.files
    return request.fields, blocks.unpack(body) if _true(request.fields.get("decompress")) else body, {}


def _refuse_writes(statement: Statement, method: str, readonly: str) -> None:
    if statement.reads_only or statement.changes_connection:
        return
    if method == "GET":
        raise refused(
            164,
            "READONLY",
            "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. "
            "You should use method POST for modifying queries.",
        )
    if readonly not in {"", "0"}:
        raise refused(164, "READONLY", "Cannot execute query in readonly mode.")


def _text(name: str, value: str) -> str:
    """`value`, if it came as UTF-8: the engine's binding takes nothing else outside the statement."""
    if any("\udc80" <= character <= "\udcff" for character in value):
        raise refused(36, "BAD_ARGUMENTS", f"The value of {name} is not UTF-8.")
    return value


def _default_format(parameter: str | None, headers: Mapping[str, str]) -> str:
    name = parameter or headers.get("x-clickhouse-format") or DEFAULT_FORMAT
    if not (name.isascii() and name.isalnum()):
        raise refused(73, "UNKNOWN_FORMAT", f"Unknown format {name}.")
    return name


def _session(fields: Mapping[str, str], user: User) -> Session | None:
    """The session that the request names; every user has sessions of their own."""
    name = fields.get("session_id")
    if not name:
        return None
    text = fields.get("session_timeout", str(_SESSION_SECONDS))
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) > _SESSION_SECONDS_MOST:
        reason = f"Invalid session timeout: {text}; it is in seconds, at most {_SESSION_SECONDS_MOST}."
        raise refused(374, "INVALID_SESSION_TIMEOUT", reason)
    close = fields.get("close_session") == "1"
    return Session(name, user.name, int(text), must_exist=fields.get("session_check") == "1", ends=close)


def url_fields(query_string: bytes) -> dict[str, str]:
    """A URL's parameters; of a name that occurs twice the last value counts."""
    return dict(parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, errors="surrogateescape"))
