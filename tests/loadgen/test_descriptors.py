"""Loads with more connections than a process may have files open."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.record.reader import RunRecord

pytestmark = pytest.mark.slow

SERVER = Path(__file__).parents[1] / "truth" / "known_server.py"
USERS = 400


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    server = subprocess.Popen(
        [sys.executable, str(SERVER), "--log", str(tmp_path / "log"), "fixed:0.2"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
    server.kill()
    server.wait()


def run(url: str, folder: Path, hard: int) -> subprocess.CompletedProcess[str]:
    flags = ("--users", str(USERS), "--connections", str(USERS), "--duration", "2", "--warmup", "0")
    return subprocess.run(
        [
            *(sys.executable, "-m", "bench.cli", "run", "--target", url, "--out", str(folder), "--json"),
            *("--data", "patterns=0", *flags),
        ],
        capture_output=True,
        text=True,
        timeout=100,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard)),
    )


def test_the_limit_is_raised_as_far_as_is_needed(url: str, tmp_path: Path) -> None:
    done = run(url, tmp_path, 2000)
    assert done.returncode in (0, 5), done.stderr
    rows = RunRecord(json.loads(done.stdout)["folder"]).requests(["error", "connection", "phase"]).to_pandas()
    assert (rows["error"] == "").all()
    assert rows["connection"].max() >= 300


def test_where_it_cannot_be_raised_the_target_is_not_blamed(url: str, tmp_path: Path) -> None:
    done = run(url, tmp_path, 300)
    assert done.returncode == 2
    assert "may need 400 connections, and the system lets it open 300 files: give fewer" in done.stderr
    assert "Traceback" not in done.stderr
