"""`kato-bench inspect` on real deployments: what is wrong is named, with the knob, and nothing else is."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
from checkouts import make
from planted import (
    PASSWORD,
    Deployment,
    add_vectors,
    deployment,
    inspect,
    stop_a_worker_for_ever,
    wrong_kato,
)

from bench.inspection.inspect import inspect as review
from bench.targets.base import ContainerFacts
from bench.targets.url import UrlTarget

pytestmark = pytest.mark.timeout(240)

#: On a smaller machine maxmemory of 8 GiB, as KATO ships it, is one more thing that is wrong.
_FITS = ["--set", "redis.maxmemory=256mb"] if psutil.virtual_memory().total < 10 << 30 else []


def found(output: dict[str, Any]) -> dict[str, set[str]]:
    """Finding -> its knobs. Those that only tell of a busy machine are left out: that of the tests is."""
    return {
        finding["id"]: set(finding["knobs"])
        for finding in output["findings"]
        if finding["severity"] != "info"
    }


class TestAGoodConfiguration:
    def test_nothing_is_objected_to(self) -> None:
        done = inspect("inspect", "embedded", "--json", *_FITS)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert found(told) == {}
        assert [knob["name"] for knob in told["knobs"] if knob["flags"]] == []
        assert told["unknown"] == []
        assert {part["reachable"] for part in told["parts"]} == {True}
        assert (told["workers"]["expected"], told["workers"]["answering"]) == (
            told["workers"]["expected"],
        ) * 2
        knobs = {knob["name"]: knob for knob in told["knobs"]}
        assert knobs["redis.maxmemory-policy"]["live"] == "noeviction"
        assert knobs["redis.maxmemory-policy"]["set_by"] == "file"
        assert knobs["uvicorn.limit_concurrency"]["set_by"] == "command line"
        assert (
            knobs["kato.SESSION_TTL"] | {"default": 3600, "live": 3600, "set_by": "default"}
            == knobs["kato.SESSION_TTL"]
        )
        assert knobs["clickhouse.max_memory_usage"]["live"] == 10_000_000_000
        print(f"inspected in {told['seconds']} s")
        assert told["seconds"] < 30


@pytest.fixture(scope="module")
def by_flags() -> dict[str, Any]:
    done = inspect(
        *("inspect", "embedded", "--json", "--workers", "2"),
        *("--fault", "lost-updates", "--fault", "deadlock"),
        *("--set", "redis.maxmemory-policy=allkeys-lru", "--set", "redis.appendonly=no"),
        *(
            "--set",
            "redis.maxclients=150",
            "--set",
            f"redis.maxmemory={psutil.virtual_memory().total >> 29}gb",
        ),
        *("--set", "uvicorn.limit_concurrency=100"),
    )
    assert done.returncode == 3, done.stderr
    read: dict[str, Any] = json.loads(done.stdout)
    return read


class TestByFlags:
    @pytest.mark.parametrize(
        ("finding", "knob"),
        [
            ("redis.may-evict-patterns", "redis.maxmemory-policy"),
            ("redis.not-persistent", "redis.appendonly"),
            ("redis.maxclients", "redis.maxclients"),
            ("redis.maxmemory-beyond-memory", "redis.maxmemory"),
            ("kato.limit-above-session-pool", "uvicorn.limit_concurrency"),
            ("kato.locks-per-process", "uvicorn.workers"),
            ("kato.predicts-at-observe", "kato.PROCESS_PREDICTIONS"),
        ],
    )
    def test_each_is_named_with_its_knob(self, by_flags: dict[str, Any], finding: str, knob: str) -> None:
        assert knob in found(by_flags)[finding]

    def test_nothing_else_is(self, by_flags: dict[str, Any]) -> None:
        others = {"workers.more-than-cores"} if (psutil.cpu_count() or 1) < 2 else set()
        assert len(found(by_flags)) == 7 + len(others & found(by_flags).keys())


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    flags = ["--set", "redis.maxmemory-policy=allkeys-lru", "--set", "redis.appendonly=no"]
    with deployment(tmp_path_factory.mktemp("kato"), *flags, "--set", "redis.maxmemory=256mb") as running:
        add_vectors(running)
        with running.redis as server:
            server.config_set("maxclients", 200)
            server.config_set("appendfsync", "always")
        yield running


@pytest.fixture(scope="module")
def wrong(there: Deployment) -> Iterator[str]:
    with wrong_kato(there) as (url, _):
        stop_a_worker_for_ever(url)
        yield url


@pytest.fixture(scope="module")
def told(there: Deployment, wrong: str) -> dict[str, Any]:
    done = inspect(*there.arguments(wrong), "--json")
    assert done.returncode == 3, done.stderr
    read: dict[str, Any] = json.loads(done.stdout)
    return read


class TestARunningDeployment:
    """Planted: what an operator's own KATO, Redis and Qdrant may have, each of another kind."""

    @pytest.mark.parametrize(
        ("finding", "knob"),
        [
            ("workers.dead", "uvicorn.workers"),
            ("kato.dead", "kato.CONNECTION_POOL_SIZE"),
            ("kato.wrong-name", "kato.KATO_BATCH_SIZE"),
            ("kato.dangerous-value", "kato.INDEXER_TYPE"),
            ("kato.reported-otherwise", "kato.UVICORN_WORKERS"),
            ("kato.limit-above-session-pool", "uvicorn.limit_concurrency"),
            ("kato.locks-per-process", "uvicorn.workers"),
            ("kato.predicts-at-observe", "kato.PROCESS_PREDICTIONS"),
            ("redis.maxclients", "redis.maxclients"),
            ("redis.may-evict-patterns", "redis.maxmemory-policy"),
            ("redis.not-persistent", "redis.appendonly"),
            ("redis.not-as-stored", "redis.appendfsync"),
            ("qdrant.graph-unused", "qdrant.hnsw.m"),
            ("security.password-in-status", "kato.REDIS_URL"),
        ],
    )
    def test_each_is_named_with_its_knob(self, told: dict[str, Any], finding: str, knob: str) -> None:
        assert knob in found(told)[finding]

    def test_nothing_else_is(self, told: dict[str, Any]) -> None:
        assert len(found(told)) == 14

    def test_flags_stand_beside_the_knobs(self, told: dict[str, Any]) -> None:
        flags = {knob["name"]: knob["flags"] for knob in told["knobs"] if knob["flags"]}
        assert flags["kato.CONNECTION_POOL_SIZE"] == ["dead"]
        assert flags["kato.KATO_BATCH_SIZE"] == ["wrong"]
        assert flags["kato.INDEXER_TYPE"] == ["dangerous"]
        assert flags["redis.maxmemory-policy"] == ["dangerous"]

    def test_who_set_a_knob(self, told: dict[str, Any]) -> None:
        knobs = {knob["name"]: knob for knob in told["knobs"]}
        assert knobs["uvicorn.limit_concurrency"]["set_by"] == "command line"
        assert knobs["kato.CONNECTION_POOL_SIZE"]["set_by"] == "environment"
        assert knobs["redis.maxmemory"]["set_by"] == "file"
        assert (knobs["redis.appendfsync"]["live"], knobs["redis.appendfsync"]["stored"]) == (
            "always",
            "everysec",
        )
        assert knobs["qdrant.hnsw.m"]["set_by"] == "runtime"
        assert knobs["kato.LOG_LEVEL"]["set_by"] == "default"

    def test_how_much_there_is(self, told: dict[str, Any]) -> None:
        nodes = {node["kb"]: node for node in told["nodes"]}
        assert nodes["stuck_kato"]["patterns"] == nodes["stuck_kato"]["patterns_in_redis"] == 20
        assert (nodes["tuned_kato"]["vectors"], nodes["tuned_kato"]["indexed_vectors"]) == (200, 0)
        families = told["redis_keys"]["families"]
        assert "frequency" in families
        assert sum(family["share"] for family in families.values()) == pytest.approx(1)

    def test_no_secret_is_told(self, there: Deployment, wrong: str, told: dict[str, Any]) -> None:
        assert PASSWORD not in json.dumps(told)
        done = inspect(*there.arguments(wrong))
        assert PASSWORD not in done.stdout + done.stderr
        assert "(hidden)" in done.stdout

    def test_for_people(self, there: Deployment, wrong: str) -> None:
        done = inspect(*there.arguments(wrong))
        assert done.returncode == 3
        shown = done.stdout
        assert "Workers: 2 expected by command line, 1 answers" in shown
        assert "critical  Redis may evict learned patterns" in shown
        assert "→ CONFIG SET maxmemory-policy noeviction" in shown

    def test_a_container_that_ends_before_redis_is_full(self, there: Deployment) -> None:
        """Its limit is what a compose file or a manifest declares."""
        facts = UrlTarget(
            there.facts["base_url"], stores={"redis": f"redis://{there.stores['redis']}"}
        ).start()
        limited = ContainerFacts("redis", "redis", memory_limit=128 << 20)
        findings = {one.id: one for one in review(replace(facts, containers=(limited,)), 30).findings}
        finding = findings["redis.container-limit"]
        assert finding.knobs == ("redis.maxmemory", "container.redis.memory")
        assert "128 MiB" in finding.sentence

    def test_by_its_compose_file(self, there: Deployment, tmp_path: Path) -> None:
        file = tmp_path / "compose.yaml"
        file.write_text(compose_file(there))
        done = inspect("inspect", f"compose:{file}", "--json")
        assert done.returncode == 3, done.stderr
        told = json.loads(done.stdout)
        assert found(told)["redis.container-limit"] == {"redis.maxmemory", "container.redis.memory"}
        assert found(told)["clickhouse.query-above-limit"] >= {"clickhouse.max_memory_usage"}
        assert found(told)["redis.may-evict-patterns"] >= {"redis.maxmemory-policy"}
        knobs = {knob["name"]: knob for knob in told["knobs"]}
        assert (knobs["container.redis.memory"]["live"], knobs["container.redis.memory"]["set_by"]) == (
            128 << 20,
            "manifest",
        )
        assert PASSWORD not in done.stdout + done.stderr

    def test_a_store_that_anybody_reaches(self, there: Deployment) -> None:
        """It is a stand-in without data: a real one would be open to others while this test runs."""
        with open_qdrant() as port:
            arguments = there.arguments(there.facts["base_url"])
            arguments[arguments.index("--qdrant-url") + 1] = f"http://127.0.0.1:{port}"
            done = inspect(*arguments, "--json")
        told = json.loads(done.stdout)
        (finding,) = [one for one in told["findings"] if one["id"] == "security.open-store"]
        assert finding["knobs"] == ["qdrant.server.service.api_key"]
        assert "0.0.0.0" in finding["sentence"]

    def test_a_store_that_does_not_answer(self, there: Deployment) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            arguments = there.arguments(there.facts["base_url"])
            arguments[arguments.index("--clickhouse-url") + 1] = f"http://127.0.0.1:{unused.getsockname()[1]}"
            done = inspect(*arguments, "--json")
        assert done.returncode == 6
        told = json.loads(done.stdout)
        assert told["unreachable"] == ["clickhouse"]
        assert "redis.may-evict-patterns" in found(told)
        assert any(one["what"] == "all of clickhouse" for one in told["unknown"])

    def test_stores_that_are_not_given_are_unknown(self, there: Deployment) -> None:
        done = inspect("inspect", there.facts["base_url"], "--json")
        assert done.returncode == 0
        told = json.loads(done.stdout)
        assert {part["name"]: part["reachable"] for part in told["parts"]} == {
            "kato": True,
            "redis": None,
            "qdrant": None,
            "clickhouse": None,
        }
        assert [one["why"] for one in told["unknown"]] == ["its address is not given"] * 3
        (policy,) = [knob for knob in told["knobs"] if knob["name"] == "redis.maxmemory-policy"]
        assert (policy["live"], policy["why"]) == (None, "the address of Redis is not given")


