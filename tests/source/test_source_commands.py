"""`kato-bench --kato-source`, as a user runs it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from checkouts import APPLICATION, git

pytestmark = pytest.mark.timeout(300)

COMMAND = [sys.executable, "-m", "bench.cli"]
QUICK = ("--duration", "2", "--warmup", "0", "--data", "patterns=10")


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "CI"))}
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=280, cwd=cwd, env=ours
    )


def manifest(base: Path) -> dict[str, Any]:
    (folder,) = base.iterdir()
    found: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return found


def operations(summary: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = summary["operations"]
    return found


def test_a_branch_is_measured_from_within_it(checkout: Path) -> None:
    init = checkout / "kato" / "__init__.py"
    init.write_text(init.read_text() + "\n")
    flags = ("--kato-source", ".", "--workers", "1", "--set", "MAX_PREDICTIONS=5", "--rate", "10")
    done = run("run", *flags, *QUICK, "--json", cwd=checkout)
    assert done.returncode in (0, 5), done.stderr
    summary = json.loads(done.stdout)
    assert summary["totals"]["errors"] == 0, summary["totals"]
    assert {"observe", "predict"} <= operations(summary).keys()
    found = manifest(checkout / "results" / "runs")
    commit = git(checkout, "rev-parse", "HEAD")
    assert found["tags"] == {"commit": commit, "dirty": "true"}
    assert found["plan"]["tags"] == {}
    assert found["plan"]["target"]["source"] == {"folder": str(checkout), "python": None, "venv": False}
    assert (found["target"]["source"]["commit"], found["target"]["source"]["dirty"]) == (commit, True)
    assert found["target"]["kato_version"] == "3.10.1"
    assert found["fingerprint"]["must_match"]["engines"]["kato"] == "KATO checkout 3.10.1"
    (folder,) = (checkout / "results" / "runs").iterdir()
    assert "POST /sessions" in (folder / "logs" / "kato.log").read_text()
    page = (folder / "derived" / "report.html").read_text()
    assert f"{checkout}, commit {commit[:12]} with changes" in page
    assert not (folder / "parts").exists()
    # The report of a run repeats it; so does the summary of a recorded one.
    shown = run("show", str(folder))
    assert shown.returncode == 0, shown.stderr
    assert f"the KATO of the checkout {checkout}" in " ".join(shown.stdout.split())


def test_every_endpoint_keeps_the_contract(checkout: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    flags = ("--kato-source", str(checkout), "--workers", "2", "--scenario", "smoke", "--users", "2")
    done = run("run", *flags, "--duration", "6", "--warmup", "0", "--json", "--out", str(out))
    assert done.returncode in (0, 5), done.stderr
    summary = json.loads(done.stdout)
    assert summary["totals"]["errors"] == 0, summary["totals"]
    assert set(operations(summary)) >= {
        *("create", "observe", "sequence", "learn", "predict", "stm", "clear", "config", "extend", "lookup"),
    }


def test_vectors_are_found_in_the_checkouts_collections(checkout: Path, tmp_path: Path) -> None:
    data = ("vectors=400", "dimension=8", "patterns=4", "nodes=1", "sessions=2", "queries=300")
    flags = [word for one in data for word in ("--data", one)]
    done = run(
        *("run", "--kato-source", str(checkout), "--workers", "1", "--scenario", "vectors", "--rate", "5"),
        *("--duration", "2", "--warmup", "0", "--json", "--out", str(tmp_path / "runs"), *flags),
    )
    assert done.returncode in (0, 5), done.stderr
    assert json.loads(done.stdout)["totals"]["errors"] == 0
    (folder,) = (tmp_path / "runs").iterdir()
    kinds = [json.loads(line)["kind"] for line in (folder / "events.jsonl").read_text().splitlines()]
    assert "recall" in kinds, kinds


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--kato-source", "nowhere"], 2, "is no folder"),
        (["--kato-source", "."], 2, "is no KATO checkout: it has no kato/services/kato_fastapi.py"),
        (["--kato-source", "{kato}", "--kato-python", "/nowhere/python"], 2, "there is no such program"),
        (["--kato-source", "{kato}", "--target", "http://127.0.0.1:1"], 2, "runs already"),
        (["--kato-source", "{kato}", "--fault", "deadlock"], 2, "reference API"),
        (["--kato-source", "{kato}", "--redis-url", "redis://127.0.0.1:1"], 6, "cannot be reached"),
        (["--kato-venv"], 2, "--kato-source DIR"),
        (["--redis-url", "http://127.0.0.1:1"], 2, "such as redis://"),
    ],
)
def test_wrong_flags(checkout: Path, tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    done = run("run", *(word.format(kato=checkout) for word in arguments), cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert words in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.glob("results/runs/*")) == []


def test_one_that_crashes_leaves_no_run_and_shows_its_log(checkout: Path, tmp_path: Path) -> None:
    application = checkout / APPLICATION
    application.write_text(f"raise RuntimeError('out of luck')\n{application.read_text()}")
    done = run("run", "--kato-source", str(checkout), "--workers", "2", "--out", str(tmp_path / "runs"))
    assert done.returncode == 1, done.stderr
    assert f"KATO from {checkout} did not start" in done.stderr
    assert "RuntimeError: out of luck" in done.stderr
    assert list((tmp_path / "runs").iterdir()) == []


def family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def is_gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_killed_it_leaves_no_process(checkout: Path, tmp_path: Path) -> None:
    command = subprocess.Popen(
        [*COMMAND, "up", "--kato-source", str(checkout), "--workers", "2", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with command:
        assert command.stdout is not None
        assert command.stderr is not None
        line = command.stdout.readline()
        assert line, command.stderr.read()
        facts = json.loads(line)
        assert facts["kind"] == "source"
        processes = family(command.pid)
        served = [one for one in processes if "kato.services.kato_fastapi:app" in one.cmdline()]
        assert len(served[0].children()) >= 2
        command.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while not all(map(is_gone, processes)):
        assert time.monotonic() < deadline, [one for one in processes if not is_gone(one)]
        time.sleep(0.05)


def test_a_plan_file_names_a_checkout(checkout: Path, tmp_path: Path) -> None:
    shutil.copytree(checkout, tmp_path / "kato")
    plan = tmp_path / "plan.toml"
    plan.write_text(
        "[target]\nsource = 'kato'\nworkers = 1\n"
        "[[phase]]\nphase = 'measure'\nduration = '1s'\npoisson = { rate = 5 }\n"
    )
    done = run("plan", str(plan), "--json")
    assert done.returncode == 0, done.stderr
    target = json.loads(done.stdout)["plan"]["target"]
    assert (target["kind"], target["knobs"]) == ("source", {"uvicorn.workers": "1"})
    assert "the KATO of the checkout" in run("plan", str(plan)).stdout
    toml = run("plan", str(plan), "--toml").stdout
    assert f'source = "{tmp_path / "kato"}"' in toml
