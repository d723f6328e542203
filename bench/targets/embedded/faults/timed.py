"""What happens to processes of the deployment at a time: one is killed, one stops answering."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from bench.targets.embedded.faults import values

_KILL = "kill-"
_WORKER = "kato-worker"
_API = "kato"


@dataclass(frozen=True)
class Blow:
    """A signal to a part, or to one of its workers, `after` seconds."""

    after: float
    part: str
    signal: int
    to_worker: bool = False


def blows(planted: Mapping[str, str]) -> list[Blow]:
    """What is planted for a time, the earliest first."""
    found = []
    for name, value in planted.items():
        after = values.seconds(value)
        if name.startswith(_KILL) and after is not None:
            victim = name.removeprefix(_KILL)
            is_worker = victim == _WORKER
            found.append(Blow(after, _API if is_worker else victim, signal.SIGKILL, is_worker))
        elif name == "store-hang" and (hang := values.hang(value)) is not None:
            # A stopped process keeps its connections and its port, and answers nobody.
            found.append(Blow(hang.start, "clickhouse", signal.SIGSTOP))
    return sorted(found, key=lambda blow: blow.after)


class TimedFaults:
    """Deals the blows from now on, in a thread, until `cancel`. `pids`: the parts' processes by name."""

    def __init__(self, planned: list[Blow], pids: Mapping[str, int]) -> None:
        self._planned = planned
        self._pids = pids
        self._cancelled = threading.Event()
        self._began = time.monotonic()
        self.killed: set[str] = set()
        """Parts whose end is none of their own doing."""
        if planned:
            threading.Thread(target=self._run, name="timed faults", daemon=True).start()

    def cancel(self) -> None:
        self._cancelled.set()

    def _run(self) -> None:
        for blow in self._planned:
            if self._cancelled.wait(max(0.0, self._began + blow.after - time.monotonic())):
                return
            pid = self._pids[blow.part]
            if blow.to_worker:
                pid = a_worker(pid)
            if blow.signal == signal.SIGKILL and pid == self._pids[blow.part]:
                self.killed.add(blow.part)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, blow.signal)


def a_worker(api: int) -> int:
    """A worker of the API whose main process is `api`; with one worker, uvicorn serves in that process."""
    import psutil

    with contextlib.suppress(psutil.Error):  # it has just ended
        for child in psutil.Process(api).children():
            with contextlib.suppress(psutil.Error):
                if any("spawn_main" in word for word in child.cmdline()):
                    return int(child.pid)
    return api
