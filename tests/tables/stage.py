"""One embedded deployment at a time, and what the rows of the tables ask of its parts."""

from __future__ import annotations

import http.client
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
import psutil
import redis
from numpy.typing import NDArray

from bench.knobs.catalogue import parse
from bench.supervision.supervisor import Supervisor
from bench.targets.base import TargetFacts
from bench.targets.embedded.deployment import EmbeddedDeployment

Answer = tuple[int, dict[str, str], bytes]

_PATIENCE = 60.0


class Http:
    """One keep-alive connection to a part."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_PATIENCE)

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        wanted = {"Content-Type": "application/json"} if content is not None else {}
        self._connection.request(method, path, content, wanted)
        response = self._connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return response.status, headers, response.read()

    def json(self, method: str, path: str, body: Any = None) -> Any:
        """Raises OSError for a status other than 200."""
        status, _, content = self.ask(method, path, body)
        if status != http.client.OK:
            raise OSError(f"{method} {path} answered {status}: {content[:200]!r}")
        return json.loads(content)

    def connect(self) -> None:
        self._connection.connect()

    def close(self) -> None:
        self._connection.close()


class Stage:
    """A deployment that runs, with a connection to each part."""

    def __init__(self, facts: TargetFacts, folder: Path) -> None:
        self.facts = facts
        self.folder = folder
        self.kato = Http(facts.base_url)
        self.qdrant = Http(self._address("qdrant"))
        self.clickhouse = Http(self._address("clickhouse"))
        self.redis = self.another_redis()

    def _address(self, name: str) -> str:
        part = self.facts.part(name)
        assert part is not None
        assert part.address is not None
        return part.address

    def another_kato(self) -> Http:
        return Http(self.facts.base_url)

    def another_redis(self) -> redis.Redis:
        host, _, port = self._address("redis").rpartition(":")
        return redis.Redis(host=host, port=int(port))

    def close(self) -> None:
        for client in (self.kato, self.qdrant, self.clickhouse, self.redis):
            client.close()

    def cpu_seconds(self, name: str) -> float:
        """Of the part's processes since their start."""
        part = self.facts.part(name)
        assert part is not None
        root = psutil.Process(part.pid)
        times = [one.cpu_times() for one in (root, *root.children(recursive=True))]
        return float(sum(one.user + one.system for one in times))

    def resident_bytes(self, name: str) -> float:
        part = self.facts.part(name)
        assert part is not None
        root = psutil.Process(part.pid)
        return float(sum(one.memory_info().rss for one in (root, *root.children(recursive=True))))

    def session(self, node: str = "table", config: Mapping[str, Any] | None = None) -> str:
        body = {"node_id": node, "config": {"process_predictions": False, **(config or {})}}
        return f"/sessions/{self.kato.json('POST', '/sessions', body)['session_id']}"

    def learn(
        self, session: str, patterns: int, seed: int = 1, length: int = 10, *, finalize: bool = True
    ) -> None:
        """Teach so many different patterns of a Zipf vocabulary of 1 000 tokens."""
        random = np.random.default_rng(seed)
        for _ in range(patterns):
            tokens = [f"t{token}" for token in np.minimum(random.zipf(1.3, length), 1000)]
            body = {"observations": [{"strings": [one]} for one in tokens], "learn_at_end": True}
            self.kato.json("POST", f"{session}/observe-sequence", body)
        if finalize:
            self.kato.json("POST", f"{session}/finalize-training")

    def look(self, session: str, seed: int = 5) -> None:
        """Fill the short-term memory with five events that resemble what was taught."""
        self.kato.json("POST", f"{session}/clear-stm")
        random = np.random.default_rng(seed)
        for token in np.minimum(random.zipf(1.3, 5), 1000):
            self.kato.json("POST", f"{session}/observe", {"strings": [f"t{token}"]})

    def collection(self, vectors: NDArray[np.float32], payload: Mapping[str, Any] | None = None) -> str:
        """The collection that KATO makes for a node's first vector, filled with all of them and green."""
        session = self.session(f"vectors{time.monotonic_ns()}")
        body = {"strings": ["first"], "vectors": [vectors[0].tolist()]}
        self.kato.json("POST", f"{session}/observe", body)
        self.kato.json("POST", f"{session}/observe", {"strings": ["second"]})
        self.kato.json("POST", f"{session}/learn")
        names = [one["name"] for one in self.qdrant.json("GET", "/collections")["result"]["collections"]]
        path = f"/collections/{names[-1]}"
        for begin in range(0, len(vectors), 1000):
            points = [
                {"id": begin + row, "vector": vector, "payload": {"kb": f"n{row % 3}"}}
                for row, vector in enumerate(vectors[begin : begin + 1000].tolist())
            ]
            self.qdrant.json("PUT", f"{path}/points?wait=true", {"points": points})
        self.until(lambda: self.qdrant.json("GET", path)["result"]["status"] == "green")
        return path

    def search(self, path: str, query: Sequence[float], **more: Any) -> list[int]:
        body = {"query": query, "limit": 10, **more}
        found = self.qdrant.json("POST", f"{path}/points/query", body)["result"]["points"]
        return [point["id"] for point in found]

    def recall(self, path: str, queries: NDArray[np.float32], **params: Any) -> float:
        """Share of the ten nearest that a search with `params` finds."""
        hits = 0
        for query in queries.tolist():
            exact = set(self.search(path, query, params={"exact": True}))
            hits += len(exact & set(self.search(path, query, params=params)))
        return hits / (10 * len(queries))

    def sql(self, statement: str, data: bytes = b"", **settings: Any) -> Answer:
        parameters = "".join(f"&{name}={quote(str(value))}" for name, value in settings.items())
        return self.clickhouse.ask("POST", f"/?query={quote(statement)}{parameters}", data)

    @staticmethod
    def until(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError("the condition did not come true")
            time.sleep(0.05)


@contextmanager
def deployed(knobs: Mapping[str, str], profile: str = "healthy") -> Iterator[Stage]:
    """A fresh deployment with these knobs, gone afterwards."""
    with Supervisor() as supervisor, tempfile.TemporaryDirectory(prefix="kato-bench-table-") as folder:
        chosen = parse([f"{name}={value}" for name, value in knobs.items()])
        place = Path(folder) / "parts"
        deployment = EmbeddedDeployment(
            supervisor,
            place,
            "shipped" if profile == "shipped" else "healthy",
            {"uvicorn.workers": "1", **chosen},
        )
        try:
            stage = Stage(deployment.start(), place)
            try:
                yield stage
            finally:
                stage.close()
        finally:
            deployment.close()


def seconds_each(action: Callable[[], Any], times: int) -> float:
    """Median time of an action."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        action()
        took.append(time.perf_counter() - began)
    return median(took)


def rate_of(workers: Sequence[Callable[[], Any]], seconds: float) -> float:
    """Actions a second that so many threads do, each its own action again and again."""
    stop = time.monotonic() + seconds
    done = [0] * len(workers)

    def work(number: int) -> None:
        while time.monotonic() < stop:
            workers[number]()
            done[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(workers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / seconds


def vectors(count: int, size: int = 96, seed: int = 3) -> NDArray[np.float32]:
    """Points around 400 centres in 24 dimensions, lifted into `size`: near enough to each other that a thin
    graph loses some."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(400, 24))
    latent = centres[random.integers(0, 400, count)] + 0.7 * random.normal(size=(count, 24))
    lifted = latent @ random.normal(size=(24, size)) + 0.5 * random.normal(size=(count, size))
    return lifted.astype(np.float32)
