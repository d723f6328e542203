"""`--target compose:FILE`: a running KATO known by its Compose file, with an engine that tells of
containers."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import bench

from .conftest import run

sys.path.append(str(Path(__file__).parents[1] / "collectors"))

from engine_server import EngineServer, engine_server, inspected

pytestmark = pytest.mark.timeout(400)

FILE = """\
name: kato
services:
  kato:
    image: kato:latest
    ports: ["127.0.0.1:{kato}:8000"]
    environment:
      KATO_WORKERS: ${{KATO_WORKERS:-1}}
      KATO_LIMIT_CONCURRENCY: 40
      REDIS_URL: redis://redis:6379
      QDRANT_HOST: qdrant
      CLICKHOUSE_HOST: clickhouse
      CLICKHOUSE_PASSWORD: ${{CLICKHOUSE_PASSWORD}}
      QDRANT_API_KEY: planted-in-the-file
  redis:
    image: redis:7-alpine
    command: sh -c "redis-server /etc/redis.conf --requirepass planted-on-the-line"
    volumes: [./redis.conf:/etc/redis.conf]
    ports: ["{redis}:6379"]
  qdrant:
    image: qdrant/qdrant
    ports: ["{qdrant}:6333"]
  clickhouse:
    image: clickhouse/clickhouse-server
    ports: ["{clickhouse}:8123"]
