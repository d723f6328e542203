"""Who writes a run, and whether that process is still there."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class Writer(BaseModel):
    """The process that owns a run while its status is `running`.

    A process id alone is reused within hours on a busy machine; with the start time, the host and the boot
    it names one process for ever."""

    model_config = ConfigDict(extra="forbid")

    pid: int
    started: float = Field(description="start of the process: seconds since boot on Linux, else since 1970")
    host: str
    boot: str


def this_process() -> Writer:
    """The calling process as the writer of a run."""
    pid = os.getpid()
    started = _process_start(pid)
    assert started is not None, "the calling process is alive"
    return Writer(pid=pid, started=started, host=socket.gethostname(), boot=boot())


def is_alive(writer: Writer) -> bool | None:
    """Whether the writer still runs; None if it ran on another host, where this one cannot look."""
    if writer.host != socket.gethostname():
        return None
    if writer.boot != boot():
        return False
    started = _process_start(writer.pid)
    return started is not None and abs(started - writer.started) < 0.5


def boot() -> str:
    """What tells this boot of this machine from every other."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        import psutil

        return str(int(psutil.boot_time()))


def _process_start(pid: int) -> float | None:
    """When the process started, or None if there is no such process or only its zombie."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            # The command name in parentheses may itself hold spaces and parentheses.
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else int(fields[19]) / os.sysconf("SC_CLK_TCK")
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.NoSuchProcess:
        return None
