"""A KATO in Compose files, from the files to the facts of a run."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from compose_bundles import REDIS_CONF, USERS_XML, write
from engine_server import EngineServer, container_id, engine_server, inspected
from test_stores import CLICKHOUSE, QDRANT, redis_like
from test_url import KATO, server

from bench.errors import UnreachableError, UsageError
from bench.plan import ComposePlan, Plan, TargetPlan
from bench.targets.base import TargetFacts
from bench.targets.compose.target import ComposeTarget, require_kato

FILES = """\
services:
  kato:
    image: kato:latest
    ports: ["{kato}:8000"]
    environment:
      KATO_WORKERS: 2
      KATO_LIMIT_CONCURRENCY: 30
      REDIS_URL: redis://:planted-pw@redis:6379
      QDRANT_HOST: qdrant
      CLICKHOUSE_HOST: clickhouse
      CLICKHOUSE_PASSWORD: planted-ch
  redis:
    image: redis:7-alpine
    command: redis-server /etc/redis.conf --requirepass planted-pw --hz 20
    ports: ["{redis}:6379"]
    mem_limit: 1g
    volumes: [./redis.conf:/etc/redis.conf]
  qdrant:
    image: qdrant/qdrant
    ports: ["{qdrant}:6333"]
  clickhouse:
    image: clickhouse/clickhouse-server
    volumes: [./users.xml:/etc/clickhouse-server/users.xml]
    ports: [{clickhouse}]
  dashboard:
    image: ghcr.io/x/kato-dashboard
