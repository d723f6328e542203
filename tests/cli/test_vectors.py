"""The scenario `vectors` as a user runs it: bulk into Qdrant, traffic through KATO, recall at the end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.record.folder import list_runs
from bench.record.reader import RunRecord
from bench.record.recall import as_kato_asks, missing, recall_of

from .conftest import Start, environment, run

pytestmark = pytest.mark.timeout(120)

ROOT = Path(__file__).parents[2]
SMALL = [
    *("run", "-s", "vectors", "--duration", "2", "--warmup", "0"),
    *("--data", "sessions=4", "--data", "patterns=10"),
]


def qdrant_of(deployment: dict[str, Any]) -> str:
    address: str = next(part["address"] for part in deployment["parts"] if part["name"] == "qdrant")
    return address


def collections(url: str) -> list[str]:
    answer = httpx.get(f"{url}/collections", trust_env=False).json()
    return [one["name"] for one in answer["result"]["collections"]]


def test_recall_is_probed_and_judged(tmp_path: Path) -> None:
    done = run(
        *(*SMALL, "--out", str(tmp_path), "--data", "vectors=3000", "--data", "dimension=32"),
        *("--set", "qdrant.hnsw.m=4", "--set", "qdrant.hnsw.ef_construct=8"),
        *("--objective", "recall@10 >= 0.98", "--objective", "recall@3 >= 0.5"),
    )
    assert done.returncode == 0, done.stderr
    (folder,) = list_runs(tmp_path)
    record = RunRecord(folder)
    probes = recall_of(record)
    assert missing(record) == ()
    # 3 000 vectors of 32 components stay below every threshold, so that all of them are compared.
    assert [(probe.k, probe.ef, probe.indexed) for probe in probes] == [(10, None, 0), (3, None, 0)]
    worst = as_kato_asks(probes, 10)
    assert worst is not None
    assert (worst.dimension, worst.recall.n, worst.recall.value) == (32, 300, 1.0)
    # The lessons' vectors, and those that the traffic made KATO learn, came on top.
    assert worst.points > 3000 + 40
    manifest = record.manifest
    assert manifest.live_knobs["qdrant.hnsw.m"] == 4
    assert manifest.live_knobs["qdrant.hnsw.ef_construct"] == 8
    assert manifest.live_knobs["qdrant.optimizers.indexing_threshold"] == 10_000
    judged = [(verdict.measured, verdict.n) for verdict in manifest.objectives]
    assert judged == [(1.0, 300), (1.0, 300)]
    assert manifest.phase("cooldown") is not None
    assert {"observe", "predict", "clear"} <= set(record.operations())
    assert record.count().errors == 0


def test_a_running_kato_gets_vectors_like_its_own(deployment: dict[str, Any], tmp_path: Path) -> None:
    qdrant = qdrant_of(deployment)
    before = set(collections(qdrant))
    done = run(
        *(*SMALL, "--out", str(tmp_path), "--data", "vectors=500", "--data", "dimension=8"),
        *("--data", "nodes=2", "--target", deployment["base_url"], "--qdrant-url", qdrant, "--keep-data"),
    )
    assert done.returncode in (0, 5), done.stderr
    (folder,) = list_runs(tmp_path)
    record = RunRecord(folder)
    made = set(collections(qdrant)) - before
    assert {probe.collection for probe in recall_of(record)} == made
    assert len(made) == 2
    assert record.manifest.live_knobs["qdrant.hnsw.ef_construct"] == 128
    page = {"limit": 10, "with_vector": True}
    answer = httpx.post(f"{qdrant}/collections/{made.pop()}/points/scroll", json=page, trust_env=False).json()
    for point in answer["result"]["points"]:
        symbol = point["payload"]["vctr_name"]
        assert symbol.startswith("VCTR|")
        assert point["id"] == str(uuid.uuid5(uuid.NAMESPACE_DNS, symbol))
        assert len(point["vector"]) == 8


def test_an_early_end_of_the_bulk_load_leaves_nothing(
    deployment: dict[str, Any], start: Start, tmp_path: Path
) -> None:
    qdrant = qdrant_of(deployment)
    before = set(collections(qdrant))
    process = start(
        *("run", "-s", "vectors", "--target", deployment["base_url"], "--qdrant-url", qdrant),
        *("--out", str(tmp_path), "--data", "vectors=60000", "--data", "patterns=2"),
        *("--data", "dimension=128"),
    )
    deadline = time.monotonic() + 60
    while not set(collections(qdrant)) - before:
        assert time.monotonic() < deadline
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    asked = time.monotonic()
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert time.monotonic() - asked < 20
    assert set(collections(qdrant)) == before


@pytest.mark.parametrize("told", [False, True])
def test_it_is_a_plain_locustfile(deployment: dict[str, Any], tmp_path: Path, told: bool) -> None:
    qdrant = qdrant_of(deployment)
    before = set(collections(qdrant))
    stores = {"KATO_BENCH_STORES": f"qdrant={qdrant}"} if told else {}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "locust", "-f", str(ROOT / "scenarios" / "vectors.py"), "--headless"),
            *("-u", "4", "-r", "4", "-t", "8s", "--host", deployment["base_url"]),
            *("--json-file", str(tmp_path / "stats")),
        ],
        capture_output=True,
        text=True,
        timeout=90,
        env=environment() | {"KATO_BENCH_DATA": "vectors=400 dimension=16", **stores},
    )
    assert done.returncode == 0, done.stderr
    (file,) = tmp_path.glob("stats*")
    entries = {entry["name"]: entry for entry in json.loads(file.read_text())}
    assert {"observe", "predict"} <= entries.keys()
    assert all(entry["num_failures"] == 0 for entry in entries.values())
    said = done.stdout + done.stderr
    assert ("recall: collection vectors_bench_locust" in said) == told
    assert ("nothing is done at qdrant itself" in said) == (not told)
    if told:
        assert set(collections(qdrant)) == before


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--target", "http://127.0.0.1:1"], 2, "--qdrant-url"),
        (["--qdrant-url", "http://127.0.0.1:1"], 6, "http://127.0.0.1:1 cannot be reached"),
        (["--data", "queries=299"], 2, "from 300"),
        (["--data", "dimension=1"], 2, "from 2 to 1024"),
        (["--data", "vectors=50000", "--data", "symbols=1"], 2, "distinct patterns"),
        (["--objective", "recall >= 0.98"], 2, "recall@10"),
        (["--objective", "recall@7 >= 0.5"], 2, "recall@10 and recall@3 are what is probed"),
    ],
)
def test_wrong_flags(arguments: list[str], code: int, words: str, tmp_path: Path) -> None:
    done = run("run", "-s", "vectors", "--out", str(tmp_path), *arguments)
    assert done.returncode == code
    assert words in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
