"""The scenarios as Locust runs them, and what only a real deployment can show of them."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.record.folder import list_runs
from bench.record.reader import RunRecord

from .conftest import environment, run

pytestmark = [pytest.mark.timeout(120), pytest.mark.slow]

ROOT = Path(__file__).parents[2]

#: Of each scenario, operations that Locust must have seen; three run at a time.
BATCHES: list[dict[str, set[str]]] = [
    {
        "smoke": {"create", "observe"},
        "recommend": {"observe", "predict"},
        "hierarchy": {"create", "sequence", "observe"},
    },
    {
        "score": {"create", "sequence", "predict", "delete"},
        "hypotheses": {"sequence", "predict", "clear"},
        "churn": {"create", "observe", "stm"},
    },
    {
        "stream": {"create", "observe", "events", "delete"},
        "mixed": {"observe", "predict"},
        "growth": {"sequence", "predict"},
    },
]
#: Locust's clock runs while patterns are learned, so these have few; `hierarchy` and `churn` learn none.
UNTAUGHT = {"hierarchy", "churn"}


def locust(scenario: str, url: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "locust", "-f", str(ROOT / "scenarios" / f"{scenario}.py")),
            *("--host", url, *arguments),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment() | ({} if scenario in UNTAUGHT else {"KATO_BENCH_DATA": "patterns=3"}),
    )


@pytest.mark.parametrize("batch", BATCHES)
def test_each_is_a_plain_locustfile(
    deployment: dict[str, Any], tmp_path: Path, batch: dict[str, set[str]]
) -> None:
    headless = ("--headless", "-u", "4", "-r", "4", "-t", "6s")
    running = {
        name: locust(name, deployment["base_url"], *headless, "--json-file", str(tmp_path / name))
        for name in batch
    }
    for name, process in running.items():
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0, said
        (file,) = tmp_path.glob(f"{name}*")
        entries = {entry["name"]: entry for entry in json.loads(file.read_text())}
        assert batch[name] <= entries.keys(), name
        assert all(entry["num_failures"] == 0 for entry in entries.values()), said


def test_the_web_interface_shows_it(deployment: dict[str, Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    page = f"http://127.0.0.1:{port}"
    process = locust(
        *("recommend", deployment["base_url"], "--web-host", "127.0.0.1", "--web-port", str(port)),
        *("--autostart", "-u", "2", "-r", "2"),
    )
    seen: set[str] = set()
    try:
        deadline = time.monotonic() + 30
        while not {"observe", "predict"} <= seen:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            try:
                answer = httpx.get(f"{page}/stats/requests", trust_env=False)
                seen = {entry["name"] for entry in answer.json()["stats"]}
            except httpx.ConnectError:
                pass
            time.sleep(0.2)
        home = httpx.get(page, trust_env=False)
        assert home.status_code == 200
        assert "locust" in home.text.lower()
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def loaded(scenario: str, deployment: dict[str, Any], folder: Path, *arguments: str) -> RunRecord:
    done = run(
        *("run", "-s", scenario, "--target", deployment["base_url"], "--json", "--out", str(folder)),
        *("--duration", "4", "--warmup", "0", *arguments),
    )
    assert done.returncode in (0, 5), done.stderr
    (found,) = list_runs(folder)
    record = RunRecord(found)
    assert record.count(None, None).errors == 0
    return record


def test_events_reach_subscribers(deployment: dict[str, Any], tmp_path: Path) -> None:
    data = ("--data", "patterns=10", "--data", "sessions=6", "--data", "subscribers=3")
    record = loaded("stream", deployment, tmp_path, *data)
    (told,) = [event for event in record.events() if event["kind"] == "delivery"]
    assert told["sockets"] == 3
    assert told["caused"] > 10
    rows = record.requests(["operation", "sent", "done"]).to_pandas()
    heard = rows[rows["operation"] == "events"]
    assert (heard["done"] > heard["sent"]).all()
    if deployment["workers"] == 1:
        # It tells all three of everything.
        assert told["heard"] == told["caused"]
        assert len(heard) == 3 * told["caused"]
    soundness = record.manifest.soundness
    assert soundness is not None
    assert "bookkeeping" not in [reason.code for reason in soundness.reasons]


def test_the_deployment_keeps_the_contract(deployment: dict[str, Any], tmp_path: Path) -> None:
    record = loaded("smoke", deployment, tmp_path, "--rate", "30", "--data", "patterns=2")
    assert [event for event in record.events() if event["kind"] == "invalid"] == []
    assert {"lookup", "events", "create", "delete"} <= set(record.operations())
