"""Starting the server under test where no address of one is given.

Nothing of ours is imported: the suites run in any environment that has pytest and the client they are of."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_SECONDS_TO_START = 30

#: (what it is, its command, whether it is ready) -> it runs meanwhile.
Serve = Callable[[str, Sequence[str], Callable[[], bool]], AbstractContextManager[None]]


@pytest.fixture(scope="session")
def root() -> Path:
    return _ROOT


@pytest.fixture(scope="session")
def interpreter() -> str:
    """One that has the engines: the environment of the tests need not."""
    project = _ROOT / ".venv" / "bin" / "python"
    return os.environ.get("KATO_BENCH_PYTHON") or (str(project) if project.exists() else sys.executable)


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    def find() -> int:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            return int(listener.getsockname()[1])

    return find


@pytest.fixture(scope="session")
def answers() -> Callable[[str], bool]:
    """Does a GET of this URL succeed by now?"""

    def ask(url: str) -> bool:
        try:
            with urllib.request.urlopen(url):
                return True
        except urllib.error.URLError:
            return False

    return ask


@pytest.fixture(scope="session")
def serve() -> Serve:
    @contextmanager
    def serving(what: str, argv: Sequence[str], ready: Callable[[], bool]) -> Iterator[None]:
        process = subprocess.Popen(argv, cwd=_ROOT)
        try:
            deadline = time.monotonic() + _SECONDS_TO_START
            while not ready():
                if process.poll() is not None:
                    raise RuntimeError(f"{what} ended with exit code {process.returncode} at its start")
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{what} is not ready after {_SECONDS_TO_START} s")
                time.sleep(0.02)
            yield
        finally:
            process.terminate()
            try:
                process.wait(20)
            finally:
                process.kill()

    return serving
