"""The capacity commands as users run them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "bench.cli", "capacity"]


def run(*arguments: str, timeout: float = 30) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=timeout)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["search"], "needs an objective"),
        (["search", "--objective", "p95(predict)<80ms", "--width", "2"], "--width 2"),
        (["search", "--objective", "p95(predict)<80ms", "--budget", "soon"], "--budget soon"),
        (["search", "--objective", "rate>5/s"], "more load does not break it"),
        (["search", "--objective", "p95(predict)<80ms", "--redis-url", "http://h"], "such as redis://"),
        (["growth", "--qdrant-url", "redis://h"], "such as http://"),
        (["growth", "--sizes", "many"], "--sizes"),
        (["growth", "--scenario", "train"], "option patterns"),
        (["plan", "--patterns-per-day", "5", "--sessions-per-day", "5", "--horizon", "-1mo"], "--horizon"),
        (["plan", "--patterns-per-day", "5"], "sessions-per-day"),
        (["plan", "--patterns-per-day", "5", "--sessions-per-day", "5", "--out", "/proc"], "--out"),
        (["search", "--objective", "p95(predict)<80ms", "--out", "/proc"], "--out"),
        (["growth", "--out", "/proc"], "--out"),
    ],
)
def test_bad_input_gets_its_sentence_and_code(arguments: list[str], words: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_target_that_is_not_there_ends_the_search_with_its_code(tmp_path: Path) -> None:
    done = run(
        "search", "--objective", "p95(predict)<80ms", "--target", "http://127.0.0.1:1", "--out", str(tmp_path)
    )
    assert done.returncode == 6
    assert "127.0.0.1:1" in done.stderr


@pytest.mark.truth
def test_a_small_search_on_the_embedded_deployment(tmp_path: Path) -> None:
    """An objective that 80/s cannot break, so that every trial is the same and the result is certain."""
    done = run(
        *("search", "--objective", "p50(predict)<20s", "--rate", "60", "--max-rate", "80", "--trial", "4"),
        *("--warmup", "1", "--confirm", "0", "--data", "patterns=10", "--out", str(tmp_path), "--json"),
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["low"], result["high"]) == (80, None)
    assert [trial["purpose"] for trial in result["trials"]] == ["probe", "search", "search"]
    assert result["machine"]["cores"] >= 1
    assert json.loads((tmp_path / "capacity" / f"{result['id']}.json").read_text()) == result
    for trial in result["trials"]:
        manifest = json.loads((tmp_path / trial["run"] / "run.json").read_text())
        assert manifest["plan"]["tags"]["capacity"] == result["id"]
    assert "trial 3 (search)" in done.stderr
