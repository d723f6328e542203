"""A deployment with things wrong on purpose, as operators have them: real stores, and a KATO of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import redis

from bench.targets.embedded.ports import free_ports

COMMAND = [sys.executable, "-m", "bench.cli"]
PASSWORD = "pa55-of-the-test"
#: What a KATO is told that somebody has set up after wrong documents.
WRONG_ENVIRONMENT = {
    "CONNECTION_POOL_SIZE": "80",
    "KATO_BATCH_SIZE": "10000",
    "INDEXER_TYPE": "LSH",
    "UVICORN_WORKERS": "9",
    "QDRANT_API_KEY": PASSWORD,
    "KATO_BENCH_FAULT_LOST_UPDATES": "on",
    "KATO_BENCH_FAULT_DEADLOCK": "on",
}
_PATIENCE = 60.0


@dataclass(frozen=True)
class Deployment:
    """`stores`: address by name. `folder` is the KATO's own."""

    stores: dict[str, str]
    facts: dict[str, Any]
    folder: Path

    @property
    def redis(self) -> redis.Redis:
        host, port = self.stores["redis"].rsplit(":", 1)
        return redis.Redis(host=host, port=int(port), decode_responses=True)

    def arguments(self, url: str) -> list[str]:
        """Of `kato-bench inspect`."""
        return [
            *("inspect", url, "--redis-url", f"redis://{self.stores['redis']}"),
            *("--qdrant-url", self.stores["qdrant"], "--clickhouse-url", self.stores["clickhouse"]),
        ]


def inspect(*arguments: str, timeout: float = 110) -> subprocess.CompletedProcess[str]:
    """The real command; it gets more patience than an operator, as tests share their machine with others."""
    return subprocess.run(
        [*COMMAND, *arguments, "--patience", "30"], capture_output=True, text=True, timeout=timeout
    )


@contextmanager
def deployment(folder: Path, *flags: str) -> Iterator[Deployment]:
    """`kato-bench up` with these flags."""
    process = subprocess.Popen(
        [*COMMAND, "up", "--json", *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        facts = json.loads(line)
        yield Deployment({part["name"]: part["address"] for part in facts["parts"]}, facts, folder)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


@contextmanager
def wrong_kato(there: Deployment, workers: int = 2) -> Iterator[tuple[str, psutil.Process]]:
    """(URL, process) of one more KATO API on the stores of a deployment, in a wrong environment. Redis gets a
    user with a password for it."""
    there.redis.acl_setuser("kato", enabled=True, passwords=[f"+{PASSWORD}"], keys="*", commands=["+@all"])
    (pid,) = [part["pid"] for part in there.facts["parts"] if part["name"] == "kato"]
    right = psutil.Process(pid).environ()
    url = f"redis://kato:{PASSWORD}@{there.stores['redis']}/0"
    (port,) = free_ports(1)
    command = [
        *(
            sys.executable,
            "-P",
            "-m",
            "uvicorn",
            "bench.targets.embedded.kato.app:app",
            "--host",
            "127.0.0.1",
        ),
        *("--port", str(port), "--workers", str(workers), "--limit-concurrency", "100", "--no-access-log"),
    ]
    log = there.folder / "kato.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**right, **WRONG_ENVIRONMENT, "REDIS_URL": url},
            cwd=there.folder,
            stdout=output,
            stderr=output,
        )
    try:
        _wait(process, log, f"http://127.0.0.1:{port}", workers)
        yield f"http://127.0.0.1:{port}", psutil.Process(process.pid)
    finally:
        for child in psutil.Process(process.pid).children():
            child.kill()
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], log: Path, url: str, workers: int) -> None:
    """Until every worker has started: one may answer all the requests."""
    deadline = time.monotonic() + _PATIENCE
    while log.read_text("utf-8", "replace").count("Application startup complete") < workers:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
    assert httpx.get(f"{url}/health", timeout=_PATIENCE, trust_env=False).is_success


def stop_a_worker_for_ever(url: str) -> None:
    """Pairs of observations of one node with predictions on, until a pair stays without an answer: KATO's own
    deadlock."""
    with httpx.Client(base_url=url, timeout=_PATIENCE, trust_env=False) as client:
        sessions = [
            client.post(
                "/sessions", json={"node_id": "stuck", "config": {"process_predictions": True}}
            ).json()["session_id"]
            for _ in range(2)
        ]
        for session in sessions[:1]:
            for number in range(20):
                events = [{"strings": ["common", f"w{number}"]}, {"strings": [f"x{number}"]}]
                body = {"observations": events, "learn_at_end": True}
                client.post(f"/sessions/{session}/observe-sequence", json=body).raise_for_status()
    body = {"strings": ["common", "w1", "w2"]}

    def observe(session: str) -> bool:
        try:
            httpx.post(f"{url}/sessions/{session}/observe", json=body, timeout=4.0, trust_env=False)
        except httpx.TimeoutException:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        for _ in range(30):
            if not all(pool.map(observe, sessions)):
                return
    raise AssertionError("no worker stopped")


def add_vectors(there: Deployment, number: int = 200, dimension: int = 16, m: int = 64) -> None:
    """A small collection of KATO's whose graph somebody has tuned."""
    collection = f"{there.stores['qdrant']}/collections/vectors_tuned_kato"
    settings = {
        "vectors": {"size": dimension, "distance": "Euclid"},
        "hnsw_config": {"m": 16, "ef_construct": 128, "full_scan_threshold": 10_000},
        "optimizers_config": {"indexing_threshold": 10_000, "default_segment_number": 4},
    }
    points = [
        {"id": at, "vector": [(at * 31 + axis * 7) % 101 / 101 for axis in range(dimension)], "payload": {}}
        for at in range(1, number + 1)
    ]
    with httpx.Client(timeout=_PATIENCE, trust_env=False) as client:
        client.put(collection, json=settings).raise_for_status()
        client.put(f"{collection}/points?wait=true", json={"points": points}).raise_for_status()
        client.patch(collection, json={"hnsw_config": {"m": m}}).raise_for_status()
