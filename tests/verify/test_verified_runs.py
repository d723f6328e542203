"""`kato-bench run --verify` as a user runs it: against a liar, a healthy deployment, and a broken one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from bench.record.reader import RunRecord
from bench.record.verified import wrong_answers

pytestmark = [pytest.mark.timeout(120), pytest.mark.slow]

#: Eight teachers are opened before the sessions of the load, whatever there is to teach.
TEACHERS, SESSIONS = 8, 6


def run(folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "bench.cli", "run", "--verify", "--out", str(folder)),
            *("--data", f"sessions={SESSIONS}", "--warmup", "0.5", *flags),
        ],
        capture_output=True,
        text=True,
        timeout=100,
    )


def summary_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.stdout, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def test_lies_are_in_the_summary_the_manifest_and_the_report(
    tmp_path: Path, liar: Callable[..., str]
) -> None:
    url = liar("field", TEACHERS + SESSIONS)
    flags = ("--target", url, "--data", "patterns=0", "--rate", "80", "--duration", "2.5", "--json")
    done = run(tmp_path, *flags)
    summary = summary_of(done)
    unsound = summary["soundness"]["level"] == "unsound"
    assert done.returncode == (5 if unsound else 3), done.stderr
    found = summary["verification"]
    assert found["replayed"] == found["sampled"] > 20
    # One prediction in five is a lie, and the sample is even.
    assert 0 < found["wrong"] < found["replayed"] / 2
    record = RunRecord(summary["folder"])
    assert record.manifest.verification is not None
    assert record.manifest.verification.wrong == found["wrong"]
    assert len(wrong_answers(record)) == min(20, found["wrong"]) == len(found["wrong_answers"])
    assert all(one["field"].endswith(".potential") for one in found["wrong_answers"])
    page = Path(summary["folder"], "derived/report.html").read_text()
    assert "Wrong answers:" in page
    assert unsound or "kato.wrong-answers" in {finding["id"] for finding in summary["findings"]}

    rows = record.requests(["operation", "phase", "session", "error"]).to_pandas()
    again = rows[(rows["phase"] == "cooldown") & (rows["session"] == -1)]
    assert (again["error"] == "").all()
    counts = again["operation"].value_counts()
    assert counts["create"] == counts["predict"] == counts["delete"] == found["replayed"]
    assert summary["totals"]["requests"] == (rows["phase"] == "measure").sum()


def test_a_healthy_deployment_answers_as_it_answers_one_user(tmp_path: Path) -> None:
    flags = ("--workers", "2", "--data", "patterns=60", "--rate", "60", "--duration", "3")
    done = run(tmp_path, *flags, "--objective", "wrong<=0%", "--json")
    summary = summary_of(done)
    found = summary["verification"]
    assert found["wrong"] == 0, found["wrong_answers"]
    assert found["replayed"] == found["sampled"] == 50, done.stderr
    assert summary["totals"]["errors"] == 0
    assert summary["soundness"]["level"] == "unsound" or summary["objectives"][0]["verdict"] == "pass"
    assert done.returncode in (0, 5)


def test_knowledge_that_is_lost_under_load_is_found_out(tmp_path: Path) -> None:
    """While it is measured, somebody else overwrites how often the patterns were learned: what was answered
    before that is not what a user gets now."""
    up = subprocess.Popen(
        [sys.executable, "-m", "bench.cli", "up", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert up.stdout is not None
        facts = json.loads(up.stdout.readline())
        store = next(part["address"] for part in facts["parts"] if part["name"] == "redis")
        load = subprocess.Popen(
            [
                *(sys.executable, "-m", "bench.cli", "run", "--verify", "--target", facts["base_url"]),
                *("--out", str(tmp_path), "--data", "patterns=20", "--rate", "60", "--duration", "4"),
                *("--warmup", "0", "--json"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert load.stderr is not None
        assert any(line.startswith("measure") for line in load.stderr)
        with redis.Redis.from_url(f"redis://{store}") as client:
            for key in client.scan_iter("*:frequency:*", count=1000):
                client.set(key, 7)
        output, _ = load.communicate(timeout=80)
    finally:
        up.send_signal(signal.SIGINT)
        up.communicate(timeout=20)
    found = json.loads(output)["verification"]
    assert found["wrong"] > 0, found
    assert found["wrong_answers"][0]["field"].endswith(".frequency")
    assert (found["wrong_answers"][0]["expected"], found["wrong_answers"][0]["got"]) == ("7", "1")
    assert load.returncode in (3, 5)


def test_a_run_that_learns_on_its_nodes_says_why_it_verifies_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, "--scenario", "train", "--duration", "1.5")
    assert "Answers are not verified: the run learns on its nodes." in done.stdout, done.stderr
    assert done.returncode in (0, 5)
