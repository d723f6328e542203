"""The process: its arguments, its start and its end."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from qdrant_client import models
from vectors_front import MODULE, Front, free_port


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", MODULE, *arguments], capture_output=True, text=True, timeout=20
    )


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "--port"),
        (["--port", "0", "--data", "{tmp}"], "0 is no port"),
        (["--port", "x", "--data", "{tmp}"], "--port"),
        (["--port", "{free}", "--data", "{file}"], "as data folder"),
        (["--port", "{free}", "--data", "{tmp}", "--log-level", "loud"], "loud"),
        (["--port", "{free}", "--data", "{tmp}", "--host", "256.1.1.1"], "256.1.1.1"),
        (["--port", "{free}", "--data", "{tmp}", "--set", "hnsw_config.m"], "such as hnsw_config.m=8"),
        (["--port", "{free}", "--data", "{tmp}", "--set", "hnsw_config.m=-1"], "--set: "),
    ],
)
def test_a_wrong_argument_is_one_sentence_and_exit_code_2(
    tmp_path: Path, arguments: list[str], named: str
) -> None:
    (tmp_path / "file").write_text("")
    values = {"tmp": str(tmp_path), "file": str(tmp_path / "file"), "free": str(free_port())}
    result = run(*(argument.format(**values) for argument in arguments))
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert named in result.stderr


def test_a_taken_port_and_a_taken_folder_are_named(front: Front, tmp_path: Path) -> None:
    taken = run("--port", str(front.port), "--data", str(tmp_path))
    assert (taken.returncode, str(front.port) in taken.stderr) == (2, True)
    shared = run("--port", str(free_port()), "--data", str(front.data))
    assert (shared.returncode, "another process" in shared.stderr) == (2, True)


def test_sigterm_writes_everything_and_the_next_start_finds_it(own_front: Front) -> None:
    front = own_front
    for name in ("vectors_a", "vectors_b"):
        front.client.create_collection(
            name,
            models.VectorParams(size=2, distance=models.Distance.COSINE),
            hnsw_config=models.HnswConfigDiff(m=7),
        )
        front.client.upsert(name, [models.PointStruct(id=1, vector=[0, 1], payload={"of": name})])
    started = time.monotonic()
    _, errors = front.stop()
    assert time.monotonic() - started < 5
    assert errors == ""
    front.start()
    assert {c.name for c in front.client.get_collections().collections} == {"vectors_a", "vectors_b"}
    assert front.info("vectors_b")["config"]["hnsw_config"]["m"] == 7
    assert front.client.retrieve("vectors_b", [1])[0].payload == {"of": "vectors_b"}


def test_a_folder_that_cannot_be_loaded_is_one_sentence(tmp_path: Path) -> None:
    home = tmp_path / "collections" / "vectors_broken"
    home.mkdir(parents=True)
    (home / "collection.json").write_text("{}")
    result = run("--port", str(free_port()), "--data", str(tmp_path))
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "vectors_broken" in result.stderr


def test_what_a_crash_left_unfinished_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "collections" / "vectors_half" / "shard-0").mkdir(parents=True)
    front = Front(tmp_path).start()
    try:
        assert front.client.get_collections().collections == []
        assert not (tmp_path / "collections" / "vectors_half").exists()
    finally:
        front.close()


def test_kill_9_loses_nothing_that_was_acknowledged(own_front: Front) -> None:
    front = own_front
    front.client.create_collection("vectors_k", models.VectorParams(size=2, distance=models.Distance.DOT))
    front.client.upsert("vectors_k", models.Batch(ids=list(range(300)), vectors=[[1, 2]] * 300))
    front.kill()
    front.start()
    assert front.client.count("vectors_k").count == 300


def test_kill_9_after_a_refused_change_leaves_a_whole_collection(own_front: Front) -> None:
    front = own_front
    front.client.create_collection("vectors_r", models.VectorParams(size=2, distance=models.Distance.DOT))
    front.client.upsert("vectors_r", models.Batch(ids=[1, 2], vectors=[[1, 2]] * 2))
    body = {"payload": {"a": 1}, "points": [1, 99]}
    assert front.http.post("/collections/vectors_r/points/payload", json=body).status_code == 404
    front.client.set_payload("vectors_r", {"b": 1}, [2])
    front.kill()
    front.start()
    assert front.client.retrieve("vectors_r", [2])[0].payload == {"b": 1}


def test_aliases_outlive_the_process(own_front: Front) -> None:
    front = own_front
    front.client.create_collection("vectors_a", models.VectorParams(size=2, distance=models.Distance.DOT))
    alias = models.CreateAlias(collection_name="vectors_a", alias_name="latest")
    front.client.update_collection_aliases([models.CreateAliasOperation(create_alias=alias)])
    front.kill()
    front.start()
    assert front.client.count("latest").count == 0


def test_it_serves_within_seconds(own_front: Front) -> None:
    own_front.stop()
    started = time.monotonic()
    own_front.start()
    assert time.monotonic() - started < 5


def test_what_is_imposed_holds_whatever_a_creator_says(tmp_path: Path) -> None:
    settings = ("--set", "hnsw_config.m=4", "--set", "optimizers_config.indexing_threshold=0")
    front = Front(tmp_path / "data", *settings).start()
    try:
        front.client.create_collection(
            "vectors_a",
            models.VectorParams(size=2, distance=models.Distance.EUCLID),
            hnsw_config=models.HnswConfigDiff(m=16, ef_construct=128),
            optimizers_config=models.OptimizersConfigDiff(indexing_threshold=10_000, flush_interval_sec=7),
        )
        config = front.info("vectors_a")["config"]
        assert (config["hnsw_config"]["m"], config["hnsw_config"]["ef_construct"]) == (4, 128)
        optimizers = config["optimizer_config"]
        assert (optimizers["indexing_threshold"], optimizers["flush_interval_sec"]) == (0, 7)
        # An operator's change comes later, and counts.
        front.client.update_collection("vectors_a", hnsw_config=models.HnswConfigDiff(m=8))
        assert front.info("vectors_a")["config"]["hnsw_config"]["m"] == 8
    finally:
        front.close()
