"""Running a program on one core, and what it used."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_LOOK_EVERY = 0.05
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


class ProgramError(Exception):
    """A program that was to be measured failed; the text says which, and what it said."""


@dataclass(frozen=True)
class Finished:
    """`cpu_seconds`: of the program and of the children that it waited for. `peak_bytes`: the most memory
    that the program itself had resident."""

    output: str
    cpu_seconds: float
    peak_bytes: int


def run(
    command: Sequence[str], core: int, *, timeout: float, env: Mapping[str, str] | None = None
) -> Finished:
    """Run a program to its end on one core. Raises ProgramError if it fails, or takes longer than `timeout`
    seconds."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
        deadline = time.monotonic() + timeout
        peak = 0
        while True:
            # Before it is waited for: afterwards nobody can tell.
            peak = max(peak, peak_of(process.pid))
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            if time.monotonic() > deadline:
                process.kill()
                process.wait()
                raise ProgramError(f"{command[0]} did not end within {timeout:.0f} s")
            time.sleep(_LOOK_EVERY)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read().decode(errors="replace")
    if process.returncode != 0:
        raise ProgramError(f"{' '.join(command[:4])} ended with {process.returncode}:\n{said[-2000:]}")
    return Finished(said, usage.ru_utime + usage.ru_stime, peak)


def peak_of(pid: int) -> int:
    """The most memory in bytes that a process has had resident; 0 if it is gone."""
    try:
        found = _PEAK.search(Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0
