"""The machine that is measured on: its cores, and what to say of it."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path


def cores() -> list[int]:
    """The cores that this process may use."""
    return sorted(os.sched_getaffinity(0))


def core_for(whom: str) -> int:
    """`client` and `server` get a core each, where there are two; the server the last one."""
    return cores()[0 if whom == "client" else -1]


def cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def description() -> str:
    """Processor, cores, kernel and Python in one line."""
    count = len(cores())
    return (
        f"{cpu_model()}, {count} core{'s' * (count > 1)}, Linux {platform.release()}, "
        f"Python {platform.python_version()}"
    )


def versions() -> str:
    """What was compared, in one line."""
    return f"Locust {version('locust')}, gevent {version('gevent')}, {_first_line(['wrk', '-v'])}"


def _first_line(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return f"no {command[0]}"
    words = (done.stdout + done.stderr).split()
    return " ".join(words[:2])
