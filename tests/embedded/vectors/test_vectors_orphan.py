"""A child ends with its parent, by either of the two ways."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from vectors_front import wait_until

_CHILD = """
import sys, time
from pathlib import Path
from bench.targets.embedded.vectors.orphan import run_while_parent_lives

def work():
    import os
    Path(sys.argv[1]).write_text(str(os.getpid()))
    {work}

sys.exit(run_while_parent_lives(work, signalled={signalled}))
"""
_PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1], sys.argv[2]])"

ways = pytest.mark.parametrize(
    "signalled",
    [pytest.param(True, marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux only")), False],
)


def child(signalled: bool, work: str) -> str:
    return _CHILD.format(signalled=signalled, work=work)


@ways
@pytest.mark.parametrize("code", [0, 3])
def test_the_exit_code_is_that_of_the_work(tmp_path: Path, signalled: bool, code: int) -> None:
    argv = [sys.executable, "-c", child(signalled, f"return {code}"), str(tmp_path / "pid")]
    assert subprocess.run(argv, timeout=20).returncode == code


@ways
def test_the_work_ends_when_the_parent_is_killed(tmp_path: Path, signalled: bool) -> None:
    note = tmp_path / "pid"
    # A loop that never lets go of the interpreter lock for long, as an index build does not.
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, child(signalled, "while True: pass"), str(note)]
    )
    worker = psutil.Process(int(wait_until(lambda: note.exists() and note.read_text(), "the work has begun")))
    parent.kill()
    parent.wait()
    wait_until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, "it has ended", 5)


@ways
def test_ending_the_child_ends_the_work(tmp_path: Path, signalled: bool) -> None:
    note = tmp_path / "pid"
    argv = [sys.executable, "-c", child(signalled, "while True: pass"), str(note)]
    process = subprocess.Popen(argv)
    worker = psutil.Process(int(wait_until(lambda: note.exists() and note.read_text(), "the work has begun")))
    process.terminate()
    assert process.wait(10) != 0
    wait_until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, "it has ended", 5)
