"""An embedded deployment on its real engines, and short calls on its parts: for tests, tables and probes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
import redis

from bench.knobs.catalogue import parse
from bench.supervision.supervisor import Supervisor
from bench.targets.base import TargetFacts
from bench.targets.embedded import faults
from bench.targets.embedded.deployment import EmbeddedDeployment

PATIENCE = 60.0
"""Seconds that any answer may take."""


class Deployed:
    """A deployment that runs, and a client of each of its parts. `planted`: the faults that it has."""

    def __init__(
        self, facts: TargetFacts, folder: Path, deployment: EmbeddedDeployment, planted: Mapping[str, str]
    ) -> None:
        self.facts = facts
        self.folder = folder
        self.deployment = deployment
        self.planted = planted
        # First of all: a planted fault may end them at any time.
        self._processes = {part.name: psutil.Process(part.pid) for part in facts.parts}
        self.kato = self.another_kato()
        self.qdrant = _http(self.address("qdrant"))
        self.clickhouse = _http(self.address("clickhouse"))
        self.redis = self.another_redis()

    def close(self) -> None:
        for client in (self.kato, self.qdrant, self.clickhouse, self.redis):
            client.close()

    def another_kato(self) -> httpx.Client:
        return _http(self.facts.base_url)

    def another_redis(self) -> redis.Redis:
        return redis.Redis(port=self.port("redis"), decode_responses=True)

    def address(self, part: str) -> str:
        found = self.facts.part(part)
        assert found is not None
        assert found.address is not None
        return found.address

    def port(self, part: str) -> int:
        return int(self.address(part).rpartition(":")[2])

    def process(self, part: str) -> psutil.Process:
        return self._processes[part]

    def processes(self, part: str) -> list[psutil.Process]:
        """The part's own and all below it."""
        return [self.process(part), *self.process(part).children(recursive=True)]

    def cpu_seconds(self, part: str) -> float:
        return sum(map(cpu_seconds, self.processes(part)))

    def resident_bytes(self, part: str) -> int:
        return sum(int(one.memory_info().rss) for one in self.processes(part))

    def session(self, node: str, **config: Any) -> str:
        """The path of a new session; without predictions at observe time unless `config` says otherwise."""
        body = {"node_id": node, "config": {"process_predictions": False, **config}}
        return f"/sessions/{_json(self.kato.post('/sessions', json=body))['session_id']}"

    def observe(self, session: str, *strings: str, **more: Any) -> httpx.Response:
        return self.kato.post(f"{session}/observe", json={"strings": list(strings), **more})

    def teach(self, session: str, patterns: Iterable[Sequence[Sequence[str]]]) -> None:
        """Learn each of these patterns, which are lists of events."""
        for events in patterns:
            body = {"observations": [{"strings": list(event)} for event in events], "learn_at_end": True}
            self.kato.post(f"{session}/observe-sequence", json=body).raise_for_status()

    def predictions(self, session: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = _json(self.kato.get(f"{session}/predictions"))["predictions"]
        return found

    def collections(self) -> set[str]:
        """Of Qdrant, by name."""
        listed = _json(self.qdrant.get("/collections"))["result"]["collections"]
        return {one["name"] for one in listed}

    def sql(self, statement: str, data: bytes = b"", **settings: Any) -> httpx.Response:
        """Whatever ClickHouse answers."""
        return self.clickhouse.post("/", params={"query": statement, **settings}, content=data)


def cpu_seconds(process: psutil.Process) -> float:
    """Of this process since its start."""
    times = process.cpu_times()
    return float(times.user + times.system)


def seconds_of(action: Callable[[], Any], times: int) -> list[float]:
    """How long each of so many calls took, in ascending order."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        action()
        found.append(time.perf_counter() - began)
    return sorted(found)


def until(condition: Callable[[], Any], within: float = PATIENCE) -> Any:
    """What `condition` says as soon as it holds; its last word where it never does."""
    deadline = time.monotonic() + within
    while True:
        said = None
        with suppress(httpx.TransportError, redis.RedisError, psutil.Error):
            said = condition()
        if said or time.monotonic() > deadline:
            return said
        time.sleep(0.02)


Kind = TypeVar("Kind", bound=Deployed)


@contextmanager
def deployed(
    kind: type[Kind], folder: Path, knobs: Mapping[str, str], planted: Sequence[str] = ()
) -> Iterator[Kind]:
    """A fresh deployment below `folder`, with these knobs and `--fault` texts, gone afterwards."""
    chosen = parse([f"{name}={value}" for name, value in knobs.items()])
    parsed = faults.parse(planted)
    with Supervisor() as supervisor:
        deployment = EmbeddedDeployment(supervisor, folder, "healthy", chosen, faults=parsed)
        try:
            running = kind(deployment.start(), folder, deployment, parsed)
            try:
                yield running
            finally:
                running.close()
        finally:
            deployment.close()


def _http(url: str) -> httpx.Client:
    # Most of what a client costs to make is TLS, which nobody speaks here.
    return httpx.Client(base_url=url, timeout=PATIENCE, trust_env=False, verify=False)


def _json(answer: httpx.Response) -> Any:
    answer.raise_for_status()
    return answer.json()
