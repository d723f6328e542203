"""ClickHouse's HTTP interface: from a request to a query, from a result to headers. No I/O."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from bench.targets.embedded.patterns import compression
from bench.targets.embedded.patterns.errors import refused
from bench.targets.embedded.patterns.statement import Statement, parse

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


@dataclass(frozen=True)
class Session:
    """A query's session: settings and temporary tables are kept until `seconds` after its last use."""

    name: str
    seconds: int = _SESSION_SECONDS
    must_exist: bool = False


@dataclass(frozen=True)
class Query:
    """One statement with everything the engine needs to run it. `database` None is the connection's own."""

    statement: Statement
    parameters: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    database: str | None = None
    default_format: str = DEFAULT_FORMAT
    session: Session | None = None


@dataclass(frozen=True)
class Counters:
    """What the engine counted for one query; rows, bytes and seconds."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0
    elapsed: float = 0.0

    def summary(self) -> str:
        """The value of X-ClickHouse-Summary: a JSON object of decimal strings, elapsed in nanoseconds."""
        values = {
            "read_rows": self.read_rows,
            "read_bytes": self.read_bytes,
            "written_rows": self.written_rows,
            "written_bytes": self.written_bytes,
            "total_rows_to_read": 0,
            "result_rows": self.result_rows,
            "result_bytes": self.result_bytes,
            "elapsed_ns": round(self.elapsed * 1e9),
        }
        return json.dumps({name: str(value) for name, value in values.items()}, separators=(",", ":"))


def query_id(request: Request) -> str:
    """The client's name for the query, or a new one; `system.processes` shows the engine's own instead."""
    given = request.fields.get("query_id", "")
    return given if given and given.isascii() and given.isprintable() else str(uuid.uuid4())


def media_type(output_format: str) -> str:
    return _MEDIA_TYPES.get(output_format, "text/plain; charset=UTF-8")


def wants_compression(request: Request) -> bool:
    return request.fields.get("enable_http_compression", "0").lower() in {"1", "true"}


def read_query(request: Request) -> Query:
    """The query of a request: `query=` and the body together are the text, as in ClickHouse.

    Raises QueryError for a web page's request, an unreadable body, an empty text, several statements, a write
    by GET, or what the interface lacks here (external tables, ClickHouse's own block compression)."""
    if "origin" in request.headers:
        reason = "Web pages may not query this server: its engine reads and writes files with your rights."
        raise refused(497, "ACCESS_DENIED", reason)
    fields = request.fields
    body = compression.decode(request.body, request.headers.get("content-encoding"))
    form = _multipart(request.headers.get("content-type", ""), body)
    if form is not None:
        fields, body = {**fields, **form}, b""
    for name in ("compress", "decompress"):
        if fields.get(name, "0") not in {"0", "false"}:
            raise refused(48, "NOT_IMPLEMENTED", f"{name}=1 is not supported; use HTTP compression.")
    head = fields.get("query", "").encode(errors="surrogateescape")
    statement = parse(head + b"\n" + body if head and body else head or body)
    if request.method == "GET" and not statement.reads_only and not statement.changes_connection:
        raise refused(
            164,
            "READONLY",
            "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. "
            "You should use method POST for modifying queries.",
        )
    others = {name: _text(name, value) for name, value in fields.items() if name not in _INTERFACE}
    return Query(
        statement=statement,
        parameters={k.removeprefix(_PARAMETER): v for k, v in others.items() if k.startswith(_PARAMETER)},
        settings={k: v for k, v in others.items() if not k.startswith(_PARAMETER)},
        database=fields.get("database") or request.headers.get("x-clickhouse-database") or None,
        default_format=_default_format(fields.get("default_format"), request.headers),
        session=_session(fields),
    )


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


def _session(fields: Mapping[str, str]) -> Session | None:
    name = fields.get("session_id")
    if not name:
        return None
    text = fields.get("session_timeout", str(_SESSION_SECONDS))
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) > _SESSION_SECONDS_MOST:
        reason = f"Invalid session timeout: {text}; it is in seconds, at most {_SESSION_SECONDS_MOST}."
        raise refused(374, "INVALID_SESSION_TIMEOUT", reason)
    return Session(name, int(text), must_exist=fields.get("session_check") == "1")


def _multipart(content_type: str, body: bytes) -> dict[str, str] | None:
    """The text fields of a multipart form, which clients use when parameters outgrow a URL; else None."""
    if not content_type.startswith("multipart/form-data"):
        return None
    boundary = re.search(r'boundary="?([^";]+)"?', content_type)
    if boundary is None:
        raise refused(36, "BAD_ARGUMENTS", "The form's Content-Type names no boundary.")
    return dict(_form_fields(body.split(b"--" + boundary[1].encode())[1:-1]))


def _form_fields(parts: Iterable[bytes]) -> Iterable[tuple[str, str]]:
    for part in parts:
        head, _, content = part.partition(b"\r\n\r\n")
        name = re.search(rb'\bname="([^"]*)"', head)
        if name is None or re.search(rb"\bfilename=", head):
            raise refused(48, "NOT_IMPLEMENTED", "External tables in a request are not supported.")
        yield name[1].decode(), content.removesuffix(b"\r\n").decode(errors="surrogateescape")


def url_fields(query_string: bytes) -> dict[str, str]:
    """A URL's parameters; of a name that occurs twice the last value counts."""
    return dict(parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, errors="surrogateescape"))
