"""A running deployment to look for faults in, and short calls on it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import redis

from bench.supervision.supervisor import Supervisor
from bench.targets.base import TargetFacts
from bench.targets.embedded import faults
from bench.targets.embedded.deployment import EmbeddedDeployment
from bench.targets.embedded.faults.timed import a_worker

KNOBS = {
    "uvicorn.limit_concurrency": "400",
    "kato.METRICS_CACHE_TTL_SECONDS": "0",
    "kato.LOG_LEVEL": "WARNING",
}
_PATIENCE = 40.0


class Bed:
    """`planted`: the faults that it has."""

    def __init__(
        self, facts: TargetFacts, deployment: EmbeddedDeployment, planted: Mapping[str, str]
    ) -> None:
        self.facts = facts
        self.deployment = deployment
        self.planted = planted
        self.http = httpx.Client(base_url=facts.base_url, timeout=_PATIENCE, trust_env=False)
        self.redis = redis.Redis(port=self.port("redis"), decode_responses=True)
        self._processes = {part.name: psutil.Process(part.pid) for part in facts.parts}
        self._nodes = 0

    def close(self) -> None:
        self.http.close()
        self.redis.close()

    def address(self, part: str) -> str:
        found = self.facts.part(part)
        assert found is not None
        assert found.address is not None
        return found.address

    def port(self, part: str) -> int:
        return int(self.address(part).rpartition(":")[2])

    def process(self, part: str) -> psutil.Process:
        return self._processes[part]

    def workers(self) -> list[psutil.Process]:
        main = self.process("kato")
        spawned = [one for one in main.children() if any("spawn_main" in word for word in one.cmdline())]
        return spawned or [main]

    def worker(self) -> psutil.Process:
        return psutil.Process(a_worker(self.process("kato").pid))

    def node(self) -> str:
        """A node that nobody used before."""
        self._nodes += 1
        return f"fault{self._nodes}"

    def session(self, node: str | None = None, **config: Any) -> str:
        """The path of a new session; without predictions at observe time unless `config` says otherwise."""
        body = {"node_id": node or self.node(), "config": {"process_predictions": False, **config}}
        created = self.http.post("/sessions", json=body)
        created.raise_for_status()
        return f"/sessions/{created.json()['session_id']}"

    def learn(self, session: str, patterns: int, first: int = 0, prefix: str = "common") -> None:
        """Teach different patterns of six symbols, all of which begin alike."""
        for number in range(first, first + patterns):
            events = [[prefix], *([f"w{number}", f"x{number % 7}"] for _ in range(2)), [f"y{number % 5}"]]
            body = {"observations": [{"strings": event} for event in events], "learn_at_end": True}
            self.http.post(f"{session}/observe-sequence", json=body).raise_for_status()

    def observe(self, session: str, *strings: str, **more: Any) -> httpx.Response:
        return self.http.post(f"{session}/observe", json={"strings": list(strings), **more})

    def predictions(self, session: str) -> list[dict[str, Any]]:
        answer = self.http.get(f"{session}/predictions")
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()["predictions"]
        return found

    def sql(self, query: str) -> str:
        answer = httpx.post(self.address("clickhouse"), content=query, trust_env=False)
        answer.raise_for_status()
        return answer.text.strip()

    def syntax_errors(self) -> int:
        """Statements that could not be read. A server counts them as FailedQuery, the engine does not."""
        return int(self.sql("SELECT sum(value) FROM system.errors WHERE name = 'SYNTAX_ERROR'") or 0)

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
        self, requests: Sequence[tuple[str, str, Any]], patience: float = _PATIENCE
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

    def seconds_of(self, call: Callable[[], Any], times: int = 7) -> list[float]:
        """How long each of so many calls took, in ascending order."""
        found = []
        for _ in range(times):
            began = time.perf_counter()
            call()
            found.append(time.perf_counter() - began)
        return sorted(found)


def until(condition: Callable[[], Any], within: float = 10.0) -> Any:
    """What `condition` says as soon as it holds; its last word where it never does."""
    deadline = time.monotonic() + within
    while True:
        with suppress(httpx.TransportError, redis.RedisError, psutil.Error):
            said = condition()
            if said or time.monotonic() > deadline:
                return said
        if time.monotonic() > deadline:
            return None
        time.sleep(0.02)


def has_ended(process: psutil.Process) -> bool:
    """A zombie counts: its guardian has not looked yet."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextmanager
def running(folder: Path, planted: Sequence[str] = (), workers: int = 1) -> Iterator[Bed]:
    """A deployment of its own, below `folder`, with these `--fault` texts."""
    parsed = faults.parse(planted)
    knobs = {**KNOBS, "uvicorn.workers": str(workers)}
    with Supervisor() as supervisor:
        deployment = EmbeddedDeployment(supervisor, folder, "healthy", knobs, faults=parsed)
        try:
            bed = Bed(deployment.start(), deployment, parsed)
            yield bed
            bed.close()
        finally:
            deployment.close()
