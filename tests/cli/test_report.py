"""The page at the end of a run, and `kato-bench report`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

import bench
from bench.measuring import write_report
from bench.record.reader import RunRecord

from .conftest import COMMAND, environment, run

pytestmark = pytest.mark.timeout(120)

SHORT = ("--data", "patterns=20", "--data", "sessions=12", "--warmup", "1", "--duration", "4")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("runs")
    done = run("run", "--json", "--out", str(base), "--tag", "of=report", *SHORT)
    assert done.returncode in (0, 5), done.stderr
    return Path(json.loads(done.stdout)["folder"])


def test_a_run_leaves_its_page(measured: Path) -> None:
    page = (measured / "derived" / "report.html").read_text(encoding="utf-8")
    for said in (measured.name, "answered", "predict", "of=report", "uvicorn.workers", "kato-bench run "):
        assert said in page
    assert bench.load(measured).record.verify() == []


def test_it_can_be_written_again_and_elsewhere(measured: Path, tmp_path: Path) -> None:
    (measured / "derived" / "report.html").unlink()
    done = run("report", measured.name[-4:], "--out", str(measured.parent))
    assert (done.returncode, done.stdout) == (0, f"{measured / 'derived' / 'report.html'}\n")
    elsewhere = tmp_path / "new" / "page.html"
    done = run("report", str(measured), "--output", str(elsewhere), "--json")
    said = json.loads(done.stdout)
    assert said == {"run": measured.name, "report": str(elsewhere), "bytes": elsewhere.stat().st_size}
    assert elsewhere.read_bytes() == (measured / "derived" / "report.html").read_bytes()


def test_it_can_be_shown(measured: Path, tmp_path: Path) -> None:
    browser, seen = tmp_path / "browser", tmp_path / "seen"
    browser.write_text(f'#!/bin/sh\necho "$1" > {seen}\n')
    browser.chmod(0o755)
    done = subprocess.run(
        [*COMMAND, "report", str(measured), "--open"],
        env={**environment(), "BROWSER": f"{browser} %s"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert seen.read_text().strip() == (measured / "derived" / "report.html").as_uri()
    assert done.stderr == ""


def test_what_cannot_be_reported_is_said_in_a_sentence(measured: Path, tmp_path: Path) -> None:
    nothing = run("report", "abcd", "--out", str(tmp_path))
    assert (nothing.returncode, nothing.stdout) == (2, "")
    assert "There is no run in" in nothing.stderr
    blocked = run("report", str(measured), "--output", "/dev/null/report.html")
    assert (blocked.returncode, blocked.stdout) == (2, "")
    assert len(blocked.stderr.splitlines()) == 1
    assert "--output" in blocked.stderr


def test_a_page_that_cannot_be_written_is_no_failure_of_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_report(RunRecord(tmp_path))
    assert "the report was not written" in capsys.readouterr().err
