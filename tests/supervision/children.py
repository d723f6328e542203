"""Programs that the supervision tests start: `children.py KIND MARKER [ARG …]`.

MARKER is carried on every command line, so that a test finds what is left of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from bench.supervision.supervisor import Supervisor


def busy() -> None:
    print("ready", flush=True)
    while True:
        pass


def deaf() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    print("ready", flush=True)
    while True:
        time.sleep(60)


def stopped() -> None:
    print("ready", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
    while True:
        time.sleep(60)


def orphans(marker: str) -> None:
    """A parent that dies and leaves a worker in its group and one in a session of its own."""
    command = [sys.executable, __file__, "deaf", marker]
    subprocess.Popen(command)
    subprocess.Popen(command, start_new_session=True)
    print("ready", flush=True)
    time.sleep(60)


def command(marker: str, folder: str, *kinds: str) -> None:
    """A stand-in for the command itself."""
    supervisor = Supervisor()
    for kind in kinds:
        supervisor.start(kind, [sys.executable, __file__, kind, marker], log=Path(folder, f"{kind}.log"))
    print(supervisor.guardian_pid, flush=True)
    time.sleep(60)


if __name__ == "__main__":
    kind, marker, *rest = sys.argv[1:]
    match kind:
        case "busy":
            busy()
        case "deaf":
            deaf()
        case "stopped":
            stopped()
        case "orphans":
            orphans(marker)
        case "command":
            command(marker, *rest)
