"""`compare` and `gate` as a user runs them."""

from __future__ import annotations

import json
import signal
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from bench.cli import main

from .conftest import COMMAND, Start, environment, run

#: Four runs and more in one fixture take their time on a machine that does other work too.
pytestmark = pytest.mark.timeout(240)

SHORT = ("--duration", "2", "--warmup", "1", "--data", "patterns=20", "--data", "nodes=1")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--baseline"),
        (["--baseline", ""], "--candidate"),
        (["--baseline", "", "--candidate", "workers=2"], "'workers' does not belong there"),
        (["--baseline", "", "--candidate", "--rate 50"], "'--rate' does not belong there"),
        (["--baseline", "", "--candidate", "--set"], "--set needs a value"),
        (["--baseline", "", "--candidate", "--set uvicorn.worker=2"], "uvicorn.workers"),
        (["--baseline", "", "--candidate", "--workers two"], "whole number"),
        (["--baseline", "", "--candidate", "--workers 2 --workers 3"], "two values"),
        (["--baseline", "", "--candidate", "--profile fast"], "healthy and shipped"),
        (["--baseline", "", "--candidate", "--fault cpuu=15%"], "'cpuu'"),
        (["--baseline", "", "--candidate", "--fault cpu=15"], "cpu=15%"),
        (["--baseline", "", "--candidate", "--set 'a"], "no closing quotation"),
        (["--baseline", "", "--candidate", "http://127.0.0.1:1 --workers 2"], "runs already"),
        (["--baseline", "", "--candidate", "--redis-url http://127.0.0.1:1"], "such as redis://"),
        (["--baseline", "", "--candidate", "--kato-source nowhere"], "is no folder"),
        (["--baseline", "", "--candidate", "--kato-venv"], "name it with --kato-source"),
        (
            ["--baseline", "", "--candidate", "", "--scenario", "vectors", "--candidate", "http://[::1]:1"],
            "--qdrant-url",
        ),
        (["--baseline", "", "--candidate", "", "--pairs", "1"], "--pairs 1"),
        (["--baseline", "", "--candidate", "", "--max-pairs", "7"], "--max-pairs 7"),
        (["--baseline", "", "--candidate", "", "--tolerance", "7"], "such as 7%"),
        (["--baseline", "", "--candidate", "", "--tolerance", "0%"], "--tolerance 0%"),
        (["--baseline", "", "--candidate", "", "--error-tolerance", "x%"], "such as 0.5%"),
        (["--baseline", "", "--candidate", "", "--budget", "soon"], "20m"),
        (["--baseline", "", "--candidate", "", "--budget", "0m"], "20m"),
        (["--baseline", "", "--candidate", "", "--on-inconclusive", "skip"], "pass and fail"),
        (["--baseline", "", "--candidate", "", "--rate", "0"], "--rate 0"),
        (["--baseline", "", "--candidate", "", "--arrivals", "closed"], "--users"),
        (["--baseline", "", "--candidate", "", "--junit", "no/such/file.xml"], "no/such"),
        (["--baseline", "", "--candidate", "", "--markdown", "."], "name a file"),
    ],
)
def test_wrong_flags_of_gate(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In this process, because nothing is started before every flag has been read."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["gate", *arguments])
    said = capsys.readouterr()
    assert ended.value.code == 2, said.err
    assert words in said.err
    assert len(said.err.splitlines()) == 1
    assert said.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Side A names no run"),
        (["x"], "no run"),
        (["x", "y"], "no run"),
        (["empty.json", "y"], "is not a baseline"),
    ],
)
def test_wrong_flags_of_compare(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "empty.json").write_text("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["compare", *arguments])
    said = capsys.readouterr().err
    assert ended.value.code == 2, said
    assert words in said
    assert len(said.splitlines()) == 1


def test_a_stopped_gate_says_so_and_writes_what_it_has(start: Start, tmp_path: Path) -> None:
    arguments = ["--baseline", "", "--candidate", "", *SHORT, "--duration", "60"]
    files = ["--junit", str(tmp_path / "gate.xml"), "--out", str(tmp_path / "runs")]
    process = start("gate", *arguments, *files, "--json")
    assert process.stderr is not None
    assert any(line.startswith("measure") for line in process.stderr)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    found = json.loads(out)
    assert (found["verdict"], found["interrupted"], found["sentences"]) == (
        "inconclusive",
        True,
        ["it was stopped"],
    )
    assert ET.parse(tmp_path / "gate.xml").find("testsuite/testcase/skipped") is not None


def test_an_unreachable_side_ends_the_gate(tmp_path: Path) -> None:
    url = "http://127.0.0.1:9"
    done = run("gate", "--baseline", url, "--candidate", url, "--pairs", "2", cwd=tmp_path)
    assert done.returncode == 6, done.stderr
    assert url in done.stderr


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A real gate of two pairs, the candidate with three times the CPU on top."""
    folder = tmp_path_factory.mktemp("gate")
    arguments = ["--baseline", "", "--candidate", "--fault cpu=300%", "--pairs", "2", "--max-pairs", "2"]
    files = ["--junit", "gate.xml", "--markdown", "gate.md", "--save-baseline", "candidate.json"]
    (folder / "summary.md").write_text("# From an earlier step\n")
    done = subprocess.run(
        [*COMMAND, "gate", *arguments, *SHORT, *files, "--on-inconclusive", "fail", "--json"],
        capture_output=True,
        text=True,
        timeout=200,
        cwd=folder,
        env={**environment(), "GITHUB_STEP_SUMMARY": str(folder / "summary.md")},
    )
    found: dict[str, Any] = json.loads(done.stdout)
    # So few pairs may leave it open; a pass would be wrong.
    assert (done.returncode, found["verdict"]) in ((4, "fail"), (4, "inconclusive")), done.stderr
    return folder, found


def test_a_real_gate_writes_its_files(gated: tuple[Path, dict[str, Any]]) -> None:
    folder, found = gated
    assert found["differences"] == ["faults.cpu: none -> 300%"]
    assert len(found["pairs"]) == 2
    changes = {(one["operation"], one["metric"]): one["change"] for one in found["metrics"]}
    assert changes["predict", "service_p50"] > 0.3
    assert changes["all", "kato_cpu"] > 0.3
    suite = ET.parse(folder / "gate.xml").getroot()[0]
    names = {case.get("name") for case in suite.findall("testcase")}
    assert {"KATO CPU per request", "error share"} <= names
    assert suite.find("testcase/failure") is not None
    summary = (folder / "summary.md").read_text()
    assert summary == "# From an earlier step\n" + (folder / "gate.md").read_text()
    assert "| predict | service p50 |" in summary or "| predict | response p50 |" in summary
    runs = sorted(path.name for path in (folder / "results" / "runs").iterdir())
    assert runs == sorted(pair[side] for pair in found["pairs"] for side in ("baseline", "candidate"))


def test_its_runs_and_its_file_can_be_compared(gated: tuple[Path, dict[str, Any]]) -> None:
    folder, found = gated
    baselines = ",".join(pair["baseline"] for pair in found["pairs"])
    candidates = [pair["candidate"] for pair in found["pairs"]]
    done = run("compare", baselines, "candidate.json", "--json", "--allow-qualified", cwd=folder)
    assert done.returncode == 0, done.stderr
    compared = json.loads(done.stdout)
    assert compared["b"] == candidates
    assert compared["differences"] == ["faults.cpu: none -> 300%"]
    cpu = next(one for one in compared["effects"] if one["metric"] == "kato_cpu")
    assert cpu["low"] < cpu["change"] < cpu["high"]

    single = run("compare", found["pairs"][0]["baseline"], candidates[0], "--allow-qualified", cwd=folder)
    assert single.returncode == 0, single.stderr
    assert "1 against 1 runs give no interval" in " ".join(single.stdout.split())

    twice = run("compare", candidates[0], f"{candidates[1]},{candidates[1]}", cwd=folder)
    assert (twice.returncode, "twice" in twice.stderr) == (2, True)
    mixed = run("compare", f"{baselines},{candidates[0]}", candidates[1], "--allow-qualified", cwd=folder)
    assert (mixed.returncode, "faults.cpu" in mixed.stderr) == (2, True)


def test_what_differs_is_refused_by_name(gated: tuple[Path, dict[str, Any]]) -> None:
    folder, found = gated
    baseline = found["pairs"][0]["baseline"]
    saved = json.loads((folder / "candidate.json").read_text())
    saved["runs"] = saved["runs"][:1]
    saved["runs"][0]["load"]["arrivals"]["rate"] = 60.0
    (folder / "other.json").write_text(json.dumps(saved))
    refused = run("compare", baseline, "other.json", "--allow-qualified", cwd=folder)
    assert refused.returncode == 2
    assert "load.arrivals.rate: 30.0, 60.0" in refused.stderr
    allowed = run("compare", baseline, "other.json", "--allow-different", "--allow-qualified", cwd=folder)
    assert allowed.returncode == 0
    assert "ATTENTION" in allowed.stdout

    saved["runs"][0]["soundness"] = "unsound"
    (folder / "unsound.json").write_text(json.dumps(saved))
    unsound = run("compare", baseline, "unsound.json", "--allow-qualified", cwd=folder)
    assert unsound.returncode == 5
    assert "unsound" in unsound.stderr
    saved["runs"][0]["soundness"] = "qualified"
    (folder / "qualified.json").write_text(json.dumps(saved))
    qualified = run("compare", "qualified.json", baseline, cwd=folder)
    assert (qualified.returncode, "--allow-qualified" in qualified.stderr) == (5, True)
    itself = run("compare", baseline, baseline, "--allow-qualified", cwd=folder)
    assert (itself.returncode, "both sides" in itself.stderr) == (2, True)
