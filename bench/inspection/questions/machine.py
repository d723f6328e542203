"""The processes behind the parts, where they run on this machine and this user may look at them."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from bench.collectors import cgroup
from bench.collectors.process_tree import children
from bench.inspection.seen import WorkerProcess

#: A settings file that is longer is none.
_LONGEST_FILE = 1 << 20
#: What the kernel says that a thread sleeps in.
_IN_EVENT_LOOP, _IN_LOCK = ("ep_poll", "epoll", "kqueue", "poll_schedule", "do_select"), ("futex",)


@dataclass(frozen=True)
class Process:
    """`environment`, `arguments`: None where this user may not read them."""

    pid: int
    arguments: tuple[str, ...] | None
    environment: dict[str, str] | None
    cores: int | None


def look_at(pid: int) -> Process | None:
    """None where the process is gone."""
    try:
        process = psutil.Process(pid)
    except psutil.Error:
        return None
    arguments = environment = cores = None
    with contextlib.suppress(psutil.Error, OSError):
        arguments = tuple(process.cmdline())
    with contextlib.suppress(psutil.Error, OSError):
        environment = dict(process.environ())
    with contextlib.suppress(psutil.Error, OSError, AttributeError):
        cores = len(process.cpu_affinity())
    return Process(pid, arguments, environment, cores)


def read_file(pid: int | None, path: str) -> tuple[str | None, str | None]:
    """(text, why not) of a file as the process sees it: in a container it has files of its own."""
    if not path.startswith("/"):
        return None, f"{path} is not a full path"
    if pid is None:
        return None, f"{path} lies where its process runs, and that cannot be seen"
    own = Path(f"/proc/{pid}/root{path}")
    try:
        with (own if own.exists() else Path(path)).open("rb") as file:
            return file.read(_LONGEST_FILE).decode("utf-8", "replace"), None
    except OSError as error:
        return None, f"{path} cannot be read ({error.strerror})"


def memory_limit(pid: int | None) -> int | None:
    return None if pid is None else cgroup.memory_limit_of(pid)


def listeners() -> dict[int, tuple[str, ...]]:
    """TCP port -> the addresses of this machine at which anybody listens; empty where that is not told."""
    found: dict[int, set[str]] = {}
    try:
        for one in psutil.net_connections("tcp"):
            if one.status == psutil.CONN_LISTEN:
                found.setdefault(one.laddr.port, set()).add(one.laddr.ip)
    except (psutil.Error, OSError):
        return {}
    return {port: tuple(sorted(addresses)) for port, addresses in found.items()}


class Servers:
    """The processes of KATO that serve, looked at before and after it is asked."""

    def __init__(self, root: int) -> None:
        self._cpu = {pid: _cpu(pid) for pid in serving(root)}

    def after(self) -> tuple[WorkerProcess, ...]:
        """Those that there were, as they are now; one that ended meanwhile is left out."""
        found = []
        for pid, before in self._cpu.items():
            now = _cpu(pid)
            if now is not None:
                found.append(WorkerProcess(pid, _state(pid), round(now - (before or 0.0), 3)))
        return tuple(found)


def serving(root: int) -> list[int]:
    """The processes that take requests: uvicorn's children where it has some, else the process itself."""
    below = children(root)
    spawned = [pid for pid in below if "spawn_main" in _command(pid)]
    helpers = [pid for pid in below if "resource_tracker" in _command(pid)]
    return spawned or [pid for pid in below if pid not in helpers and helpers] or [root]


def _command(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ""


def _cpu(pid: int) -> float | None:
    try:
        used = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return None
    return float(used.user + used.system)


def _state(pid: int) -> Literal["idle", "running", "waits for a lock", "stopped", "unknown"]:
    """What the first thread, which runs the event loop, is at. One look may meet it between two steps: a lock
    that it waits for is one only if it still does a moment later."""
    state = _look(pid)
    for _ in range(2):
        if state != "waits for a lock":
            break
        time.sleep(0.02)
        state = _look(pid)
    return state


def _look(pid: int) -> Literal["idle", "running", "waits for a lock", "stopped", "unknown"]:
    try:
        status = psutil.Process(pid).status()
    except psutil.Error:
        return "unknown"
    if status in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP):
        return "stopped"
    if status == psutil.STATUS_RUNNING:
        return "running"
    try:
        where = Path(f"/proc/{pid}/wchan").read_text()
    except OSError:
        return "unknown"
    if any(word in where for word in _IN_EVENT_LOOP):
        return "idle"
    return "waits for a lock" if any(word in where for word in _IN_LOCK) else "unknown"
