"""The HTTP server in front of KATO: its command line."""

from __future__ import annotations

from bench.knobs.knob import CoresLess, Knob, Value

_COMMAND = "KATO 3.10.1 Dockerfile CMD"


def _flag(
    flag: str,
    *aliases: str,
    shipped: Value | None,
    healthy: Value | CoresLess | None = None,
    low: int = 0,
    high: int | None = None,
    unit: str | None = None,
    source: str = _COMMAND,
) -> Knob:
    return Knob(
        name=f"uvicorn.{flag.removeprefix('--').replace('-', '_')}",
        system="uvicorn",
        kind="int",
        home="uvicorn command line",
        spelled=flag,
        aliases=(flag, *aliases),
        shipped=shipped,
        healthy=healthy,
        low=low,
        high=high,
        unit=unit,
        source=source,
    )


KNOBS = (
    _flag("--workers", "KATO_WORKERS", shipped=4, healthy=CoresLess(1), low=1, high=1024, unit="processes"),
    _flag(
        "--limit-concurrency",
        "KATO_LIMIT_CONCURRENCY",
        shipped=100,
        healthy=40,
        low=1,
        unit="connections per worker",
        source=f"{_COMMAND}; healthy stays below the 50 connections of KATO's session pool",
    ),
    _flag("--timeout-keep-alive", shipped=5, unit="s"),
    _flag("--timeout-graceful-shutdown", shipped=30, unit="s"),
    _flag("--backlog", shipped=2048, low=1, unit="connections"),
    _flag(
        "--limit-max-requests",
        "UVICORN_LIMIT_MAX_REQUESTS",
        shipped=None,
        low=1,
        unit="requests",
        source="uvicorn settings; KATO 3.10.1 leaves it unset",
    ),
)
