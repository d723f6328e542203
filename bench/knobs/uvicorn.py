"""The HTTP server in front of KATO: its command line."""

from __future__ import annotations

from bench.knobs.knob import CoresLess, Danger, Kind, Knob, Value

_COMMAND = "KATO 3.10.1 Dockerfile CMD"
_UNSET = "uvicorn settings; KATO 3.10.1 leaves it unset"
_HOLDS_FOR = "uvicorn from 0.37, under KATO 3.10"
_READY = "its log tells when the deployment is ready"


def _flag(
    flag: str,
    *aliases: str,
    influences: str,
    kind: Kind = "int",
    shipped: Value | None = None,
    healthy: Value | CoresLess | None = None,
    own: Value | None = None,
    low: int | None = 0,
    high: int | None = None,
    choices: tuple[str, ...] = (),
    unit: str | None = None,
    dangers: tuple[Danger, ...] = (),
    unsettable: str | None = None,
    source: str = _COMMAND,
) -> Knob:
    return Knob(
        name=f"uvicorn.{flag.removeprefix('--').replace('-', '_')}",
        system="uvicorn",
        kind=kind,
        home="uvicorn command line",
        spelled=flag,
        aliases=(flag, *aliases),
        shipped=shipped,
        healthy=healthy,
        own=own,
        low=low,
        high=high,
        choices=choices,
        unit=unit,
        dangers=dangers,
        unsettable=unsettable,
        influences=influences,
        holds_for=_HOLDS_FOR,
        source=source,
    )


_SHIPPED = (
    _flag(
        "--workers",
        "KATO_WORKERS",
        shipped=4,
        healthy=CoresLess(1),
        own=1,
        low=1,
        high=1024,
        unit="processes",
        influences="how many requests are worked on at once: a worker does one at a time; about 236 MB of "
        "memory each, and locks, caches and metrics of its own",
    ),
    _flag(
        "--limit-concurrency",
        "KATO_LIMIT_CONCURRENCY",
        shipped=100,
        healthy=40,
        low=1,
        unit="connections per worker",
        influences="503 for every request while more connections are open, idle ones included; above 50 the "
        "pool of session connections fails first, as 404 for sessions that live",
        source=f"{_COMMAND}; healthy stays below the 50 connections of KATO's session pool",
    ),
    _flag(
        "--timeout-keep-alive",
        shipped=5,
        own=5,
        unit="s",
        influences="how long idle connections stay open, and count for the limit",
    ),
    _flag(
        "--timeout-graceful-shutdown",
        shipped=30,
        unit="s",
        influences="how long a restart waits for open requests",
    ),
    _flag(
        "--backlog",
        shipped=2048,
        own=2048,
        low=1,
        unit="connections",
        influences="connections that wait to be accepted; beyond, clients retry their SYN after seconds",
    ),
    _flag(
        "--access-log",
        kind="bool",
        shipped=True,
        own=True,
        low=None,
        influences="a line of log for each request; without it KATO's CPU per small request falls",
    ),
)

_UNSHIPPED = (
    _flag(
        "--limit-max-requests",
        "UVICORN_LIMIT_MAX_REQUESTS",
        low=1,
        unit="requests",
        influences="restarts a worker after so many requests, which bounds its memory; its caches start "
        "empty",
        source=_UNSET,
    ),
    _flag(
        "--loop",
        "UVICORN_LOOP",
        kind="enum",
        own="auto",
        low=None,
        choices=("auto", "asyncio", "uvloop"),
        influences="CPU time per connection and request",
        source=f"{_UNSET}: auto, which is uvloop where it is installed",
    ),
    _flag(
        "--http",
        "UVICORN_HTTP",
        kind="enum",
        own="auto",
        low=None,
        choices=("auto", "h11", "httptools"),
        influences="CPU time per request",
        source=f"{_UNSET}: auto, which is httptools where it is installed",
    ),
    _flag(
        "--log-level",
        "UVICORN_LOG_LEVEL",
        kind="enum",
        own="info",
        low=None,
        choices=("critical", "error", "warning", "info", "debug", "trace"),
        influences="what uvicorn writes; KATO's own lines follow LOG_LEVEL",
        unsettable=_READY,
        source=_UNSET,
    ),
    _flag(
        "--ws-max-size",
        "UVICORN_WS_MAX_SIZE",
        own=16_777_216,
        low=1,
        unit="bytes",
        influences="the largest message on /ws/events",
        source=_UNSET,
    ),
    _flag(
        "--ws-ping-interval",
        "UVICORN_WS_PING_INTERVAL",
        kind="float",
        own=20.0,
        unit="s",
        influences="how soon a dead subscriber of /ws/events stops counting for the limit",
        source=_UNSET,
    ),
    _flag(
        "--ws-ping-timeout",
        "UVICORN_WS_PING_TIMEOUT",
        kind="float",
        own=20.0,
        unit="s",
        influences="how soon a dead subscriber of /ws/events stops counting for the limit",
        source=_UNSET,
    ),
    _flag(
        "--h11-max-incomplete-event-size",
        "UVICORN_H11_MAX_INCOMPLETE_EVENT_SIZE",
        own=65_536,
        low=1,
        unit="bytes",
        influences="the longest request line and headers, with --http h11 only",
        source=_UNSET,
    ),
)

KNOBS = (*_SHIPPED, *_UNSHIPPED)
