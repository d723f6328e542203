"""Runs of the real command against a server of known latency (`tests/truth/known_server.py`), and workers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.loadgen.schedule import schedule_of
from bench.record.manifest import Settling
from bench.record.reader import RunRecord

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "tests" / "truth" / "known_server.py"
COMMAND = [sys.executable, "-m", "bench.cli"]
#: What a request is, whoever sends it.
IDENTITY = ["session", "node", "operation", "phase"]
#: Phases in which the schedule sends.
LOADED = ("warmup", "measure")


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "CI"))}


class Processes:
    """Everything that a test has started, ended with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *argv: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            argv,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
            cwd=ROOT,
        )
        self._started.append(process)
        return process

    def server(self, mode: str) -> str:
        """The URL of a known server."""
        process = self.start(sys.executable, str(SERVER), "--log", str(self.folder / "server.jsonl"), mode)
        assert process.stdout is not None
        return f"http://127.0.0.1:{process.stdout.readline().strip()}"

    def run(self, url: str, *flags: str, patterns: int = 0) -> subprocess.Popen[str]:
        """`kato-bench run` in the background."""
        data = ("--data", f"patterns={patterns}", "--data", "sessions=60")
        common = ("--out", str(self.folder / "runs"), "--json", "--connections", "120", "--warmup", "0.5")
        return self.start(*COMMAND, "run", "--target", url, *data, *common, *flags)

    def workers(self, master: str, number: int) -> list[subprocess.Popen[str]]:
        return [self.start(*COMMAND, "worker", "--master", master, "--json") for _ in range(number)]

    def end(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._started:
            try:
                process.communicate(timeout=10)
            except (subprocess.TimeoutExpired, ValueError):
                process.kill()
                process.wait()


@dataclass(frozen=True)
class Finished:
    """What a run has said and left; `load`: its requests in due order, due counted from the first."""

    code: int
    stderr: str
    summary: dict[str, Any]
    record: RunRecord

    @property
    def load(self) -> pd.DataFrame:
        # As they were sent: a warm-up that is found to have been longer moves none of them.
        table = RunRecord(self.record.folder, Settling()).requests().to_pandas()
        table = table[table["phase"].isin(LOADED)].sort_values("due", ignore_index=True)
        return table.assign(due=table["due"] - table["due"][0])

    @property
    def reasons(self) -> dict[str, str]:
        return {reason["code"]: reason["sentence"] for reason in self.summary["soundness"]["reasons"]}


def finished(process: subprocess.Popen[str], timeout: float = 60) -> Finished:
    """Wait for a run that leaves a record."""
    stdout, stderr = process.communicate(timeout=timeout)
    assert process.returncode in (0, 5), stderr
    summary = json.loads(stdout)
    return Finished(process.returncode, stderr, summary, RunRecord(summary["folder"]))


def until(condition: Callable[[], Any], what: str, timeout: float = 30) -> Any:
    """What the condition returns once that is true of something."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not in {timeout} s: {what}")


def master_of(process: subprocess.Popen[str]) -> str:
    """Where the run's master listens, from what it says."""
    assert process.stderr is not None
    for line in process.stderr:
        if match := re.search(r"kato-bench worker --master (\S+)", line):
            return match[1]
    raise AssertionError("the run ended before its master listened")


def measuring(folder: Path) -> Callable[[], RunRecord | None]:
    """The record of the run in `folder` once requests of its measure phase are in it."""

    def look() -> RunRecord | None:
        for run in (folder / "runs").glob("*-chat-*"):
            if (run / "run.json").exists():
                record = RunRecord(run)
                if record.count(None, "measure").requests > 30:
                    return record
        return None

    return look


def check_delivery(run: Finished, within: float) -> None:
    """Every request of the schedule was sent, by the session that it names, and none besides; its due time is
    right `within` so many seconds."""
    load, scheduled = run.load, list(schedule_of(run.record.manifest.plan))
    assert load["session"].tolist() == [one.session for one in scheduled]
    due = np.array([one.due for one in scheduled])
    np.testing.assert_allclose(load["due"], due - due[0], atol=within)


def check_labels(run: Finished, lost: int) -> None:
    """A run that lost one of its three processes under load is readable, whole but for that, and marked."""
    manifest = run.record.manifest
    assert run.code == 5
    assert manifest.status == "finished"
    assert run.record.verify() == []
    (loss,) = manifest.load.lost
    assert loss.process == lost
    load = run.load
    measured = load[load["phase"] == "measure"]
    assert (measured["process"] == lost).sum() == loss.due - loss.unsent
    assert 0.01 * len(measured) < loss.unsent < loss.due
    assert run.summary["soundness"]["level"] == "unsound"
    assert f"load process {lost + 1} of 3 died" in run.reasons["generator_dropped"]
    assert f"{loss.unsent} of the {loss.due} requests" in run.reasons["load_lost"]