def compose_file(there: Deployment) -> str:
    """KATO's own, as far as it matters here: the ports are those of a deployment that runs."""
    ports = {name: address.rsplit(":", 1)[1] for name, address in there.stores.items()}
    services: dict[str, Any] = {
        "kato": {
            "image": "kato:latest",
            "ports": [f"127.0.0.1:{ports['kato']}:8000"],
            "environment": [
                f"REDIS_URL=redis://:{PASSWORD}@redis:6379",
                "REDIS_ENABLED=true",
                "CLICKHOUSE_HOST=clickhouse",
                "QDRANT_HOST=qdrant",
            ],
        },
        "redis": {
            "image": "redis:7-alpine",
            "ports": [f"127.0.0.1:{ports['redis']}:6379"],
            "command": ["redis-server", "--maxmemory", "256mb", "--requirepass", PASSWORD],
            "deploy": {"resources": {"limits": {"memory": "128M"}}},
        },
        "qdrant": {"image": "qdrant/qdrant:latest", "ports": [f"127.0.0.1:{ports['qdrant']}:6333"]},
        "clickhouse": {
            "image": "clickhouse/clickhouse-server:latest",
            "ports": [f"127.0.0.1:{ports['clickhouse']}:8123"],
            "deploy": {"resources": {"limits": {"memory": "8G"}}},
        },
    }
    # JSON is YAML, too.
    return json.dumps({"services": services})


