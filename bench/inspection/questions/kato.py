"""KATO's own endpoints: what it says of itself, and which of its workers answer."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from bench.collectors import http

_JSON = dict[str, Any]

#: Polls of /health at the same time, at least and at most. The kernel likes to give connections to the worker
#: that took the last one, until that is busy: with as many at once as there are workers, all of 4 or 8 were
#: met within three rounds, on two cores that had ten times as much to do.
_AT_ONCE, _MOST_AT_ONCE = 8, 32
#: Polls in any case, and at most.
_LEAST_POLLS, _MOST_POLLS = 16, 320
#: Seconds in which workers are looked for.
_PATIENCE = 1.6


def about(base_url: str) -> Iterator[tuple[str, Any]]:
    """`version`, `service_name`, and what only KATO knows: `status`, `concurrency`, `nodes_loaded`.

    Raises OSError where nothing answers as KATO would."""
    site = http.Site(base_url)
    with site.connect() as connection:
        status, body = connection.get("/health")
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        raise OSError("it answers 503: as many connections are open as it allows")
    health = _object(status, body)
    if "status" not in health:
        raise OSError("its /health tells no status, as KATO's does")
    yield "service_name", health.get("service_name")
    for path, name in (("/", "about"), ("/status", "status"), ("/concurrency", "concurrency")):
        with site.connect() as connection:
            answered, body = connection.get(path)
        yield name, _object(answered, body)


def workers(base_url: str, expected: int | None) -> Iterator[tuple[str, Any]]:
    """`polls`: a Poll for each fresh connection, until so many different workers have answered as are
    expected, or it is no use any more."""
    site = http.Site(base_url)
    found: list[Poll] = []
    at_once = max(_AT_ONCE, min(_MOST_AT_ONCE, expected or 0))
    deadline = time.monotonic() + _PATIENCE
    with ThreadPoolExecutor(at_once) as pool:
        while len(found) < _MOST_POLLS and time.monotonic() < deadline:
            found += pool.map(lambda _: poll(site), range(at_once))
            yield "polls", tuple(found)
            seen = {one.worker for one in found if one.worker is not None}
            if len(found) >= _LEAST_POLLS and (expected is None or len(seen) >= expected):
                break


@dataclass(frozen=True)
class Poll:
    """One /health over a fresh connection. `worker`: when the worker that answered has started, which tells
    it from the others; None for no answer. `uptime` in seconds. `refused`: it was 503."""

    worker: float | None = None
    uptime: float | None = None
    refused: bool = False


def poll(site: http.Site) -> Poll:
    """Never raises because of the other side."""
    try:
        with site.connect() as connection:
            status, body = connection.get("/health")
        if status != HTTPStatus.OK:
            return Poll(refused=status == HTTPStatus.SERVICE_UNAVAILABLE)
        health = _object(status, body)
    except (OSError, HTTPException):
        return Poll()
    started, uptime = health.get("last_collection"), health.get("uptime_seconds")
    return Poll(
        worker=float(started) if isinstance(started, int | float) else None,
        uptime=float(uptime) if isinstance(uptime, int | float) else None,
    )


def shows_password(status: _JSON) -> bool | None:
    """Whether GET /status tells the password of Redis; None where it tells no address."""
    sessions = status.get("sessions")
    url = sessions.get("redis_url") if isinstance(sessions, dict) else None
    if not isinstance(url, str):
        return None
    try:
        return bool(urlsplit(url).password)
    except ValueError:
        return None


def _object(status: int, body: bytes) -> _JSON:
    """A good answer's JSON object; empty for what a proxy keeps to itself, or answers in KATO's place."""
    if status != HTTPStatus.OK:
        return {}
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
