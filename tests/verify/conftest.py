"""Servers that lie under load."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# The makers of run folders stand beside the tests of the record and of the report.
for room in ("record", "report"):
    sys.path.append(str(Path(__file__).parents[1] / room))

SERVER = Path(__file__).with_name("lying_server.py")


@pytest.fixture
def liar() -> Iterator[Callable[..., str]]:
    """Starts one and says where it is; it lies to the first `sessions` sessions."""
    servers: list[subprocess.Popen[str]] = []

    def start(kind: str, sessions: int) -> str:
        server = subprocess.Popen(
            [sys.executable, str(SERVER), "--lie", kind, "--sessions", str(sessions)],
            stdout=subprocess.PIPE,
            text=True,
        )
        servers.append(server)
        assert server.stdout is not None
        return f"http://127.0.0.1:{server.stdout.readline().strip()}"

    yield start
    for server in servers:
        server.kill()
        server.wait()
