"""One uvicorn worker around the engine."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Iterable
from pathlib import Path

import uvicorn

from bench.errors import ExitCode, UsageError
from bench.targets.embedded.patterns import logs, pending
from bench.targets.embedded.patterns.app import build
from bench.targets.embedded.patterns.engine import Engine
from bench.targets.embedded.patterns.service import SETTINGS, Service
from bench.targets.embedded.patterns.users import Users

_BACKLOG = 2048
_KEEP_ALIVE_SECONDS = 30  # ClickHouse's default of keep_alive_timeout

# The deployment's guardian waits 2 s between TERM and KILL. Queries that take longer than this are cancelled,
# so that their clients have an answer before the connections are cut.
_PATIENCE_SECONDS = 0.5
_GRACE_SECONDS = 1


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, engine: Engine) -> None:
        super().__init__(config)
        self._engine = engine

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        cancel = asyncio.get_running_loop().call_later(_PATIENCE_SECONDS, self._engine.cancel_queries)
        try:
            await super().shutdown(sockets)
        finally:
            cancel.cancel()


def serve(listener: socket.socket, data: Path, threads: int, users: Users, table: Iterable[str]) -> None:
    """Open the folder and answer on the bound socket until SIGTERM (exit 0) or SIGINT (exit 130).

    `table` is the DDL of the tables that are to be there. Raises PartFailedError if the folder cannot be
    opened, UsageError if a user's settings are none of the engine's."""
    engine = Engine(data, threads, SETTINGS, (*table, *logs.ddl(), *pending.ddl()))
    try:
        service = Service(engine, users)
    except UsageError:
        engine.close()
        raise
    config = uvicorn.Config(
        build(engine, service, threads),
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    # uvicorn repeats the signal that ended it once it is done; by then there is nothing left to interrupt.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ExitCode.OK))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(ExitCode.INTERRUPTED))
    _Server(config, engine).run(sockets=[listener])