@contextmanager
def open_qdrant() -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            result: Any = {
                "result": {"collections": []},
                "status": "ok",
                "version": "1.15.0",
                "title": "qdrant",
            }
            data = json.dumps(result).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("0.0.0.0", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_a_checkout_has_the_defects_of_kato(tmp_path: Path) -> None:
    """It is KATO's own code, and no fault has to be planted."""
    checkout = make(tmp_path / "kato")
    done = inspect("inspect", "--kato-source", str(checkout), "--workers", "2", "--json", *_FITS, timeout=220)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert found(told).keys() - {"workers.more-than-cores"} == {
        "kato.locks-per-process",
        "kato.predicts-at-observe",
    }
    assert told["parts"][0]["engine"] == "KATO checkout"
    assert told["workers"]["answering"] == 2


class TestWrongUsage:
    @pytest.mark.parametrize(
        ("arguments", "code", "words"),
        [
            (["inspect"], 2, "http://localhost:8000, embedded, or --kato-source"),
            (["inspect", "localhost:8000"], 2, "http://localhost:8000"),
            (
                ["inspect", "embedded", "--redis-url", "redis://127.0.0.1:1"],
                6,
                "redis://127.0.0.1:1 cannot be reached",
            ),
            (["inspect", "embedded", "--kato-source", "nowhere"], 2, "is no folder"),
            (["inspect", "http://127.0.0.1:1", "--kato-source", "/x"], 2, "runs already"),
            (["inspect", "http://127.0.0.1:1", "--workers", "2"], 2, "embedded target"),
            (["inspect", "embedded", "--set", "SORT=1"], 2, "SORT_SYMBOLS is the name that acts"),
            (["inspect", "http://127.0.0.1:1", "--patience", "0"], 2, "--patience 0"),
            (
                ["inspect", "http://127.0.0.1:1"],
                6,
                "http://127.0.0.1:1 cannot be reached: nothing listens there",
            ),
        ],
    )
    def test_one_sentence(
        self, arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        from bench.cli import main

        with pytest.raises(SystemExit) as ended:
            main(arguments)
        shown = capsys.readouterr()
        assert ended.value.code == code
        assert words in shown.err
        assert shown.out == ""
