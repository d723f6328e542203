"""A checkout as a deployment: it starts as its container starts it, on the real engines, or says why not."""

from __future__ import annotations

import json
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from checkouts import APPLICATION, MakeCheckout, git

from bench.errors import PartFailedError, UsageError
from bench.knobs.catalogue import parse
from bench.plan import SourcePlan
from bench.supervision.supervisor import Supervisor
from bench.targets.base import TargetFacts
from bench.targets.checkout.api import CheckoutApi
from bench.targets.embedded.deployment import EmbeddedDeployment
from bench.targets.embedded.probes import get, get_json

pytestmark = pytest.mark.timeout(180)


def deployment_of(
    checkout: Path,
    supervisor: Supervisor,
    folder: Path,
    *settings: str,
    python: str | None = None,
    patience: float | None = None,
) -> EmbeddedDeployment:
    chosen = parse(
        ["KATO_WORKERS=1", *settings] if not any("WORKERS" in one for one in settings) else settings
    )
    api = CheckoutApi(SourcePlan(folder=str(checkout), python=python), chosen, supervisor, lambda _: None)
    if patience is not None:
        api.patience = patience
    return EmbeddedDeployment(supervisor, folder, "healthy", chosen, api=api)


def part(facts: TargetFacts, name: str) -> tuple[psutil.Process, int]:
    """Its process and its port."""
    found = facts.part(name)
    assert found is not None
    assert found.address is not None
    return psutil.Process(found.pid), int(found.address.rpartition(":")[2])


def send(url: str, body: object = None, method: str = "POST") -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def eventually(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture(scope="module")
def running(
    supervisor: Supervisor, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Path, TargetFacts]]:
    """Checkout, folder of the deployment, and what it says of itself."""
    from checkouts import make

    home = tmp_path_factory.mktemp("source")
    checkout = make(home / "kato")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REDIS_URL", "redis://elsewhere:1/0")
        patch.setenv("RECALL_THRESHOLD", "0.9")
        deployment = deployment_of(
            checkout, supervisor, home / "parts",
            "KATO_WORKERS=2", "RECALL_THRESHOLD=0.1", "MAX_PREDICTIONS=7", "env.KATO_NEW=a b",
            "redis.maxmemory=64mb", "qdrant.hnsw.m=4", "clickhouse.max_threads=2", "uvicorn.backlog=77",
        )  # fmt: skip
        facts = deployment.start()
    yield checkout, home / "parts", facts
    processes = [
        process
        for name in ("kato", "redis", "qdrant", "clickhouse")
        for process in (part(facts, name)[0], *part(facts, name)[0].children(recursive=True))
    ]
    deployment.close()
    assert eventually(lambda: all(map(gone, processes)), 2)
    assert not (home / "parts").exists()


