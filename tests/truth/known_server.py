"""A server that looks like KATO and whose timing is known: it logs when each request came, when its answer
was due by its own law, and when the answer left.

    python known_server.py --log FILE MODE   (prints its port)

Modes: `fixed:S` answers each request S seconds after it came; `queue:MEAN:SEED` serves one at a time, first
come first served, with exponential service times; `servers:COUNT:S` has COUNT servers behind one queue, first
come first served, each S seconds a request; `stall:HOLD:EVERY` answers at once, but holds whatever is
there in the last HOLD seconds of each EVERY (counted from the first request); `lossy:S:EVERY` answers after S
seconds, but every EVERY-th request never.
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import json
import random
import time
from collections.abc import Callable
from pathlib import Path

import httptools

CREATED = 0
#: asyncio rounds timers up to a millisecond; the rest is spun away.
SPIN = 0.0015

Law = Callable[[float], tuple[float, float]]


def fixed(seconds: float) -> Law:
    return lambda came: (came + seconds, seconds)


def queue(mean: float, seed: float) -> Law:
    rng = random.Random(seed)
    free = 0.0

    def law(came: float) -> tuple[float, float]:
        nonlocal free
        service = rng.expovariate(1 / mean)
        free = max(free, came) + service
        return free, service

    return law


def servers(count: float, seconds: float) -> Law:
    free = [0.0] * int(count)

    def law(came: float) -> tuple[float, float]:
        leaves = max(heapq.heappop(free), came) + seconds
        heapq.heappush(free, leaves)
        return leaves, seconds

    return law


def stall(hold: float, every: float) -> Law:
    first: float | None = None

    def law(came: float) -> tuple[float, float]:
        nonlocal first
        first = came if first is None else first
        into = (came - first) % every
        return (came + every - into if into >= every - hold else came), 0.0

    return law


def lossy(seconds: float, every: float) -> Law:
    count = 0

    def law(came: float) -> tuple[float, float]:
        nonlocal count
        count += 1
        return (came + (3600 if count % every == 0 else seconds)), seconds

    return law


ANSWERS = {
    "/": {"service": "KATO API", "version": "3.10.1", "status": "running", "uptime_seconds": 1.0},
    "/health": {"status": "healthy", "service_name": "kato", "uptime_seconds": 1.0, "last_collection": 1.0},
    "observe": {"status": "okay", "stm_length": 1},
    "predictions": {"predictions": [], "count": 0},
    "observe-sequence": {"observations_processed": 1},
}


class KnownServer(asyncio.Protocol):
    """One connection. Only the load's own operations obey the law; all else is answered at once."""

    def __init__(self, law: Law, log: list[tuple[float, float, float, float]]) -> None:
        self._law = law
        self._log = log
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_message_complete(self) -> None:
        came = time.monotonic()
        path, self._url = self._url.decode(), b""
        operation = path.rsplit("/", 1)[-1]
        if operation not in ("observe", "predictions", "clear-stm"):
            self._answer(self._body(path, operation))
            return
        leaves, service = self._law(came)
        body = self._body(path, operation)
        loop = asyncio.get_running_loop()
        loop.call_later(max(0.0, leaves - time.monotonic() - SPIN), self._leave, leaves, came, service, body)

    def _leave(self, leaves: float, came: float, service: float, body: bytes) -> None:
        while time.monotonic() < leaves:
            pass
        self._answer(body)
        self._log.append((came, leaves, service, time.monotonic()))

    def _body(self, path: str, operation: str) -> bytes:
        global CREATED
        if path == "/sessions":
            CREATED += 1
            return json.dumps({"session_id": f"session-{CREATED}"}).encode()
        answer = ANSWERS.get(path) or ANSWERS.get(operation) or {"status": "okay", "pattern_name": "PTRN|0"}
        return json.dumps(answer).encode()

    def _answer(self, body: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self._transport.write(head + body)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("mode")
    options = parser.parse_args()
    name, *numbers = options.mode.split(":")
    laws = {"fixed": fixed, "queue": queue, "servers": servers, "stall": stall, "lossy": lossy}
    law = laws[name](*map(float, numbers))
    log: list[tuple[float, float, float, float]] = []
    server = await asyncio.get_running_loop().create_server(lambda: KnownServer(law, log), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    stop = asyncio.Event()
    for number in (2, 15):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    options.log.write_text("\n".join(json.dumps(entry) for entry in log))


if __name__ == "__main__":
    asyncio.run(main())