"""


@pytest.fixture
def nobody() -> dict[str, str]:
    """An environment in which there is no engine."""
    return {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}


@pytest.fixture
def engine() -> Iterator[EngineServer]:
    with engine_server() as running:
        yield running


@pytest.fixture
def kato() -> Iterator[str]:
    with server(KATO) as url:
        yield url


def port(url: str) -> int:
    found = urlsplit(url).port
    assert found is not None
    return found


def unused() -> int:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        return int(bound.getsockname()[1])


def files(folder: Path, kato: str, **ports: object) -> Path:
    """The Compose file of a KATO whose stores are published at these ports."""
    published = {"kato": port(kato), "redis": unused(), "qdrant": unused(), "clickhouse": '"8123"', **ports}
    write(
        folder,
        {"compose.yml": FILES.format(**published), "redis.conf": REDIS_CONF, "users.xml": USERS_XML},
    )
    return folder / "compose.yml"


def test_everything_that_the_files_tell(tmp_path: Path, kato: str, nobody: dict[str, str]) -> None:
    said: list[str] = []
    with server(QDRANT) as qdrant, server(CLICKHOUSE) as click, redis_like(b"+PONG\r\n") as redis:
        path = files(
            tmp_path, kato, redis=port(redis), qdrant=port(qdrant), clickhouse=f'"{port(click)}:8123"'
        )
        target = ComposeTarget([path], environment=nobody, say=said.append)
        facts = target.start()
        target.check()
        target.close()
    assert (facts.kind, facts.base_url, facts.kato_version) == ("compose", kato, "3.10.1")
    assert (facts.workers, facts.limit_concurrency, facts.connections) == (2, 30, 31)
    assert [(part.name, part.address) for part in facts.parts] == [
        ("kato", kato),
        ("redis", f"127.0.0.1:{port(redis)}"),
        ("qdrant", qdrant),
        ("clickhouse", click),
    ]
    assert facts.knobs["redis.maxmemory"] == 8 << 30
    assert facts.knobs["container.redis.memory"] == 1 << 30
    told = {
        name: facts.set_by[name] for name in ("uvicorn.workers", "uvicorn.backlog", "redis.hz", "redis.save")
    }
    assert told == {
        "uvicorn.workers": "environment",
        "uvicorn.backlog": "default",
        "redis.hz": "command line",
        "redis.save": "file",
    }
    assert facts.set_by["clickhouse.max_memory_usage"] == "file"
    assert facts.knobs.keys() == facts.set_by.keys()
    assert {one.name: one.part for one in facts.containers} == {
        **{name: name for name in ("kato", "redis", "qdrant", "clickhouse")},
        "dashboard": None,
    }
    assert facts.notes == tuple(said)
    assert "there is no such socket" in said[0]
    stored = json.loads(json.dumps(facts.to_json()))
    assert TargetFacts.from_json(stored) == facts
    assert "planted" not in json.dumps(stored)


def test_what_does_not_answer_is_unknown_with_the_reason(
    tmp_path: Path, kato: str, nobody: dict[str, str]
) -> None:
    with redis_like(b"-NOAUTH Authentication required.\r\n") as redis, server({}) as other:
        path = files(tmp_path, kato, redis=port(redis), qdrant=port(other))
        facts = ComposeTarget([path], environment=nobody).start()
    notes = {part.name: part.note or "" for part in facts.parts if part.name != "kato"}
    assert "Redis at redis://127.0.0.1" in notes["redis"]
    assert "is not Qdrant" in notes["qdrant"]
    assert notes["clickhouse"] == "the engine chooses where port 8123 of its service clickhouse is published"
    assert [part.address for part in facts.parts] == [kato, None, None, None]


def test_addresses_of_the_users_hold_against_those_of_the_files(
    tmp_path: Path, kato: str, nobody: dict[str, str]
) -> None:
    with server(QDRANT) as qdrant:
        target = ComposeTarget([files(tmp_path, kato)], stores={"qdrant": qdrant}, environment=nobody)
        part = target.start().part("qdrant")
    assert part is not None
    assert part.address == qdrant


def test_a_store_that_a_scenario_needs(tmp_path: Path, kato: str, nobody: dict[str, str]) -> None:
    target = ComposeTarget([files(tmp_path, kato)], needed=("clickhouse",), environment=nobody)
    with pytest.raises(UsageError) as caught:
        target.start()
    assert "reaches for KATO's Clickhouse itself, and the engine chooses" in str(caught.value)
    assert "--clickhouse-url URL" in str(caught.value)


def test_a_kato_that_is_not_published(tmp_path: Path, nobody: dict[str, str]) -> None:
    path = write(tmp_path, {"c.yml": "services: {k: {image: kato}}"}) / "c.yml"
    require_kato([path], None, nobody)
    with pytest.raises(UsageError, match="cannot be reached from here: its service k publishes no port 8000"):
        ComposeTarget([path], environment=nobody).start()


def test_a_kato_that_does_not_answer(tmp_path: Path, nobody: dict[str, str]) -> None:
    at = unused()
    path = write(tmp_path, {"c.yml": f"services: {{k: {{image: kato, ports: ['{at}:8000']}}}}"}) / "c.yml"
    with pytest.raises(UnreachableError, match=f"127.0.0.1:{at} cannot be reached"):
        ComposeTarget([path], environment=nobody).start()


def test_a_running_container_is_believed_before_the_files(
    tmp_path: Path, kato: str, engine: EngineServer
) -> None:
    path = files(tmp_path, kato).rename(tmp_path / "docker-compose.yml")
    path.write_text(path.read_text().replace(f'"{port(kato)}:8000"', '"8000"'))
    name = tmp_path.name.lower()
    environment = [
        "KATO_WORKERS=6",
        "REDIS_URL=redis://:planted-live@redis:6379",
        "QDRANT_HOST=qdrant",
        "CLICKHOUSE_HOST=clickhouse",
        "CLICKHOUSE_PASSWORD=planted-ch",
        "PYTHON_VERSION=3.10",
    ]
    command = [
        "sh",
        "-c",
        "exec uvicorn kato.services.kato_fastapi:app --workers ${KATO_WORKERS:-4} --backlog 64",
    ]
    engine.add(
        inspected("kato", project=name, env=environment, cmd=command, ports={"8000/tcp": port(kato)}, cpus=2)
    )
    engine.add(inspected("redis", project=name, cmd=["redis-server"], memory=2 << 30))
    socket_path = {"DOCKER_HOST": f"unix://{engine.path}"}
    facts = ComposeTarget([path], environment=socket_path).start()
    assert (facts.base_url, facts.workers) == (kato, 6)
    assert facts.set_by["uvicorn.workers"] == "environment"
    assert (facts.knobs["uvicorn.backlog"], facts.set_by["uvicorn.backlog"]) == (64, "default")
    assert facts.knobs["container.redis.memory"] == 2 << 30
    of = {one.name: one for one in facts.containers}
    assert of["kato"].instances == (container_id(f"{name}-kato-1"),)
    assert of["kato"].cpu_limit == 2.0
    assert "KATO_LIMIT_CONCURRENCY, KATO_WORKERS" in str(of["kato"].note)
    assert "PYTHON_VERSION" not in of["kato"].environment
    assert of["qdrant"].note == "it has no container"
    assert facts.notes == ()
    assert "planted" not in json.dumps(facts.to_json())


@pytest.mark.parametrize("mode", ["403", "404", "truncate", "garbage"])
def test_an_engine_that_fails_costs_one_note(
    tmp_path: Path, kato: str, engine: EngineServer, mode: str
) -> None:
    engine.mode = mode
    said: list[str] = []
    environment = {"DOCKER_HOST": f"unix://{engine.path}"}
    facts = ComposeTarget([files(tmp_path, kato)], environment=environment, say=said.append).start()
    assert len(said) == 1
    assert facts.base_url == kato
    assert all(one.instances == () for one in facts.containers)


def test_an_engine_that_hangs_costs_one_note(
    tmp_path: Path, kato: str, engine: EngineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.targets.compose.target._SURVEY", 0.3)
    engine.mode = "hang"
    environment = {"DOCKER_HOST": f"unix://{engine.path}"}
    facts = ComposeTarget([files(tmp_path, kato)], environment=environment).start()
    assert facts.notes == ("nothing is known of running containers: no engine told of them within 0.3 s",)


def test_variables_that_nobody_set_are_told_where_nothing_runs(
    tmp_path: Path, kato: str, nobody: dict[str, str]
) -> None:
    path = files(tmp_path, kato)
    path.write_text(path.read_text().replace("image: qdrant/qdrant", "image: qdrant/qdrant:$TAG"))
    facts = ComposeTarget([path], environment=nobody).start()
    assert facts.notes[1].startswith("TAG: not set here")


def test_the_plan_says_what_the_target_is() -> None:
    compose = ComposePlan(files=("/a.yml", "/b.yml"), service="kato-2")
    plan = TargetPlan(kind="compose", compose=compose)
    assert plan.where == "compose:/a.yml,/b.yml#kato-2"
    assert TargetPlan().where is None
    assert TargetPlan(kind="url", url="http://x").where == "http://x"
    assert Plan.model_fields["target"].default.where is None
