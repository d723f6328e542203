"""Plan files against a server whose answers take a known time: what is due is sent when it is due, whatever
the kind of arrivals, or is counted as dropped."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.loadgen import traces
from bench.loadgen.arrivals import open_schedule
from bench.record.reader import RunRecord
from bench.report.page.timelines import marks_of

pytestmark = pytest.mark.slow

SERVER = Path(__file__).parents[1] / "truth" / "known_server.py"
Ran = tuple[RunRecord, pd.DataFrame]

OPEN = """
[data]
patterns = 0
sessions = 60

[[phase]]
phase = "warmup"
duration = "500ms"
constant = { rate = 20 }

[[phase]]
phase = "measure"
name = "climb"
duration = "2s"
ramp = { from = 0, to = 60 }

[[phase]]
phase = "measure"
duration = "1s"
step = { rates = [20, 50] }

[[phase]]
phase = "measure"
duration = "1s"
spike = { base = 10, peak = 80, at = "200ms", for = "300ms", spacing = "constant" }

[[phase]]
phase = "measure"
duration = "1s"
sine = { mean = 40, amplitude = 30, period = "500ms" }

[[phase]]
phase = "measure"
name = "replay"
duration = "1s"
trace = { file = "times.txt", speed = 2 }
"""
CLOSED = """
[data]
patterns = 0

[[phase]]
phase = "warmup"
duration = "1s"
closed = { users = 2, think = "100ms" }

[[phase]]
phase = "measure"
duration = "2s"
closed = { users = 6, think = "200ms" }

[[phase]]
phase = "measure"
duration = "1s"
closed = { users = 3 }
"""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Ran]]:
    servers: list[subprocess.Popen[str]] = []

    def run(mode: str, text: str, *flags: str) -> Ran:
        server = subprocess.Popen(
            [sys.executable, str(SERVER), "--log", str(tmp_path / "log"), mode],
            stdout=subprocess.PIPE,
            text=True,
        )
        servers.append(server)
        assert server.stdout is not None
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        (tmp_path / "times.txt").write_text("\n".join(f"{100 + 0.05 * k:.2f}" for k in range(30)))
        plan = tmp_path / "plan.toml"
        plan.write_text(text)
        command = ["run", str(plan), "--target", url, "--out", str(tmp_path / "runs"), "--json", *flags]
        done = subprocess.run(
            [sys.executable, "-m", "bench.cli", *command], capture_output=True, text=True, timeout=100
        )
        assert done.returncode in (0, 5), done.stderr
        record = RunRecord(json.loads(done.stdout)["folder"])
        rows = record.requests().to_pandas()
        return record, rows[rows["phase"].isin(["warmup", "measure"])].sort_values("due", ignore_index=True)

    yield run
    for server in servers:
        server.kill()
        server.wait()


def scheduled(record: RunRecord) -> np.ndarray:
    plan = record.manifest.plan
    schedule = open_schedule(
        plan.arrivals, plan.phases, int(plan.data["sessions"]), plan.seed, traces.recorded_of(plan)
    )
    return np.array([arrival.due for arrival in schedule])


def busy_at_once(rows: pd.DataFrame) -> int:
    """Requests that were sent while another of the same session was open."""
    sent = rows.dropna(subset=["sent"]).sort_values(["session", "sent"])
    before = sent.groupby("session")["done"].shift()
    return int((before > sent["sent"]).sum())


def test_what_is_scheduled_is_delivered_whatever_the_kind(run: Callable[..., Ran]) -> None:
    record, rows = run("fixed:0.01", OPEN)
    due = scheduled(record)
    assert len(rows) == len(due) > 150
    start = record.phase("warmup").start  # type: ignore[union-attr]
    assert rows["due"].to_numpy() - start == pytest.approx(due, abs=1e-6)
    assert (rows["error"] == "").all()
    assert (rows["phase"] == "warmup").sum() == 10
    assert len(rows[rows["due"] - start >= 5.5]) == 30
    assert busy_at_once(rows) == 0
    parts = [event for event in record.events() if event["kind"] == "part"]
    assert [event["name"] for event in parts] == [
        "warmup",
        "climb",
        "measure",
        "measure",
        "measure",
        "replay",
    ]
    assert [round(event["start"] - start, 3) for event in parts] == [0, 0.5, 2.5, 3.5, 4.5, 5.5]
    assert parts[-1]["end"] == pytest.approx(start + 6.5, abs=0.01)
    shown = [mark.text for mark in marks_of(record.events())]
    assert "climb begins: ramp from 0/s to 60/s" in shown
    soundness = record.manifest.soundness
    assert soundness is not None
    assert not {"not_steady", "overloaded"} & {reason.code for reason in soundness.reasons}


def test_users_come_and_go_with_the_parts(run: Callable[..., Ran]) -> None:
    record, rows = run("fixed:0.05", CLOSED)
    start = record.phase("warmup").start  # type: ignore[union-attr]
    at = rows["due"] - start
    active = [set(rows["session"][(at >= low) & (at < high)]) for low, high in ((0, 1), (1, 3), (3, 4))]
    assert active == [{0, 1}, set(range(6)), {0, 1, 2}]
    assert busy_at_once(rows) == 0
    counts = [((at >= low) & (at < high)).sum() for low, high in ((0, 1), (1, 3), (3, 4))]
    # A round takes the answer and the thought: 0.15 s, 0.25 s, 0.05 s.
    assert counts == pytest.approx([2 * 7, 6 * 8, 3 * 19], rel=0.25)


TOO_MUCH = """
timeout = "1s"

[data]
patterns = 0
sessions = 1

[[phase]]
phase = "measure"
duration = "2s"
ramp = { from = 10, to = 100 }

[[phase]]
phase = "measure"
duration = "2s"
trace = { file = "times.txt" }
"""


def test_what_cannot_be_sent_in_time_is_dropped_and_counted(run: Callable[..., Ran]) -> None:
    """One session gets two answers a second: most of what is due waits for it until its time is up."""
    record, rows = run("fixed:0.5", TOO_MUCH)
    due = scheduled(record)
    start = record.phase("measure").start  # type: ignore[union-attr]
    assert rows["due"].to_numpy() - start == pytest.approx(due, abs=1e-6)
    dropped = rows["error"] == "dropped"
    for begins in (0, 2):
        at = rows["due"] - start
        mine = (at >= begins) & (at < begins + 2)
        assert (dropped & mine).sum() > 0.5 * mine.sum() > 10
    assert rows["sent"][dropped].isna().all()
    assert busy_at_once(rows) == 0
    soundness = record.manifest.soundness
    assert soundness is not None
    assert "overloaded" in {reason.code for reason in soundness.reasons}