"""


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[EngineServer]:
    with engine_server() as server:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{server.path}")
        yield server


def ports(deployment: dict[str, Any]) -> dict[str, int]:
    """Where `kato-bench up` has put its parts."""
    return {
        part["name"]: int(part["address"].rpartition(":")[2])
        if part["name"] == "redis"
        else int(urlsplit(part["address"]).port or 0)
        for part in deployment["parts"]
    }


def compose_file(folder: Path, deployment: dict[str, Any]) -> Path:
    (folder / ".env").write_text("CLICKHOUSE_PASSWORD=planted-in-dot-env\n")
    (folder / "redis.conf").write_text("maxmemory 64mb\nmaxmemory-policy allkeys-lru\n")
    (folder / "docker-compose.yml").write_text(FILE.format(**ports(deployment)))
    return folder / "docker-compose.yml"


def containers(engine: EngineServer, deployment: dict[str, Any]) -> None:
    """One a service, as if the parts of `kato-bench up` ran in them."""
    at = ports(deployment)
    environment = [
        "KATO_WORKERS=1",
        "QDRANT_API_KEY=planted-in-the-container",
        "REDIS_URL=redis://redis:6379",
    ]
    command = ["sh", "-c", "exec uvicorn kato.services.kato_fastapi:app --workers ${KATO_WORKERS:-4}"]
    engine.add(inspected("kato", image="kato", env=environment, cmd=command, ports={"8000/tcp": at["kato"]}))
    engine.add(
        inspected(
            "redis", image="redis", cmd=["redis-server", "/etc/redis.conf"], ports={"6379/tcp": at["redis"]}
        )
    )
    engine.add(inspected("qdrant", image="qdrant/qdrant", ports={"6333/tcp": at["qdrant"]}))
    engine.add(inspected("clickhouse", image="sha256:00", ports={"8123/tcp": at["clickhouse"]}))


def once(condition: Callable[[], bool], act: Callable[[], None]) -> threading.Thread:
    """Do something in the background as soon as it is time."""

    def wait() -> None:
        deadline = time.monotonic() + 300
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.02)
        act()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def stats_asked(engine: EngineServer) -> int:
    return sum("/stats" in path for path in engine.asked)


def test_a_run_with_an_engine_that_goes_away(
    deployment: dict[str, Any], engine: EngineServer, tmp_path: Path
) -> None:
    file = compose_file(tmp_path, deployment)
    containers(engine, deployment)
    killed = once(lambda: stats_asked(engine) >= 12, lambda: engine.restart("redis", oom=True))
    gone = once(lambda: stats_asked(engine) >= 20, engine.stop)
    out = tmp_path / "runs"
    done = run(
        *("run", "--target", f"compose:{file}", "--json", "--out", str(out), "--duration", "9"),
        *("--warmup", "0", "--rate", "10", "--data", "patterns=10", "--data", "sessions=8"),
        timeout=300,
    )
    assert done.returncode in (0, 5), done.stderr
    killed.join(1)
    gone.join(1)
    assert not gone.is_alive(), f"asked {stats_asked(engine)} times"
    (folder,) = out.iterdir()
    record = bench.load(folder)
    manifest = json.loads((folder / "run.json").read_text())
    target = manifest["target"]
    assert (target["kind"], target["base_url"]) == ("compose", deployment["base_url"])
    assert target["workers"] == 1
    assert manifest["plan"]["target"]["compose"]["files"] == [str(file)]
    running = {one["name"] for one in target["containers"] if len(one["instances"]) == 1}
    assert running == {"kato", "redis", "qdrant", "clickhouse"}
    assert target["notes"] == []
    # What the file wants and what the server has are told apart.
    assert target["knobs"]["redis.maxmemory-policy"] == "noeviction"
    assert target["set_by"]["redis.maxmemory-policy"] == "runtime"
    assert target["set_by"]["uvicorn.workers"] == "environment"

    metrics = record.metrics
    seen = metrics[metrics["source"] == "docker"]
    assert set(seen["instance"]) == {"kato", "redis", "qdrant", "clickhouse"}
    assert seen[(seen["instance"] == "redis") & (seen["metric"] == "oom_kills_total")]["value"].max() == 1.0
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    told = [one["kind"] for one in events if one.get("source") == "docker"]
    assert told == ["oom_killed", "restarted", "collector_failed"]
    # Of the other sources nothing is lost, and the load saw nothing of it.
    last = metrics[metrics["source"] == "host"]["t"].max()
    assert last > seen["t"].max() + 1
    assert manifest["totals"]["errors"] == 0
    for path in folder.rglob("*"):
        assert path.is_dir() or b"planted" not in path.read_bytes(), path
    assert "planted" not in done.stdout + done.stderr
    assert all("planted" not in path for path in engine.asked)


def test_a_run_without_an_engine(
    deployment: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    file = compose_file(tmp_path, deployment)
    done = run(
        *("run", "--target", f"compose:{file}#kato", "--json", "--out", str(tmp_path / "runs")),
        *("--duration", "2", "--warmup", "0", "--data", "patterns=10", "--data", "sessions=8"),
        timeout=300,
    )
    assert done.returncode in (0, 5), done.stderr
    said = [line for line in done.stderr.splitlines() if "running containers" in line]
    assert len(said) == 1
    assert "there is no such socket" in said[0]


def test_an_inspection(deployment: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    file = compose_file(tmp_path, deployment)
    limited = "    image: redis:7-alpine\n    mem_limit: 64m\n"
    file.write_text(file.read_text().replace("    image: redis:7-alpine\n", limited))
    done = run("inspect", f"compose:{file}", "--json", "--patience", "60")
    assert done.returncode in (0, 3), done.stderr
    said = json.loads(done.stdout)
    (limit,) = [one for one in said["knobs"] if one["name"] == "container.redis.memory"]
    assert (limit["live"], limit["set_by"]) == (64 << 20, "manifest")
    assert "redis.container-limit" in [one["id"] for one in said["findings"]]
    assert any("there is no such socket" in one["why"] for one in said["unknown"])
    assert "planted" not in done.stdout


def test_a_plan_is_previewed(deployment: dict[str, Any], tmp_path: Path) -> None:
    file = compose_file(tmp_path, deployment)
    done = run("plan", "--target", f"compose:{file}", "--toml")
    assert done.returncode == 0, done.stderr
    assert f'compose = ["{file}"]' in done.stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("services:\n  kato:\n    image: ${TAG:?set it in .env}\n", "line 3: TAG is required but not set"),
        ("services: {web: {image: nginx}}\n", "is known to be KATO: name it"),
    ],
)
def test_a_file_that_is_refused(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "compose.yml"
    file.write_text(text)
    done = run("run", "--target", f"compose:{file}", "--out", str(tmp_path / "runs"))
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()
