"""A running KATO given by its URL, under kato-bench and under plain Locust."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis

from .conftest import environment, run

pytestmark = pytest.mark.timeout(120)

ROOT = Path(__file__).parents[2]


def _redis(deployment: dict[str, Any]) -> redis.Redis:
    address = next(part["address"] for part in deployment["parts"] if part["name"] == "redis")
    host, port = address.rsplit(":", 1)
    return redis.Redis(host=host, port=int(port), decode_responses=True)


@pytest.mark.parametrize("keep", [False, True])
def test_a_run_cleans_up_after_itself(deployment: dict[str, Any], tmp_path: Path, keep: bool) -> None:
    flags = ["--keep-data"] if keep else []
    done = run(
        *("run", "--target", deployment["base_url"], "--json", "--out", str(tmp_path), "--duration", "2"),
        *("--warmup", "0", "--data", "patterns=10", "--data", "sessions=8", *flags),
    )
    assert done.returncode in (0, 5), done.stderr
    store = _redis(deployment)
    sessions = list(store.scan_iter("kato:session:session-*"))
    learned = list(store.scan_iter("bench_*:frequency:*"))
    assert bool(sessions) == keep
    assert bool(learned) == keep
    names = {json.loads(store.get(key) or "{}")["node_id"] for key in sessions}
    assert all(name.startswith("bench_") and name.replace("_", "").isalnum() for name in names)


@pytest.mark.parametrize("config", ["recall_threshold=5", "recall_treshold=0.5", "process_predictions=1"])
def test_a_config_that_kato_would_drop_is_refused(
    deployment: dict[str, Any], tmp_path: Path, config: str
) -> None:
    """KATO answers 200 and predicts at observe time all the same: nothing may be observed then."""
    done = run("run", "--target", deployment["base_url"], "--out", str(tmp_path), "--session", config)
    assert done.returncode == 2
    assert config.split("=")[0] in done.stderr.splitlines()[-1]
    assert list(_redis(deployment).scan_iter("*:prediction:*")) == []


@pytest.mark.parametrize("scenario", ["chat", "train"])
def test_a_scenario_is_a_plain_locustfile(deployment: dict[str, Any], tmp_path: Path, scenario: str) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "locust", "-f", str(ROOT / "scenarios" / f"{scenario}.py"), "--headless"),
            *("-u", "5", "-r", "5", "-t", "4s", "--host", deployment["base_url"]),
            *("--json-file", str(tmp_path / "stats")),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr
    (file,) = tmp_path.glob("stats*")
    entries = {entry["name"]: entry for entry in json.loads(file.read_text())}
    expected = {"chat": {"observe", "predict"}, "train": {"sequence", "learn"}}[scenario]
    assert expected <= entries.keys()
    assert all(entry["num_failures"] == 0 for entry in entries.values())
