"""The HTTP server in front of KATO: its command line."""

from __future__ import annotations

from bench.knobs.knob import CoresLess, Kind, Knob, Value

_COMMAND = "KATO 3.10.1 Dockerfile CMD"
_UNSET = "uvicorn settings; KATO 3.10.1 leaves it unset"


def _flag(
    flag: str,
    *aliases: str,
    kind: Kind = "int",
    shipped: Value | None,
    healthy: Value | CoresLess | None = None,
    low: int | None = 0,
    high: int | None = None,
    choices: tuple[str, ...] = (),
    unit: str | None = None,
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
        low=low,
        high=high,
        choices=choices,
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
        source=_UNSET,
    ),
    _flag(
        "--loop",
        "UVICORN_LOOP",
        kind="enum",
        shipped=None,
        low=None,
        choices=("auto", "asyncio", "uvloop"),
        source=f"{_UNSET}: auto, which is uvloop where it is installed",
    ),
    _flag(
        "--http",
        "UVICORN_HTTP",
        kind="enum",
        shipped=None,
        low=None,
        choices=("auto", "h11", "httptools"),
        source=f"{_UNSET}: auto, which is httptools where it is installed",
    ),
    _flag("--access-log", kind="bool", shipped=True, low=None),
)
