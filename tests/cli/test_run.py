"""`kato-bench run` on the real embedded deployment."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from bench.record.reader import RunRecord

from .conftest import Start, family, run

pytestmark = pytest.mark.timeout(180)

SMALL = ("--data", "patterns=20", "--data", "sessions=12", "--warmup", "1")


def test_a_run_says_what_it_measured_and_on_what(tmp_path: Path) -> None:
    done = run("run", "--json", "--out", str(tmp_path), "--duration", "4", "--tag", "commit=abc", *SMALL)
    assert done.returncode in (0, 5), done.stderr
    summary = json.loads(done.stdout)
    assert summary["status"] == "finished"
    assert {"observe", "predict"} <= summary["operations"].keys()
    assert summary["soundness"]["level"] in ("sound", "qualified", "unsound")
    assert summary["totals"]["errors"] == 0
    assert summary["tags"] == {"commit": "abc"}
    versions = {part["name"]: part["version"] for part in summary["parts"]}
    assert set(versions) == {"kato", "redis", "qdrant", "clickhouse"}
    assert all(versions.values())

    record = RunRecord(summary["folder"])
    assert record.verify() == []
    assert [phase.name for phase in record.manifest.phases] == ["preload", "warmup", "measure"]
    assert {source for source, _, _ in record.metrics()} == {
        "host",
        "machine",
        "process",
        "redis",
        "qdrant",
        "clickhouse",
        "kato",
    }
    learned = [end["learned"] for end in record.manifest.load.ends if "learned" in end]
    assert learned == [80]

    listed = json.loads(run("list", "--json", "--out", str(tmp_path)).stdout)["runs"]
    assert [row["run"] for row in listed] == [summary["run"]]
    shown = json.loads(run("show", summary["run"][-4:], "--json", "--out", str(tmp_path)).stdout)
    assert shown == summary
    page = run("show", "--out", str(tmp_path)).stdout
    assert summary["run"] in page
    assert "predict" in page


def test_predictions_are_real(tmp_path: Path) -> None:
    """Conversations begin as learned patterns do, so KATO must find some."""
    done = run("run", "--json", "--out", str(tmp_path), "--duration", "3", *SMALL)
    rows = RunRecord(json.loads(done.stdout)["folder"]).requests(["operation", "items", "phase"]).to_pandas()
    predictions = rows[(rows["operation"] == "predict") & (rows["phase"] != "preload")]["items"]
    assert predictions.mean() > 1


@pytest.mark.parametrize("flags", [("--users", "3", "--think", "0.02"), ("--arrivals", "constant")])
def test_other_arrivals_and_the_train_scenario(tmp_path: Path, flags: tuple[str, ...]) -> None:
    options = ("--scenario", "train", "--duration", "3", "--warmup", "0", "--data", "sessions=8")
    done = run("run", "--json", "--out", str(tmp_path), *options, *flags)
    summary = json.loads(done.stdout)
    assert summary["operations"].keys() == {"sequence", "learn"}
    assert summary["totals"]["errors"] == 0
    assert summary["totals"]["answered"] > 20


def test_objectives_decide_the_exit_code(tmp_path: Path) -> None:
    met = run("run", "--out", str(tmp_path), "--duration", "3", "--objective", "errors<50%", *SMALL)
    assert met.returncode in (0, 5), met.stderr
    missed = run(
        *("run", "--out", str(tmp_path), "--duration", "3", "--objective", "rate >= 5000/s", *SMALL),
        *("--objective", "errors<50%", "--json"),
    )
    summary = json.loads(missed.stdout)
    verdicts = [objective["verdict"] for objective in summary["objectives"]]
    if summary["soundness"]["level"] == "unsound":
        assert (verdicts, missed.returncode) == (["inconclusive", "inconclusive"], 5)
    else:
        assert (verdicts, missed.returncode) == (["fail", "pass"], 3)


def test_evictions_show_in_the_series_and_are_called_a_loss(tmp_path: Path) -> None:
    """20 MB hold some 1 000 patterns of 200 tokens; the rest evicts what was learned before."""
    done = run(
        *("run", "--json", "--out", str(tmp_path), "--duration", "4", "--warmup", "0", "--rate", "5"),
        *("--set", "redis.maxmemory=20mb", "--set", "redis.maxmemory-policy=allkeys-lru"),
        *("--data", "patterns=500", "--data", "events=10", "--data", "symbols=20", "--data", "sessions=8"),
    )
    summary = json.loads(done.stdout)
    metrics = RunRecord(summary["folder"]).metrics()
    _, evicted = metrics["redis", "", "evicted_keys_total"]
    assert evicted[-1] > 100
    critical = {finding["id"] for finding in summary["findings"] if finding["severity"] == "critical"}
    assert any("evict" in name for name in critical), summary["findings"]


def _wait_for_requests(folder: Path, process: subprocess.Popen[str]) -> Path:
    """Until the run in `folder` has recorded requests of the load proper."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        for run_folder in folder.glob("*-chat-*"):
            if (run_folder / "run.json").exists() and RunRecord(run_folder).count(
                None, "measure"
            ).requests > 20:
                return run_folder
        time.sleep(0.1)
    raise AssertionError("the run did not begin to measure")


