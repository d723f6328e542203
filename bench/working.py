"""What `kato-bench worker` does beyond parsing: keep the process that loads, and pass on what it says."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.addresses import MASTER_PORT, host_and_port
from bench.errors import BenchError, ExitCode, PartFailedError, UnreachableError, UsageError
from bench.foreground import interruptible, say
from bench.limits import within
from bench.plan import WORKER_WAIT
from bench.supervision.supervisor import Child, Supervisor, tail

#: What a worker's process says at its end, if not that all is well.
_FAILURES: dict[str, type[BenchError]] = {"refused": UsageError, "unreachable": UnreachableError}


def work(master: str, wait: float, *, as_json: bool) -> ExitCode:
    """Carry a part of one run of the master at `master`, which is looked for `wait` seconds.

    Raises UsageError if the master refuses this worker, or asks for what it cannot do, UnreachableError if
    there is no master, or it goes away."""
    host, port = host_and_port("--master", master, MASTER_PORT)
    within("--wait", wait, 1, WORKER_WAIT, "seconds")
    with tempfile.TemporaryDirectory(prefix="kato-bench-") as place, Supervisor() as supervisor:
        supervisor.remove_if_killed([Path(place)])
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                child = _start(supervisor, Path(place), theirs, host, port, wait)
            with interruptible(lambda: _stop(child)):
                end = _follow(ours)
        if end is None:
            raise PartFailedError(f"The load process died. Its log: {tail(child.log, 5)}")
    for key, error in _FAILURES.items():
        if end.get(key):
            raise error(end[key])
    if as_json:
        print(json.dumps(end))
    return ExitCode.INTERRUPTED if end["stopped"] else ExitCode.OK


def _start(
    supervisor: Supervisor, place: Path, control: socket.socket, host: str, port: int, wait: float
) -> Child:
    argv = [sys.executable, "-m", "bench.loadgen.distributed.worker", "--control-fd", "{fd0}"]
    argv += ["--host", host, "--port", str(port), "--wait", str(wait)]
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return supervisor.start("worker", argv, env=env, log=place / "worker.log", fds=[control.fileno()])


def _stop(child: Child) -> None:
    if child.poll() is None:
        os.kill(child.pid, signal.SIGTERM)


def _follow(control: socket.socket) -> dict[str, Any] | None:
    """Say what the process says until it ends; its last words, None if there were none."""
    # A process that was killed with something of ours unread resets the connection.
    with control.makefile("r", encoding="utf-8") as lines, contextlib.suppress(ConnectionError):
        for text in lines:
            line: dict[str, Any] = json.loads(text)
            if "say" not in line:
                return line
            say(line["say"])
    return None
