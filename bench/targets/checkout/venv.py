"""Environments made from a checkout's requirements, one for each list of pins, kept for the next time."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import caching
from bench.errors import PartFailedError, UsageError
from bench.supervision.supervisor import Supervisor, tail
from bench.targets.checkout.interpreter import Interpreter, in_environment
from bench.targets.checkout.layout import Checkout

#: A file that says: everything has been installed.
_COMPLETE = "kato-bench-complete"
_LOG_LINES = 10


def made(
    checkout: Checkout, base: Interpreter, supervisor: Supervisor, say: Callable[[str], None]
) -> Interpreter:
    """The environment of `base` with what the checkout requires: made now, or kept from before.

    Raises UsageError where there is nothing to make it from, or no place for it, PartFailedError, with the
    last lines of its log, where it cannot be made."""
    requirements = checkout.requirements
    if requirements is None:
        raise UsageError(
            f"{checkout.folder} has neither a requirements.lock nor a requirements.txt to make an "
            "environment from; name one that is made with --kato-python."
        )
    cache = caching.folder()
    if cache is None:
        raise UsageError(
            "There is no home folder to keep KATO's environment in; name another with KATO_BENCH_CACHE."
        )
    identity = requirements.read_bytes() + base.build.encode()
    folder = cache / "environments" / hashlib.sha256(identity).hexdigest()[:16]
    with _nobody_else(folder, say):
        if not (folder / _COMPLETE).exists():
            say(f"making an environment from {requirements}, once")
            _make(folder, base, requirements, supervisor)
    return in_environment(folder)


@contextlib.contextmanager
def _nobody_else(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Two commands must not make one environment at a time."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = folder.with_suffix(".lock").open("w")
    except OSError as error:
        raise UsageError(
            f"KATO's environment cannot be kept in {folder.parent} ({error.strerror}); name another folder "
            "with KATO_BENCH_CACHE."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another kato-bench makes the same environment; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(folder: Path, base: Interpreter, requirements: Path, supervisor: Supervisor) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    log = folder.with_suffix(".log")
    log.write_bytes(b"")
    # Everything of the user's that says where packages come from, and nothing that says what Python imports.
    env = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    }
    for argv in _commands(folder, base, requirements):
        child = supervisor.start(
            "The making of KATO's environment", argv, env=env, cwd=requirements.parent, log=log
        )
        if child.wait() != 0:
            shutil.rmtree(folder, ignore_errors=True)
            raise PartFailedError(
                f"The environment for KATO could not be made from {requirements} with Python {base.version}; "
                "name another Python with --kato-python, or an environment that is made. The end of its log, "
                f"{log}:\n{tail(log, _LOG_LINES)}"
            )
    (folder / _COMPLETE).touch()


def _commands(folder: Path, base: Interpreter, requirements: Path) -> list[list[str]]:
    python = str(folder / "bin" / "python")
    uv = shutil.which("uv")
    if uv is not None:
        return [
            [uv, "venv", "--python", str(base.path), str(folder)],
            # Workers that start together would each compile everything.
            [uv, "pip", "install", "--python", python, "--compile-bytecode", "-r", str(requirements)],
        ]
    pip = [python, "-m", "pip", "install", "--disable-pip-version-check", "-r", str(requirements)]
    return [[str(base.path), "-m", "venv", str(folder)], pip]