def test_kill_9_leaves_no_process_and_a_readable_run(tmp_path: Path, start: Start) -> None:
    process = start("run", "--out", str(tmp_path), "--duration", "60", *SMALL)
    folder = _wait_for_requests(tmp_path, process)
    everybody = family(process.pid)
    names = " ".join(" ".join(one.cmdline()) for one in everybody)
    assert all(
        part in names
        for part in ("vectors", "patterns", "uvicorn", "loadgen.child", "collectors", "guardian")
    )
    before = RunRecord(folder).count(None, None).requests
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(everybody, timeout=10)
    assert [one for one in alive if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []
    record = RunRecord(folder)
    assert record.manifest.status == "interrupted"
    assert record.count(None, None).requests >= before
    assert "interrupted" in run("show", folder.name, "--out", str(tmp_path)).stdout
    assert "interrupted" in run("list", "--out", str(tmp_path)).stdout
    assert not any(folder.glob("parts/*/*"))


def test_ctrl_c_keeps_what_was_measured(tmp_path: Path, start: Start) -> None:
    process = start("run", "--out", str(tmp_path), "--duration", "60", *SMALL)
    folder = _wait_for_requests(tmp_path, process)
    everybody = family(process.pid)[1:]
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    record = RunRecord(folder)
    assert record.manifest.status == "interrupted"
    assert record.manifest.reason
    assert record.verify() == []
    _, alive = psutil.wait_procs(everybody, timeout=5)
    assert alive == []


def test_a_part_that_dies_is_named(tmp_path: Path, start: Start) -> None:
    process = start("run", "--out", str(tmp_path), "--duration", "60", *SMALL)
    folder = _wait_for_requests(tmp_path, process)
    target = RunRecord(folder).manifest.target
    assert target is not None
    redis = target.part("redis")
    assert redis is not None
    assert redis.pid is not None
    psutil.Process(redis.pid).kill()
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 1
    told = [line for line in stderr.splitlines() if line.startswith("kato-bench: ")]
    assert "Redis" in told[-1], stderr
    assert "Traceback" not in stderr
    assert RunRecord(folder).manifest.status == "interrupted"


@pytest.mark.skipif(shutil.which("mount") is None, reason="needs mount to make a small disk")
def test_a_full_disk_is_said_in_one_sentence(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(disk)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("mounting needs root")
    try:
        done = run("run", "--out", str(disk), "--duration", "20", "--rate", "300", *SMALL)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
    assert done.returncode == 2, done.stderr
    assert "no space left" in done.stderr.splitlines()[-1].lower()
    assert "Traceback" not in done.stderr