class TestRunning:
    def test_it_says_what_it_is(self, running: tuple[Path, Path, TargetFacts]) -> None:
        checkout, _, facts = running
        assert (facts.kind, facts.kato_version, facts.workers) == ("source", "3.10.1", 2)
        assert facts.source is not None
        assert (facts.source.folder, facts.source.dirty) == (str(checkout), False)
        assert facts.source.commit == git(checkout, "rev-parse", "HEAD")
        assert facts.source.python == sys.executable
        assert "redis" in facts.source.libraries
        assert TargetFacts.from_json(json.loads(json.dumps(facts.to_json()))) == facts
        assert (facts.parts[0].name, facts.parts[0].engine) == ("kato", "KATO checkout")

    def test_it_is_started_as_its_container_does(self, running: tuple[Path, Path, TargetFacts]) -> None:
        _, folder, facts = running
        process, port = part(facts, "kato")
        command = process.cmdline()
        assert command[:4] == [sys.executable, "-m", "uvicorn", "kato.services.kato_fastapi:app"]
        flags = dict(zip(command[4:-1:2], command[5::2], strict=False))
        assert flags == {
            "--host": "127.0.0.1",
            "--port": str(port),
            "--workers": "2",
            "--limit-concurrency": "40",
            "--timeout-keep-alive": "5",
            "--timeout-graceful-shutdown": "30",
            "--backlog": "77",
        }
        assert command[-1] == "--access-log"
        assert Path(process.cwd()) == folder / "kato"
        assert sorted(path.name for path in Path(process.cwd()).iterdir()) == [
            *("Dockerfile", "config", "docker-compose.yml", "kato", "requirements.lock"),
        ]

    def test_its_environment(self, running: tuple[Path, Path, TargetFacts]) -> None:
        _, _, facts = running
        environ = part(facts, "kato")[0].environ()
        ports = {name: part(facts, name)[1] for name in ("redis", "qdrant", "clickhouse")}
        wanted = {
            "REDIS_URL": f"redis://127.0.0.1:{ports['redis']}/0",
            "REDIS_ENABLED": "true",
            "QDRANT_HOST": "127.0.0.1",
            "QDRANT_PORT": str(ports["qdrant"]),
            "CLICKHOUSE_HOST": "127.0.0.1",
            "CLICKHOUSE_PORT": str(ports["clickhouse"]),
            # What the user sets is given although it is KATO 3.10.1's default: a branch may have another.
            "RECALL_THRESHOLD": "0.1",
            "MAX_PREDICTIONS": "7",
            "KATO_NEW": "a b",
        }
        assert wanted.items() <= environ.items()
        assert not {"PYTHONPATH", "VIRTUAL_ENV", "PROCESS_PREDICTIONS"} & environ.keys()
        assert not any(name.startswith("KATO_BENCH_") for name in environ.keys() - {"KATO_BENCH_CACHE"})

    def test_knobs_of_kato_and_of_the_engines(self, running: tuple[Path, Path, TargetFacts]) -> None:
        _, _, facts = running
        told = {
            "uvicorn.workers": 2,
            "kato.MAX_PREDICTIONS": 7,
            "kato.SESSION_TTL": 3600,
            "env.KATO_NEW": "a b",
            "redis.maxmemory": 64 << 20,
            "redis.maxmemory-policy": "noeviction",
            "qdrant.hnsw.m": 4,
            "clickhouse.max_threads": 2,
        }
        assert told.items() <= facts.knobs.items()
        assert "kato.KATO_BENCH_STREAM_MAXLEN" not in facts.knobs
        assert get(part(facts, "clickhouse")[1], "/?query=SELECT%20getSetting('max_threads')") == "2\n"

    def test_every_worker_answers(self, running: tuple[Path, Path, TargetFacts]) -> None:
        _, _, facts = running
        port = part(facts, "kato")[1]
        seen: set[float] = set()

        def both() -> bool:
            seen.add(get_json(port, "/health")["last_collection"])
            return len(seen) == 2

        assert eventually(both, 20)

    def test_the_tables_are_those_of_the_checkout(self, running: tuple[Path, Path, TargetFacts]) -> None:
        _, _, facts = running
        query = "SELECT%20name%20FROM%20system.tables%20WHERE%20database='kato'%20ORDER%20BY%20name"
        found = get(part(facts, "clickhouse")[1], f"/?query={query}")
        assert found.split() == ["lsh_buckets", "pattern_stats", "patterns_data"]

    def test_it_works_with_all_its_stores(self, running: tuple[Path, Path, TargetFacts]) -> None:
        _, _, facts = running
        config = {"process_predictions": False}
        made = send(f"{facts.base_url}/sessions", {"node_id": "bench_source_1", "config": config})
        base = f"{facts.base_url}/sessions/{made['session_id']}"
        for strings in (["a", "b"], ["c", "d"], ["e"]):
            send(f"{base}/observe", {"strings": strings, "vectors": [[0.5, 0.25]]})
        assert send(f"{base}/learn")["pattern_name"].startswith("PTRN|")
        send(f"{base}/finalize-training")
        for strings in (["a"], ["b"]):
            send(f"{base}/observe", {"strings": strings})
        (found,) = send(f"{base}/predictions", method="GET")["predictions"]
        assert [token for token in found["matches"] if not token.startswith("VCTR|")] == ["a", "b"]
        collection = get_json(part(facts, "qdrant")[1], "/collections/vectors_bench_source_1_kato")["result"]
        assert collection["points_count"] == 1
        hnsw = collection["config"]["hnsw_config"]
        # Of the two settings one is imposed on what KATO asks for.
        assert (hnsw["m"], hnsw["ef_construct"]) == (4, 128)
        send(f"{base}/clear-all")
        send(base, method="DELETE")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            send(f"{base}/stm", method="GET")

    def test_the_checkout_is_as_it_was(self, running: tuple[Path, Path, TargetFacts]) -> None:
        checkout, _, _ = running
        assert git(checkout, "status", "--porcelain") == ""


