"""The deployment as a whole, on the real engines."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.errors import PartFailedError, UsageError
from bench.knobs.catalogue import parse
from bench.supervision.supervisor import Supervisor
from bench.targets.base import TargetFacts
from bench.targets.embedded import deployment as module
from bench.targets.embedded import parts, ports, redis
from bench.targets.embedded.deployment import EmbeddedDeployment
from bench.targets.embedded.probes import get
from bench.targets.url import UrlTarget

NAMES = ["kato", "redis", "qdrant", "clickhouse"]


@pytest.fixture(scope="module")
def supervisor() -> Iterator[Supervisor]:
    with Supervisor() as made:
        yield made


@pytest.fixture(scope="module")
def healthy(
    supervisor: Supervisor, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[EmbeddedDeployment, TargetFacts]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REDIS_URL", "redis://elsewhere:1/0")
        patch.setenv("UVICORN_LIMIT_MAX_REQUESTS", "1")
        made = EmbeddedDeployment(supervisor, tmp_path_factory.mktemp("healthy"), "healthy", {})
        facts = made.start()
    yield made, facts
    made.close()


def pid(facts: TargetFacts, name: str) -> int:
    part = facts.part(name)
    assert part is not None
    assert part.pid is not None
    return part.pid


def port(facts: TargetFacts, name: str) -> int:
    part = facts.part(name)
    assert part is not None
    assert part.address is not None
    return int(part.address.rpartition(":")[2])


def post(url: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def eventually(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def tree(facts: TargetFacts) -> list[psutil.Process]:
    roots = [psutil.Process(pid(facts, name)) for name in NAMES]
    return roots + [child for root in roots for child in root.children(recursive=True)]


def gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class TestHealthy:
    def test_says_what_it_is(self, healthy: tuple[EmbeddedDeployment, TargetFacts]) -> None:
        deployment, facts = healthy
        assert facts.kind == "embedded"
        assert facts.profile == "healthy"
        assert [part.name for part in facts.parts] == NAMES
        assert all(part.version and part.engine and part.pid and part.log for part in facts.parts)
        assert facts.kato_version == "3.10.1"
        assert facts.limit_concurrency == 40
        assert TargetFacts.from_json(json.loads(json.dumps(facts.to_json()))) == facts
        assert deployment.warnings == []
        deployment.check()

    def test_knobs_are_those_in_force(self, healthy: tuple[EmbeddedDeployment, TargetFacts]) -> None:
        _, facts = healthy
        live = redis.config(port(facts, "redis"))
        assert live["maxmemory-policy"] == facts.knobs["redis.maxmemory-policy"] == "noeviction"
        assert live["appendonly"] == facts.knobs["redis.appendonly"] == "yes"
        assert int(live["maxmemory"]) == facts.knobs["redis.maxmemory"]
        assert facts.knobs["redis.hz"] == 10
        assert facts.knobs["kato.KATO_BENCH_STREAM_MAXLEN"] == 10_000
        assert "redis.requirepass" not in facts.knobs
        limit = get(port(facts, "clickhouse"), "/?query=SELECT%20getSetting('max_memory_usage')")
        assert int(limit) == facts.knobs["clickhouse.max_memory_usage"] == 10_000_000_000

    def test_does_not_inherit_the_users_settings(
        self, healthy: tuple[EmbeddedDeployment, TargetFacts]
    ) -> None:
        _, facts = healthy
        environ = psutil.Process(pid(facts, "kato")).environ()
        assert environ["REDIS_URL"] == f"redis://127.0.0.1:{port(facts, 'redis')}/0"
        assert "UVICORN_LIMIT_MAX_REQUESTS" not in environ

    def test_is_a_target_by_its_url_too(self, healthy: tuple[EmbeddedDeployment, TargetFacts]) -> None:
        _, facts = healthy
        assert UrlTarget(facts.base_url).start().kato_version == facts.kato_version

    def test_answers_through_all_its_stores(self, healthy: tuple[EmbeddedDeployment, TargetFacts]) -> None:
        _, facts = healthy
        session = post(f"{facts.base_url}/sessions", {"node_id": "bench_test_1"})["session_id"]
        base = f"{facts.base_url}/sessions/{session}"
        for strings in (["a", "b"], ["c"]):
            post(f"{base}/observe", {"strings": strings, "vectors": [[0.5, 0.25]]})
        assert post(f"{base}/learn", {})["pattern_name"].startswith("PTRN|")
        assert redis.ask(port(facts, "redis"), "EXISTS", f"kato:session:{session}") == 1


class TestChosenKnobs:
    def test_reach_the_parts(self, supervisor: Supervisor, tmp_path: Path) -> None:
        free = ports.free_ports(1)[0]
        chosen = parse(
            ["KATO_WORKERS=2", "redis.maxmemory=20mb", "redis.lua-time-limit=77", "qdrant.hnsw.m=8",
             "PROCESS_PREDICTIONS=false", "qdrant.hnsw.full_scan_threshold=100", "--http=h11",
             "uvicorn.access_log=false"]
        )  # fmt: skip
        deployment = EmbeddedDeployment(supervisor, tmp_path / "new", "shipped", chosen, free)
        try:
            facts = deployment.start()
            assert facts.base_url == f"http://127.0.0.1:{free}"
            assert (facts.workers, facts.limit_concurrency) == (2, 100)
            assert facts.knobs["redis.maxmemory"] == 20 << 20
            assert facts.knobs["redis.maxmemory-policy"] == "allkeys-lru"
            assert facts.knobs["redis.lua-time-limit"] == "77"
            assert facts.knobs["kato.PROCESS_PREDICTIONS"] is False
            assert facts.knobs["uvicorn.access_log"] is False
            assert "kato.CONNECTION_POOL_SIZE" not in facts.knobs
            environ = psutil.Process(pid(facts, "kato")).environ()
            assert environ["PROCESS_PREDICTIONS"] == "false"
            assert "KATO_BENCH_STREAM_MAXLEN" not in environ
            vectors = psutil.Process(pid(facts, "qdrant")).cmdline()
            assert {"--set=hnsw_config.m=8", "--set=hnsw_config.full_scan_threshold=100"} <= set(vectors)
            assert not any("indexing_threshold" in word for word in vectors)
            command = psutil.Process(pid(facts, "kato")).cmdline()
            assert command[command.index("--http") + 1] == "h11"
            assert "--no-access-log" in command
            assert "--access-log" not in command
            assert deployment.warnings == []
            log = (tmp_path / "new" / "logs" / "kato.log").read_text()
            assert log.count("Application startup complete") == 2
            processes = tree(facts)
            assert len(processes) >= 4 + 2
        finally:
            deployment.close()
            deployment.close()
        assert eventually(lambda: all(gone(process) for process in processes), 1)
        assert not (tmp_path / "new").exists()

    @pytest.mark.parametrize(
        ("chosen", "words"),
        [
            ({"redis.port": "1"}, "redis.port"),
            ({"kato.REDIS_URL": "redis://x"}, "kato.REDIS_URL"),
            ({"uvicorn.workers": "0"}, "uvicorn.workers"),
        ],
    )
    def test_that_cannot_be_set_here(
        self, supervisor: Supervisor, tmp_path: Path, chosen: dict[str, str], words: str
    ) -> None:
        with pytest.raises(UsageError) as caught:
            EmbeddedDeployment(supervisor, tmp_path, "healthy", chosen).start()
        assert words in str(caught.value)


class TestItDoesNotStart:
    def test_for_a_directive_that_the_server_does_not_know(
        self, supervisor: Supervisor, tmp_path: Path
    ) -> None:
        deployment = EmbeddedDeployment(supervisor, tmp_path / "new", "healthy", {"redis.maxmemroy": "1"})
        with pytest.raises(UsageError) as caught:
            deployment.start()
        deployment.close()
        assert str(caught.value).startswith("The Redis server did not start: it ended with exit code 1.")
        assert "'maxmemroy 1'" in str(caught.value)
        assert not (tmp_path / "new").exists()

    def test_where_nothing_can_be_written(self, supervisor: Supervisor) -> None:
        folder = Path("/proc/nowhere")
        with pytest.raises(UsageError, match=f"cannot write below {folder}"):
            EmbeddedDeployment(supervisor, folder, "healthy", {}).start()

    def test_on_a_port_that_is_taken(self, supervisor: Supervisor, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            number = taken.getsockname()[1]
            with pytest.raises(UsageError, match=f"port {number}"):
                EmbeddedDeployment(supervisor, tmp_path, "healthy", {}, number).start()

    @pytest.mark.parametrize(
        ("script", "words"),
        [
            ("print('out of luck'); raise SystemExit(3)", ["it ended with exit code 3", "out of luck"]),
            ("import os; os.kill(os.getpid(), 9)", ["signal 9 ended it", "Its log is empty."]),
            (
                "print('thinking', flush=True); import time; time.sleep(60)",
                ["it was not ready after 2 s", "thinking"],
            ),
        ],
    )
    def test_with_a_part_that_fails(
        self,
        supervisor: Supervisor,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        script: str,
        words: list[str],
    ) -> None:
        real = parts.patterns_part
        monkeypatch.setattr(
            parts,
            "patterns_part",
            lambda *args, **options: replace(real(*args, **options), argv=(sys.executable, "-c", script)),
        )
        deployment = EmbeddedDeployment(supervisor, tmp_path, "healthy", {}, patience=2)
        with pytest.raises(PartFailedError) as caught:
            deployment.start()
        deployment.close()
        assert str(caught.value).startswith("The pattern store (ClickHouse engine) did not start: ")
        for word in words:
            assert word in str(caught.value)


def test_a_port_lost_to_another_process_is_chosen_anew(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        lost = taken.getsockname()[1]
        rounds: list[int] = []

        def choose(count: int) -> list[int]:
            rounds.append(count)
            free = ports.free_ports(count)
            return [*free[: len(rounds) - 1], lost, *free[len(rounds) :]] if len(rounds) < 3 else free

        monkeypatch.setattr(module, "free_ports", choose)
        deployment = EmbeddedDeployment(supervisor, tmp_path, "healthy", {})
        try:
            facts = deployment.start()
        finally:
            deployment.close()
    assert len(rounds) == 3
    assert lost not in [port(facts, name) for name in NAMES]


def test_a_part_that_dies_is_named(supervisor: Supervisor, tmp_path: Path) -> None:
    deployment = EmbeddedDeployment(supervisor, tmp_path, "healthy", {}, keep=True)
    facts = deployment.start()
    os.kill(pid(facts, "redis"), signal.SIGKILL)

    def noticed() -> bool:
        try:
            deployment.check()
        except PartFailedError as error:
            return str(error).startswith("The Redis server died: signal 9 ended it. The end of its log:")
        return False

    assert eventually(noticed, 2)
    deployment.close()
    assert (tmp_path / "logs" / "redis.log").exists()


def test_what_is_kept_is_there_again(supervisor: Supervisor, tmp_path: Path) -> None:
    def deploy() -> EmbeddedDeployment:
        return EmbeddedDeployment(supervisor, tmp_path, "healthy", {}, keep=True)

    first = deploy()
    base = first.start().base_url
    session = post(f"{base}/sessions", {"node_id": "bench_test_1"})["session_id"]
    post(f"{base}/sessions/{session}/observe", {"strings": ["a", "b"]})
    first.close()
    second = deploy()
    base = second.start().base_url
    with urllib.request.urlopen(f"{base}/sessions/{session}/stm", timeout=10) as response:
        assert json.load(response)["stm"] == [["a", "b"]]
    second.close()


COMMAND = """
import json, sys, time
from pathlib import Path
from bench.supervision.supervisor import Supervisor
from bench.targets.embedded.deployment import EmbeddedDeployment
from bench.targets.embedded.probes import get
facts = EmbeddedDeployment(Supervisor(), Path(sys.argv[1]), "healthy", {"uvicorn.workers": "2"}).start()
print(json.dumps(facts.to_json()), flush=True)
time.sleep(60)
"""


def test_nothing_is_left_of_it_when_its_command_is_killed(tmp_path: Path) -> None:
    command = subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with command:
        assert command.stdout is not None
        facts = TargetFacts.from_json(json.loads(command.stdout.readline()))
        processes = tree(facts)
        workers = psutil.Process(pid(facts, "kato")).children()
        assert len(workers) >= 2
        workers[-1].suspend()
        command.kill()
    assert eventually(lambda: all(gone(process) for process in processes), 4.5)
    assert eventually(lambda: not any(tmp_path.iterdir()), 1)
