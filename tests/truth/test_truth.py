"""Recorded response times against servers of known latency, judged pathwise: the server tells when each
request came and how long it served it, and the due times are replayed through the same law."""

from __future__ import annotations

import heapq
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.record.reader import RunRecord

pytestmark = [pytest.mark.truth, pytest.mark.timeout(180)]

SERVER = Path(__file__).with_name("known_server.py")


@dataclass
class Recorded:
    """The measured requests in due order, and the server's log in the order in which they came: `drawn`
    service times, and by how much the server itself was late with each answer."""

    due: np.ndarray
    response: np.ndarray
    service: np.ndarray
    lag: np.ndarray
    came: np.ndarray
    drawn: np.ndarray
    late: np.ndarray
    rows: pd.DataFrame
    summary: dict[str, Any]


Measure = Callable[..., Recorded]


@pytest.fixture
def measure(tmp_path: Path) -> Iterator[Measure]:
    """Run the real command against a known server and read back both sides."""
    servers: list[subprocess.Popen[str]] = []

    def run(mode: str, *flags: str, errors: bool = False, sessions: int = 400) -> Recorded:
        log = tmp_path / "server.jsonl"
        server = subprocess.Popen(
            [sys.executable, str(SERVER), "--log", str(log), mode], stdout=subprocess.PIPE, text=True
        )
        servers.append(server)
        assert server.stdout is not None
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        done = subprocess.run(
            [
                *(sys.executable, "-m", "bench.cli", "run", "--target", url, "--out", str(tmp_path / "runs")),
                *("--data", "patterns=0", "--data", f"sessions={sessions}", "--connections", "400", "--json"),
                *flags,
            ],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode in (0, 3, 5), done.stderr
        server.terminate()
        server.wait(10)
        record = RunRecord(json.loads(done.stdout)["folder"])
        table = record.requests().to_pandas()
        load = table[table["phase"].isin(["warmup", "measure"])].sort_values("due")
        assert errors or (load["error"] == "").all()
        lines = log.read_text().splitlines()
        entries = np.array([json.loads(line) for line in lines]).reshape(-1, 4)
        entries = entries[np.argsort(entries[:, 0])]
        origin = record.manifest.origin_monotonic
        due, picked, sent, ended = (load[name].to_numpy() for name in ("due", "picked", "sent", "done"))
        came, leaves, drawn, left = entries.T
        summary = json.loads(done.stdout)
        return Recorded(
            due, ended - due, ended - sent, picked - due, came - origin, drawn, left - leaves, load, summary
        )

    yield run
    for server in servers:
        server.kill()
        server.wait()


def test_a_fixed_service_time_is_recorded_within_two_percent(measure: Measure) -> None:
    run = measure("fixed:0.1", "--rate", "50", "--warmup", "0", "--duration", "8")
    assert len(run.due) > 300
    for q in (0.5, 0.95):
        assert np.quantile(run.response, q) == pytest.approx(np.quantile(0.1 + run.late, q), rel=0.02)


def test_a_stalling_server_is_seen_as_its_users_see_it(measure: Measure) -> None:
    """200 requests/s, everything held for 500 ms every 5 s, four whole periods. A tool that waits for
    answers before it sends sees the stall in a handful of requests and calls the p95 a few ms."""
    run = measure(
        "stall:0.5:5", "--arrivals", "constant", "--rate", "200", "--warmup", "0", "--duration", "20"
    )
    first = run.came[0]
    into = (run.due - first) % 5
    expected = np.where(into >= 4.5, 5 - into, 0.0)
    assert np.quantile(run.response, 0.95) == pytest.approx(np.quantile(expected, 0.95), rel=0.05)
    assert len(run.due) == 4000


@pytest.mark.parametrize("utilisation", [0.5, 0.8])
@pytest.mark.parametrize(
    ("mode", "servers", "seconds"), [("queue:0.02:7", 1, 0.02), ("servers:2:0.06", 2, 0.06)]
)
def test_a_queue_is_recorded_as_its_path_has_it(
    measure: Measure, mode: str, servers: int, seconds: float, utilisation: float
) -> None:
    """M/M/1, and M/D/2: the same arrivals, served as the server says, by who is free first (Lindley; Kiefer
    and Wolfowitz)."""
    rate = utilisation * servers / seconds
    flags = ("--rate", str(rate), "--warmup", "0", "--duration", "20", "--seed", "5")
    run = measure(mode, *flags, sessions=2000)
    assert len(run.drawn) == len(run.due) == pytest.approx(20 * rate, rel=0.2)
    free = [0.0] * servers
    expected = np.empty(len(run.due))
    for k, (due, service) in enumerate(zip(run.due, run.drawn, strict=True)):
        leaves = max(heapq.heappop(free), due) + service
        heapq.heappush(free, leaves)
        expected[k] = leaves - due
    expected += run.late
    for q in (0.5, 0.95, 0.99):
        assert np.quantile(run.response, q) == pytest.approx(np.quantile(expected, q), rel=0.05, abs=0.002)


def test_an_overloaded_server_slows_no_schedule_and_is_called_so(measure: Measure) -> None:
    """Twice what one server can do: every request falls due all the same, and the run is not called sound."""
    flags = ("--rate", "60", "--warmup", "0", "--duration", "12", "--arrivals", "constant")
    run = measure("queue:0.033:3", *flags, errors=True)
    assert len(run.due) == 720
    np.testing.assert_allclose(np.diff(run.due), 1 / 60, atol=1e-6)
    assert run.summary["soundness"]["level"] == "qualified"
    assert "overloaded" in {reason["code"] for reason in run.summary["soundness"]["reasons"]}
    assert run.summary["rate"]["value"] == pytest.approx(30, rel=0.2)


def test_a_server_that_never_answers_loses_no_request_from_the_record(measure: Measure) -> None:
    flags = ("--rate", "20", "--warmup", "0", "--duration", "4", "--timeout", "1")
    run = measure("fixed:300", *flags, errors=True, sessions=5)
    assert len(run.due) == pytest.approx(80, abs=30)
    assert set(run.rows["error"]) == {"timeout", "dropped"}
    dropped = run.rows[run.rows["error"] == "dropped"]
    assert dropped["sent"].isna().all()
    assert dropped["done"].isna().all()
    timed_out = run.rows[run.rows["error"] == "timeout"]
    assert timed_out["done"].isna().all()
    assert run.summary["operations"]["observe"]["response"]["p50"]["no_answer"]


def test_requests_without_an_answer_fail_an_objective_that_the_answers_meet(measure: Measure) -> None:
    """One in ten is never answered: the p50 is true, the p95 has no end, and no objective is met by it."""
    flags = ("--rate", "60", "--arrivals", "constant", "--warmup", "0", "--duration", "10", "--timeout", "1")
    bounds = ("--objective", "p50<60ms", "--objective", "p95<60ms", "--objective", "max<2s")
    run = measure("lossy:0.02:10", *flags, *bounds, errors=True)
    assert (run.rows["error"] == "timeout").mean() == pytest.approx(0.1, abs=0.01)
    outcomes = [verdict["verdict"] for verdict in run.summary["objectives"]]
    assert outcomes[1:] == ["fail", "fail"]
    assert outcomes[0] in ("pass", "inconclusive")


def test_what_is_dropped_keeps_its_place_in_the_script(measure: Measure) -> None:
    """Whether a server answers or not, the same seed has the same operations in due order."""
    flags = ("--rate", "10", "--warmup", "0", "--duration", "4", "--timeout", "1")
    told = [
        measure(mode, *flags, errors=True, sessions=1).rows[["operation", "session"]].to_numpy().tolist()
        for mode in ("fixed:0.001", "fixed:300")
    ]
    assert len(told[0]) > 20
    assert told[0] == told[1]


def test_the_same_seed_sends_the_same_requests(measure: Measure, tmp_path: Path) -> None:
    """In due order, with sessions by their index; the due times too, counted from the first of the load."""
    first, second = (measure("fixed:0.001", "--rate", "60", "--warmup", "1", "--duration", "2") for _ in "ab")
    assert len(first.due) == len(second.due)
    np.testing.assert_allclose(first.due - first.due[0], second.due - second.due[0], atol=1e-6)
    one, two = (
        RunRecord(folder).requests(["due", "operation", "session", "node", "phase"]).to_pandas()
        for folder in sorted((tmp_path / "runs").iterdir())
    )
    columns = ["operation", "session", "node", "phase"]
    assert (
        one.sort_values("due")[columns].to_numpy().tolist()
        == two.sort_values("due")[columns].to_numpy().tolist()
    )
