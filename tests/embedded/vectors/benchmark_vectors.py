"""How many searches a second the vector front answers: `python tests/embedded/vectors/benchmark_vectors.py`.

The server is bound to one core and wrk with eight connections to another. Searches go through HNSW, each
for another vector; the collection is made as KATO makes it. Needs wrk and taskset."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from qdrant_client import models
from vectors_front import Front, clustered

_NAME = "vectors_benchmark"
_QUERIES = 1000
_CONNECTIONS = 8

_SCRIPT = """
local requests, last = {}, 0
init = function()
  for body in io.lines("%s") do
    requests[#requests + 1] = wrk.format("POST", nil, {["Content-Type"] = "application/json"}, body)
  end
end
request = function()
  last = last %% #requests + 1
  return requests[last]
end
"""

#: What is measured: a name, and the fields of the search beside its vector.
SEARCHES: dict[str, dict[str, Any]] = {
    "hnsw_ef 64, limit 10": {"limit": 10, "params": {"hnsw_ef": 64}},
    "KATO's own (no params: ef 128; limit 3, with payload)": {"limit": 3, "with_payload": True},
}


@dataclass(frozen=True)
class Figures:
    """Searches a second, response times in ms, and the server's CPU time for one search in ms.

    The last one says what a core can do where others use it, too."""

    rate: float
    p50: float
    p99: float
    cpu: float

    def __str__(self) -> str:
        return (
            f"{self.rate:.0f} searches/s, p50 {self.p50:.2f} ms, p99 {self.p99:.2f} ms, "
            f"{self.cpu:.3f} ms of CPU each"
        )


def fill(front: Front, points: int, dimension: int) -> None:
    """A collection as KATO makes it, with its index built."""
    front.client.create_collection(
        _NAME,
        models.VectorParams(size=dimension, distance=models.Distance.EUCLID),
        hnsw_config=models.HnswConfigDiff(m=16, ef_construct=128, full_scan_threshold=10000),
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=0),
    )
    rows = clustered(points, dimension)
    for start in range(0, points, 500):
        part = rows[start : start + 500]
        ids = list(range(start, start + len(part)))
        payloads = [{"vctr_name": f"VCTR|{i:040x}"} for i in ids]
        front.client.upsert(_NAME, models.Batch(ids=ids, vectors=part.tolist(), payloads=payloads))
    # Only now, so that one build takes them all.
    threshold = models.OptimizersConfigDiff(indexing_threshold=10000)
    front.client.update_collection(_NAME, optimizers_config=threshold)
    info = front.wait_status(_NAME, "green", seconds=300)
    if info["indexed_vectors_count"] < points:
        raise SystemExit(f"only {info['indexed_vectors_count']} of {points} vectors are indexed; give more")


def measure(front: Front, folder: Path, dimension: int, search: dict[str, Any], seconds: int) -> Figures:
    queries = clustered(_QUERIES, dimension, seed=1)
    bodies, script = folder / "bodies", folder / "script.lua"
    bodies.write_text("".join(f"{json.dumps({'query': query.tolist()} | search)}\n" for query in queries))
    script.write_text(_SCRIPT % bodies)
    argv = ["taskset", "-c", "1", "wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s", "--latency"]
    argv += ["-s", str(script), f"{front.url}/collections/{_NAME}/points/query"]
    assert front.process is not None
    server = psutil.Process(front.process.pid)
    before = sum(server.cpu_times()[:2])
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    spent = sum(server.cpu_times()[:2]) - before
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(f"not every search was answered well:\n{said}")
    rate = float(_found(r"Requests/sec:\s+([\d.]+)", said)[1])
    searches = int(_found(r"(\d+) requests in", said)[1])
    return Figures(rate, _milliseconds("50", said), _milliseconds("99", said), 1000 * spent / searches)


def _found(pattern: str, text: str) -> re.Match[str]:
    match = re.search(pattern, text)
    if match is None:
        raise SystemExit(f"wrk did not say {pattern}:\n{text}")
    return match


def _milliseconds(percentile: str, said: str) -> float:
    match = _found(rf"\s{percentile}%\s+([\d.]+)(us|ms|s)\b", said)
    return float(match[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[match[2]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--seconds", type=int, default=10, help="for each of the searches")
    options = parser.parse_args()
    for tool in ("wrk", "taskset"):
        if shutil.which(tool) is None:
            sys.exit(f"benchmark: {tool} is not installed; install it")
    with tempfile.TemporaryDirectory() as folder:
        front = Front(Path(folder) / "data").start()
        try:
            fill(front, options.points, options.dimension)
            assert front.process is not None
            bind = ["taskset", "-a", "-c", "-p", "0", str(front.process.pid)]
            subprocess.run(bind, check=True, stdout=subprocess.DEVNULL)
            print(f"{options.points} x {options.dimension}, {_CONNECTIONS} connections")
            for name, search in SEARCHES.items():
                figures = measure(front, Path(folder), options.dimension, search, options.seconds)
                print(f"{name}: {figures}")
        finally:
            front.close()


if __name__ == "__main__":
    main()
