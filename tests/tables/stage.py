"""One deployment at a time, with what the rows of the tables teach it and ask of it."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.deployed import Deployed, deployed, until


class Stage(Deployed):
    """Patterns are made of a Zipf vocabulary of 1 000 tokens, vectors lie around centres."""

    def learn(
        self, session: str, patterns: int, seed: int = 1, length: int = 10, *, finalize: bool = True
    ) -> None:
        """Teach so many different patterns."""
        random = np.random.default_rng(seed)
        self.teach(session, (_tokens(random, length) for _ in range(patterns)))
        if finalize:
            self.kato.post(f"{session}/finalize-training").raise_for_status()

    def look(self, session: str, seed: int = 5) -> None:
        """Fill the short-term memory with five events that resemble what was taught."""
        self.kato.post(f"{session}/clear-stm").raise_for_status()
        for (token,) in _tokens(np.random.default_rng(seed), 5):
            self.observe(session, token).raise_for_status()

    def collection(self, vectors: NDArray[np.float32]) -> str:
        """The path of the collection that KATO makes for a node's first vector, with all of them in it and
        green."""
        node = f"vectors{time.monotonic_ns()}"
        session = self.session(node)
        self.observe(session, "first", vectors=[vectors[0].tolist()]).raise_for_status()
        self.observe(session, "second").raise_for_status()
        self.kato.post(f"{session}/learn").raise_for_status()
        path = f"/collections/vectors_{node}_kato"
        for begin in range(0, len(vectors), 1000):
            points = [
                {"id": begin + row, "vector": vector, "payload": {"kb": f"n{row % 3}"}}
                for row, vector in enumerate(vectors[begin : begin + 1000].tolist())
            ]
            self.qdrant.put(f"{path}/points?wait=true", json={"points": points}).raise_for_status()
        assert until(lambda: self.collection_info(path)["status"] == "green"), "no index after a minute"
        return path

    def collection_info(self, path: str) -> dict[str, Any]:
        info: dict[str, Any] = self.qdrant.get(path).raise_for_status().json()["result"]
        return info

    def search(self, path: str, query: Sequence[float], **more: Any) -> list[int]:
        answer = self.qdrant.post(f"{path}/points/query", json={"query": query, "limit": 10, **more})
        return [point["id"] for point in answer.raise_for_status().json()["result"]["points"]]

    def recall(self, path: str, queries: NDArray[np.float32], **params: Any) -> float:
        """Share of the ten nearest that a search with `params` finds."""
        hits = 0
        for query in queries.tolist():
            exact = set(self.search(path, query, params={"exact": True}))
            hits += len(exact & set(self.search(path, query, params=params)))
        return hits / (10 * len(queries))


@contextmanager
def staged(knobs: Mapping[str, str]) -> Iterator[Stage]:
    """A fresh deployment of one worker, unless these knobs say otherwise."""
    with (
        tempfile.TemporaryDirectory(prefix="kato-bench-table-") as folder,
        deployed(Stage, Path(folder) / "parts", {"uvicorn.workers": "1", **knobs}) as stage,
    ):
        yield stage


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


def _tokens(random: np.random.Generator, length: int) -> list[list[str]]:
    """So many events of one token each."""
    return [[f"t{token}"] for token in np.minimum(random.zipf(1.3, length), 1000)]