class TestItDoesNotStart:
    def start(self, deployment: EmbeddedDeployment) -> str:
        """Why not, in one sentence; what was begun is over then."""
        with pytest.raises((UsageError, PartFailedError)) as caught:
            deployment.start()
        deployment.close()
        return str(caught.value)

    @pytest.mark.parametrize("workers", [1, 2])
    def test_where_a_module_is_missing(
        self, checkout: Path, supervisor: Supervisor, tmp_path: Path, workers: int
    ) -> None:
        application = checkout / APPLICATION
        application.write_text(f"import kato_lacks_this\n{application.read_text()}")
        made = deployment_of(checkout, supervisor, tmp_path / "parts", f"KATO_WORKERS={workers}")
        with pytest.raises(UsageError) as caught:
            made.start()
        made.close()
        assert str(caught.value) == (
            f"KATO from {checkout} does not start with {sys.executable}, because that has no module "
            "kato_lacks_this: let --kato-venv make one from requirements.lock, or name the Python of an "
            "environment with all that KATO requires by --kato-python."
        )
        assert not (tmp_path / "parts").exists()

    def test_with_a_python_that_has_nothing(
        self, checkout: Path, supervisor: Supervisor, tmp_path: Path
    ) -> None:
        """A wrapper that looks like an interpreter without packages."""
        bare = tmp_path / "python"
        bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
        bare.chmod(0o755)
        (checkout / "requirements.lock").unlink()
        said = self.start(deployment_of(checkout, supervisor, tmp_path / "parts", python=str(bare)))
        assert said == (
            f"KATO from {checkout} does not start with {bare}, because that has no module uvicorn: name the "
            "Python of an environment with all that KATO requires by --kato-python."
        )

    @pytest.mark.parametrize("workers", [1, 2])
    def test_where_it_crashes(
        self, checkout: Path, supervisor: Supervisor, tmp_path: Path, workers: int
    ) -> None:
        application = checkout / APPLICATION
        application.write_text(f"raise RuntimeError('out of luck')\n{application.read_text()}")
        made = deployment_of(checkout, supervisor, tmp_path / "parts", f"KATO_WORKERS={workers}")
        said = self.start(made)
        assert "it was not ready after" not in said
        assert said.startswith(f"KATO from {checkout} did not start: ")
        assert "The end of its log:" in said
        assert "RuntimeError: out of luck" in said

    def test_where_it_never_gets_ready(self, checkout: Path, supervisor: Supervisor, tmp_path: Path) -> None:
        application = checkout / APPLICATION
        application.write_text("print('thinking', flush=True)\nimport time\ntime.sleep(600)\n")
        said = self.start(deployment_of(checkout, supervisor, tmp_path / "parts", patience=5))
        assert said.startswith(f"KATO from {checkout} did not start: it was not ready after 5 s.")
        assert "The end of its log:" in said

    def test_with_a_statement_that_the_engine_refuses(
        self, checkout: Path, supervisor: Supervisor, tmp_path: Path
    ) -> None:
        script = checkout / "config" / "clickhouse" / "init.sql"
        script.write_text(f"{script.read_text()}\nCREATE TABLE kato.broken (a Strnig) ENGINE = Memory;\n")
        said = self.start(deployment_of(checkout, supervisor, tmp_path / "parts"))
        line = script.read_text().count("\n")
        assert said.startswith(f"{script}, line {line}: the pattern store refuses this statement: Code: 50.")

    def test_what_is_no_checkout_any_more(
        self, checkout: Path, supervisor: Supervisor, tmp_path: Path
    ) -> None:
        made = deployment_of(checkout, supervisor, tmp_path / "parts")
        shutil.rmtree(checkout / "kato")
        assert self.start(made).startswith(f"{checkout} is no KATO checkout: it has no kato/services")
        assert not (tmp_path / "parts").exists()


def test_another_version_says_nothing_of_defaults_that_it_was_not_given(
    make_checkout: MakeCheckout, supervisor: Supervisor, tmp_path: Path
) -> None:
    checkout = make_checkout()
    init = checkout / "kato" / "__init__.py"
    init.write_text(init.read_text().replace("3.10.1", "4.0.0"))
    deployment = deployment_of(checkout, supervisor, tmp_path / "parts", "MAX_PREDICTIONS=7")
    try:
        facts = deployment.start()
    finally:
        deployment.close()
    assert facts.kato_version == "4.0.0"
    assert facts.source is not None
    assert facts.source.dirty
    assert facts.knobs["kato.MAX_PREDICTIONS"] == 7
    assert "kato.SESSION_TTL" not in facts.knobs
    assert facts.knobs["uvicorn.workers"] == 1
