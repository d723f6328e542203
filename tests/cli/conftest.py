"""The real command, as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

Start = Callable[..., "subprocess.Popen[str]"]

COMMAND = [sys.executable, "-m", "bench.cli"]


def environment() -> dict[str, str]:
    """The tests' own environment without what a CI job would add to the tags."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "CI"))}


def run(*arguments: str, cwd: Path | None = None, timeout: float = 100) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=timeout, cwd=cwd, env=environment()
    )


def family(pid: int) -> list[psutil.Process]:
    """A process and all its descendants, those of other sessions too."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a command in the background; whatever the test leaves of it is ended."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.communicate(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()


@pytest.fixture(scope="module")
def deployment() -> Iterator[dict[str, Any]]:
    """`kato-bench up`, for tests that need a running KATO."""
    process = subprocess.Popen(
        [*COMMAND, "up", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    line = process.stdout.readline()
    assert line, process.stderr.read()
    facts: dict[str, Any] = json.loads(line)
    yield facts
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=15)
    assert process.returncode == 0
