"""What an access log says of a KATO deployment's traffic: how much of which operation, and how often.

It reads uvicorn's own lines, with whatever logging configurations, Docker, Compose and Kubernetes put
in front of them; lines in the common and combined formats that proxies write; and either of them as
the text of a JSON object, one a line.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_REQUEST = re.compile(
    r'"(?P<method>[A-Z]{3,7}|WebSocket) (?P<path>/[^\s"]*)(?: HTTP/[0-9.]+)?" (?:(?P<status>\d{3})\b|\[)'
)
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?")
_COMMON = re.compile(r"\[(\d{1,2}/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\]")
_SESSION = re.compile(r"/sessions(?:/(?P<session>[^/]+)(?P<rest>/.*)?)?$")

#: Keys under which JSON logs keep the line itself, and its time.
_TEXTS, _TIMES = ("log", "message", "msg"), ("time", "timestamp", "@timestamp", "ts")

#: A number from here on is no time in seconds since 1970.
_NEVER = 1e11

#: Operations by method and what follows `/sessions/<id>`.
_OF_A_SESSION = {
    ("POST", "/observe"): "observe",
    ("POST", "/observe-sequence"): "sequence",
    ("POST", "/learn"): "learn",
    ("GET", "/predictions"): "predict",
    ("GET", "/stm"): "stm",
    ("POST", "/clear-stm"): "clear",
    ("GET", "/config"): "config",
    ("POST", "/config"): "config",
    ("POST", "/extend"): "extend",
    ("DELETE", ""): "delete",
    ("POST", "/finalize-training"): "finalize",
    ("GET", ""): "lookup",
    ("GET", "/exists"): "lookup",
    ("GET", "/percept-data"): "lookup",
    ("GET", "/cognition-data"): "lookup",
}
#: Whole paths whose answers cost as little as that of `GET /health`.
_LOOKUPS = ("/health", "/status", "/metrics", "/concurrency", "/sessions/count")


@dataclass(frozen=True, slots=True)
class Line:
    """One request of a log. `operation`: None for what is no part of a load (documentation, clearing a node,
    endpoints that walk over all of Redis' keys); `when`: seconds since 1970, None where the line
    does not say."""

    method: str
    path: str
    operation: str | None
    session: str | None
    status: int | None
    when: float | None


@dataclass
class Found:
    """What a log holds. `operations`: requests by operation, of which `failed` were answered with an error;
    `left_out`: other requests, by method and path; `lives`: first and last time of each session."""

    lines: int = 0
    not_understood: int = 0
    first_not_understood: str | None = None
    operations: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    timed: int = 0
    earliest: float | None = None
    latest: float | None = None
    lives: dict[str, tuple[float, float]] = field(default_factory=dict)
    sessions: set[str] = field(default_factory=set)

    @property
    def requests(self) -> int:
        return self.operations.total()

    @property
    def seconds(self) -> float | None:
        """From the first request to the last; None where fewer than two say when they were."""
        if self.earliest is None or self.latest is None or self.latest <= self.earliest:
            return None
        return self.latest - self.earliest

    @property
    def rate(self) -> float | None:
        """Requests a second, over those that say when they were."""
        return (self.timed - 1) / self.seconds if self.seconds else None

    @property
    def open_sessions(self) -> float | None:
        """How many sessions were in use at the same time, on average (Little's law); None where the log does
        not say."""
        if not self.seconds:
            return None
        return sum(last - first for first, last in self.lives.values()) / self.seconds


def read(lines: Iterable[str]) -> Found:
    """Everything that the lines tell; never raises for what stands in them."""
    found = Found()
    for text in lines:
        if not text.strip():
            continue
        found.lines += 1
        line = parse(text)
        if line is None:
            found.not_understood += 1
            found.first_not_understood = found.first_not_understood or text.strip()
            continue
        if line.operation is None:
            found.left_out[f"{line.method} {line.path}"] += 1
            continue
        found.failed += line.status is not None and line.status >= 400
        found.operations[line.operation] += 1
        if line.session is not None:
            found.sessions.add(line.session)
        if line.when is not None:
            _note_time(found, line, line.when)
    return found


def _note_time(found: Found, line: Line, when: float) -> None:
    found.timed += 1
    found.earliest = when if found.earliest is None else min(found.earliest, when)
    found.latest = when if found.latest is None else max(found.latest, when)
    if line.session is not None:
        first, last = found.lives.get(line.session, (when, when))
        found.lives[line.session] = min(first, when), max(last, when)


def parse(text: str) -> Line | None:
    """One line of a log; None if it tells of no request."""
    text, when = _unwrapped(_COLOURS.sub("", text.strip()))
    request = _REQUEST.search(text)
    if request is None:
        return None
    method = request["method"]
    path = request["path"].partition("?")[0].rstrip("/") or "/"
    operation, session, shown = _meaning(method, path)
    status = int(request["status"]) if request["status"] else None
    return Line(method, shown, operation, session, status, _time(text[: request.start()]) or when)


def _meaning(method: str, path: str) -> tuple[str | None, str | None, str]:
    """The operation, the session, and the path with no session's id in it."""
    in_session = _SESSION.search(path)
    if in_session is None or in_session["session"] == "count":
        operation = "lookup" if method == "GET" and path.endswith(_LOOKUPS) else None
        return operation, None, path
    session, rest = in_session["session"], in_session["rest"] or ""
    if session is None:
        return ("create" if method == "POST" else None), None, path
    return _OF_A_SESSION.get((method, rest)), session, f"/sessions/<id>{rest}"


def _unwrapped(text: str) -> tuple[str, float | None]:
    """The line inside a JSON object, and the object's time; the text itself if it is none."""
    if not text.startswith("{"):
        return text, None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text, None
    inner = next((found[key] for key in _TEXTS if isinstance(found.get(key), str)), text)
    when = next((found[key] for key in _TIMES if key in found), None)
    if isinstance(when, str):
        return inner, _time(when)
    if isinstance(when, bool) or not isinstance(when, (int, float)) or not abs(when) < _NEVER:
        return inner, None
    return inner, float(when)


def _time(text: str) -> float | None:
    """The last time of day that stands in a text, in seconds since 1970. One without a time zone counts as
    UTC: only differences matter."""
    try:
        if common := _COMMON.findall(text):
            return datetime.strptime(common[-1], "%d/%b/%Y:%H:%M:%S %z").timestamp()
        if iso := _ISO.findall(text):
            moment = datetime.fromisoformat(iso[-1])
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except ValueError:
        pass
    return None
