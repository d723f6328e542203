"""Servers that run already in place of the embedded engines: they are used, and tidied up after."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from test_source_commands import COMMAND, run

pytestmark = pytest.mark.timeout(300)

OTHERS = "production_kato"


class Servers:
    """Redis, Qdrant and ClickHouse that hold data of others."""

    def __init__(self, facts: dict[str, Any]) -> None:
        addresses = {part["name"]: part["address"] for part in facts["parts"]}
        self.qdrant, self.clickhouse = addresses["qdrant"], addresses["clickhouse"]
        self.redis_url = f"redis://{addresses['redis']}"
        self.redis: Any = redis.Redis.from_url(self.redis_url, decode_responses=True)
        self.pids = {part["name"]: part["pid"] for part in facts["parts"]}

    def flags(self, *stores: str) -> list[str]:
        urls = {"redis": self.redis_url, "qdrant": self.qdrant, "clickhouse": self.clickhouse}
        return [word for store in stores for word in (f"--{store}-url", urls[store])]

    def query(self, text: str) -> str:
        request = urllib.request.Request(f"{self.clickhouse}/", text.encode(), method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(answer.read().decode())

    def collections(self, create: str | None = None) -> set[str]:
        if create is not None:
            body = json.dumps({"vectors": {"size": 2, "distance": "Euclid"}}).encode()
            url = f"{self.qdrant}/collections/{urllib.parse.quote(create)}"
            request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="PUT")
            urllib.request.urlopen(request, timeout=10).close()
        with urllib.request.urlopen(f"{self.qdrant}/collections", timeout=10) as answer:
            return {one["name"] for one in json.load(answer)["result"]["collections"]}

    def plant(self) -> None:
        """What others have there, among it names that look like a run's."""
        self.redis.set(f"{OTHERS}:frequency:{'a' * 40}", 1)
        self.redis.set("bench_other_0_kato:frequency:1", 1)
        self.redis.set("note", "about bench_")
        ended = f"session-{'0' * 32}-1000000000000"
        now = f"session-{'1' * 32}-{int(time.time() * 1000) + 3_600_000}"
        for name in (ended, now):
            self.redis.set(f"kato:session:{name}", json.dumps({"node_id": "production"}))
            self.redis.sadd("kato:session:_active_index", name)
        self.redis.xadd("stm:global", {"processor_id": OTHERS, "event": "{}"})
        self.collections(create=f"vectors_{OTHERS}")
        columns = "kb_id, name, pattern_data, length, token_set, token_count, first_token, last_token"
        self.query(
            f"INSERT INTO kato.patterns_data ({columns}) "
            f"VALUES ('{OTHERS}', 'x', [['a']], 1, ['a'], 1, 'a', 'a')"
        )

    def held(self) -> dict[str, Any]:
        """Everything that is there, apart from what ends by itself."""
        keys = {key for key in self.redis.scan_iter(count=1000) if not key.startswith("kato:metrics:")}
        self.query("SYSTEM FLUSH ASYNC INSERT QUEUE")
        return {
            "keys": keys,
            "sessions": self.redis.smembers("kato:session:_active_index"),
            "events": [fields["processor_id"] for _, fields in self.redis.xrange("stm:global")],
            "collections": self.collections(),
            "partitions": self.query("SELECT DISTINCT kb_id FROM kato.patterns_data ORDER BY 1").split(),
        }


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    process = subprocess.Popen(
        [*COMMAND, "up", "--workers", "1", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        assert line, process.stderr.read()
        found = Servers(json.loads(line))
        found.plant()
        yield found
        process.terminate()


LOAD = (
    *("--scenario", "vectors", "--data", "vectors=50", "--data", "dimension=4", "--data", "patterns=4"),
    *("--data", "nodes=2", "--data", "sessions=4", "--data", "queries=300", "--rate", "8"),
    *("--duration", "3", "--warmup", "0", "--workers", "1"),
)


@pytest.mark.parametrize("from_source", [False, True], ids=["reference", "source"])
def test_all_three(servers: Servers, checkout: Path, tmp_path: Path, from_source: bool) -> None:
    before = servers.held()
    kato = ["--kato-source", str(checkout)] if from_source else ["--target", "embedded"]
    stores = servers.flags("redis", "qdrant", "clickhouse")
    done = run("run", *kato, *stores, *LOAD, "--out", str(tmp_path / "runs"), "--json")
    assert done.returncode in (0, 5), done.stderr
    assert "could not" not in done.stderr
    assert json.loads(done.stdout)["totals"]["errors"] == 0
    assert servers.held() == before
    (folder,) = (tmp_path / "runs").iterdir()
    found = json.loads((folder / "run.json").read_text())
    parts = {part["name"]: part for part in found["target"]["parts"]}
    for store in ("redis", "qdrant", "clickhouse"):
        assert parts[store]["pid"] == servers.pids[store]
        assert not (folder / "logs" / f"{store}.log").exists()
    # Who starts no Redis cannot say how it is set; the server itself does.
    assert "redis.appendfsync" in found["live_knobs"]
    assert "redis.hz" not in found["target"]["knobs"]


def test_one_of_them_and_what_it_keeps(servers: Servers, checkout: Path, tmp_path: Path) -> None:
    before = servers.held()
    load = ("--rate", "10", "--duration", "1", "--warmup", "0", "--data", "patterns=5", "--keep-data")
    kato = ("--kato-source", str(checkout), "--workers", "1")
    done = run("run", *kato, *servers.flags("redis"), *load, "--out", str(tmp_path / "runs"))
    assert done.returncode in (0, 5), done.stderr
    after = servers.held()
    own = {key for key in after["keys"] - before["keys"] if key.startswith(("bench_", "stm:events:bench_"))}
    assert own
    assert (after["collections"], after["partitions"]) == (before["collections"], before["partitions"])
    for key in after["keys"] - before["keys"]:
        servers.redis.delete(key)
    servers.redis.srem("kato:session:_active_index", *(after["sessions"] - before["sessions"]))
    servers.redis.xtrim("stm:global", maxlen=len(before["events"]), approximate=False)


def test_a_run_that_is_cut_short_is_tidied_up_after(servers: Servers, tmp_path: Path) -> None:
    before = servers.held()
    arguments = (
        "--rate",
        "20",
        "--duration",
        "600",
        "--warmup",
        "0",
        "--data",
        "patterns=50",
        "--workers",
        "1",
    )
    command = subprocess.Popen(
        [*COMMAND, "run", *arguments, *servers.flags("redis", "clickhouse"), "--out", str(tmp_path / "runs")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    with command:
        deadline = time.monotonic() + 120
        while not any(key.startswith("bench_") for key in servers.held()["keys"] - before["keys"]):
            assert time.monotonic() < deadline
            assert command.poll() is None
            time.sleep(0.1)
        command.terminate()
        assert command.stderr is not None
        said = command.stderr.read()
    assert command.returncode == 130, said
    assert servers.held() == before


def test_a_clickhouse_without_katos_table(tmp_path: Path) -> None:
    from bench.supervision.supervisor import Supervisor
    from bench.targets.embedded.ports import free_ports
    from bench.targets.embedded.probes import get

    (port,) = free_ports(1)
    module = "bench.targets.embedded.patterns"
    argv = [
        sys.executable,
        "-m",
        module,
        "--port",
        str(port),
        "--data",
        str(tmp_path / "data"),
        "--no-tables",
    ]
    with Supervisor() as supervisor:
        child = supervisor.start("bare ClickHouse", argv, log=tmp_path / "log")
        deadline = time.monotonic() + 60
        while True:
            assert child.poll() is None
            assert time.monotonic() < deadline
            try:
                get(port, "/ping")
                break
            except OSError:
                time.sleep(0.05)
        done = run("run", "--clickhouse-url", f"http://127.0.0.1:{port}", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith(
        f"ClickHouse at http://127.0.0.1:{port} has no table kato.patterns_data, which KATO does not make: "
        "run KATO's config/clickhouse/init.sql there first."
    )
