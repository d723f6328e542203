"""A TCP proxy that delivers every byte so many seconds later, in each direction.

python -m bench.targets.embedded.proxy --port P --to PORT --delay SECONDS

Bytes wait on their own, so that any number of them is on the way at once: the proxy adds time and takes no
throughput, up to 64 MiB per connection and direction. It is never early, and up to a millisecond late.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import NoReturn, cast

from bench.errors import BenchError, ExitCode, PartFailedError, UsageError
from bench.targets.embedded.ports import HOST

_MOST_ON_THE_WAY = 64 << 20
_BACKLOG = 1024


class _Pipe:
    """What is on its way in one direction. `None` among it is the end that one side has come to; `on_end` is
    called when that has arrived."""

    def __init__(self, delay: float, on_end: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._delay = delay
        self._waiting: deque[tuple[float, bytes | None]] = deque()
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._full = False
        self._on_end = on_end
        self.ended = False
        self.source: asyncio.Transport | None = None
        self.target: asyncio.Transport | None = None
        self.source_is_slowed = False

    def put(self, data: bytes | None) -> None:
        self._waiting.append((self._loop.time() + self._delay, data))
        self._bytes += len(data or b"")
        if self._bytes > _MOST_ON_THE_WAY and self.source is not None and not self.source_is_slowed:
            self.source_is_slowed = True
            self.source.pause_reading()
        self.arm()

    def arm(self) -> None:
        """Wake up when the next bytes are due, if there are any and they can go on."""
        if self._timer is None and self._waiting and self.target is not None and not self._full:
            self._timer = self._loop.call_at(self._waiting[0][0], self._deliver)

    def block(self, full: bool) -> None:
        """The target's buffer is full, or has room again."""
        self._full = full
        self.arm()

    def _deliver(self) -> None:
        self._timer = None
        now = self._loop.time()
        while self._waiting and self._waiting[0][0] <= now and not self._full:
            _, data = self._waiting.popleft()
            self._write(data)
        if self.source_is_slowed and self._bytes < _MOST_ON_THE_WAY // 2 and self.source is not None:
            self.source_is_slowed = False
            self.source.resume_reading()
        self.arm()

    def _write(self, data: bytes | None) -> None:
        if self.target is None or self.target.is_closing():
            return
        if data is not None:
            self._bytes -= len(data)
            self.target.write(data)
        else:
            self.ended = True
            self.target.write_eof()
            self._on_end()


class _End(asyncio.Protocol):
    """One end of a connection: what it receives goes into `away`, what comes for it arrives by `home`."""

    def __init__(self, away: _Pipe, home: _Pipe) -> None:
        self._away = away
        self._home = home
        self._transport: asyncio.Transport | None = None
        self.other: _End | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._away.source = self._home.target = self._transport
        self._home.arm()

    def data_received(self, data: bytes) -> None:
        self._away.put(data)

    def eof_received(self) -> bool:
        self._away.put(None)
        return True  # the other direction goes on

    def pause_writing(self) -> None:
        self._home.block(True)

    def resume_writing(self) -> None:
        self._home.block(False)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self.other is not None:
            self.other.close()

    def close(self) -> None:
        """At once: what was still on its way has nobody to come from, or to go to."""
        if self._transport is not None:
            self._transport.close()


class _Client(_End):
    """The end that the proxy was called from; it calls the other one."""

    def __init__(self, port: int, delay: float) -> None:
        out, back = _Pipe(delay, self._when_ended), _Pipe(delay, self._when_ended)
        super().__init__(out, back)
        self.other = _End(back, out)
        self.other.other = self
        self._port = port
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connecting = asyncio.create_task(self._connect())

    def _when_ended(self) -> None:
        """A connection whose ends have both had their last word is closed; nobody else would."""
        if self._away.ended and self._home.ended:
            self.close()

    async def _connect(self) -> None:
        other = cast(_End, self.other)
        try:
            await asyncio.get_running_loop().create_connection(lambda: other, HOST, self._port)
        except OSError:
            self.close()
        else:
            if self._transport is None:  # it left before there was anybody to tell
                other.close()


async def serve(port: int, to: int, delay: float) -> None:
    """Until SIGTERM. Raises PartFailedError where nobody can listen on `port`."""
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(partial(_Client, to, delay), HOST, port, backlog=_BACKLOG)
    except OSError as error:
        raise PartFailedError(f"The proxy cannot listen on {HOST}:{port} ({error.strerror}).") from error
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    server.close()


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"The proxy was started wrongly: {message}.")


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM; the exit code. Prints one sentence on stderr when it cannot."""
    parser = _Parser(prog="python -m bench.targets.embedded.proxy", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="TCP port to listen on")
    parser.add_argument("--to", type=int, required=True, help="TCP port of the store")
    parser.add_argument("--delay", type=float, required=True, help="seconds, in each direction")
    try:
        options = parser.parse_args(argv)
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve(options.port, options.to, options.delay))
    except BenchError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
