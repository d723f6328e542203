"""Commands that are started without stdin, stdout or stderr."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.record.folder import list_runs
from bench.record.reader import RunRecord

from .conftest import COMMAND, environment

SERVER = Path(__file__).parents[1] / "truth" / "known_server.py"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    server = subprocess.Popen(
        [sys.executable, str(SERVER), "--log", str(tmp_path / "log"), "fixed:0.001"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
    server.kill()
    server.wait()


def shell(line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, env=environment(), timeout=100
    )


def test_a_run_is_made_all_the_same(url: str, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    command = [*COMMAND, "run", "--target", url, "--out", str(folder)]
    command += ["--data", "patterns=0", "--duration", "1", "--warmup", "0"]
    done = shell(f"{shlex.join(command)} <&- >&- 2>&-")
    assert done.returncode in (0, 5), done.stderr
    (run,) = list_runs(folder)
    record = RunRecord(run)
    assert record.manifest.status == "finished"
    assert record.verify() == []
    assert record.count().errors == 0
    assert record.count().requests > 10


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("run -", "standard input is closed: send the plan there, or name its file."),
        ("mix -", "stdin is closed: send the log there, or name its file."),
    ],
)
def test_who_wants_to_read_stdin_says_that_it_is_closed(words: str, said: str) -> None:
    done = shell(f"{shlex.join(COMMAND)} {words} <&-")
    assert done.returncode == 2
    assert done.stderr == f"kato-bench: {said}\n"
