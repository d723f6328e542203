"""A running deployment to look for faults in, and what looking for them takes."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from bench.targets.embedded.faults.timed import a_worker
from tests.deployed import PATIENCE, Deployed, deployed

_KNOBS = {
    "uvicorn.limit_concurrency": "400",
    "kato.METRICS_CACHE_TTL_SECONDS": "0",
    "kato.LOG_LEVEL": "WARNING",
}


class Bed(Deployed):
    """Its nodes are numbered, so that probes which share it do not meet."""

    def __init__(self, *more: Any) -> None:
        super().__init__(*more)
        self._nodes = itertools.count(1)

    def workers(self) -> list[psutil.Process]:
        main = self.process("kato")
        spawned = [one for one in main.children() if any("spawn_main" in word for word in one.cmdline())]
        return spawned or [main]

    def worker(self) -> psutil.Process:
        return psutil.Process(a_worker(self.process("kato").pid))

    def node(self) -> str:
        """A node that nobody used before."""
        return f"fault{next(self._nodes)}"

    def session(self, node: str | None = None, **config: Any) -> str:
        return super().session(node or self.node(), **config)

    def learn(self, session: str, patterns: int, first: int = 0, prefix: str = "common") -> None:
        """Teach different patterns of six symbols, all of which begin alike."""
        self.teach(
            session,
            (
                [[prefix], *([f"w{number}", f"x{number % 7}"] for _ in range(2)), [f"y{number % 5}"]]
                for number in range(first, first + patterns)
            ),
        )

    def syntax_errors(self) -> int:
        """Statements that could not be read. A server counts them as FailedQuery, the engine does not."""
        counted = self.sql("SELECT sum(value) FROM system.errors WHERE name = 'SYNTAX_ERROR'")
        counted.raise_for_status()
        return int(counted.text.strip() or 0)

    def fingerprints(self, workers: int) -> list[float | None]:
        """Which worker answered each `/health` call, None where nobody did.

        Over connections of their own, eight at once, until so many workers have been heard or the kernel has
        had 30 times the choice: it likes to give all to the same."""
        heard: list[float | None] = []
        for _ in range(30):
            for status, body in self.burst([("GET", "/health", None)] * 8, patience=3.0):
                heard.append(json.loads(body)["last_collection"] if status == 200 else None)
            if len(set(heard) - {None}) >= workers:
                break
        return heard

    def burst(
        self, requests: Sequence[tuple[str, str, Any]], patience: float = PATIENCE
    ) -> list[tuple[int | None, bytes]]:
        """Send all at once, each over a connection of its own; status and body, None for no answer."""
        port = self.port("kato")

        async def one(
            method: str, path: str, body: Any, everybody: asyncio.Barrier
        ) -> tuple[int | None, bytes]:
            content = b"" if body is None else json.dumps(body).encode()
            head = (
                f"{method} {path} HTTP/1.1\r\nHost: kato\r\nConnection: close\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
            )
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                await everybody.wait()
                writer.write(head.encode() + content)
                answer = await asyncio.wait_for(reader.read(-1), patience)
            except (TimeoutError, ConnectionError):
                return None, b""
            finally:
                writer.close()
            begin, _, rest = answer.partition(b"\r\n\r\n")
            return (int(begin.split()[1]), rest) if begin else (None, b"")

        async def all_of_them() -> list[tuple[int | None, bytes]]:
            everybody = asyncio.Barrier(len(requests))
            return await asyncio.gather(*(one(*request, everybody) for request in requests))

        return asyncio.run(all_of_them())


def has_ended(process: psutil.Process) -> bool:
    """A zombie counts: its guardian has not looked yet."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextmanager
def running(folder: Path, planted: Sequence[str] = (), workers: int = 1) -> Iterator[Bed]:
    """A deployment of its own, below `folder`, with these `--fault` texts."""
    knobs = {**_KNOBS, "uvicorn.workers": str(workers)}
    with deployed(Bed, folder, knobs, planted) as bed:
        yield bed
