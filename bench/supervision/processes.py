"""What the guardian asks of the operating system: start, signal and find processes.

Parent-death signals, the subreaper and the search for descendants exist on Linux only; elsewhere the
process groups alone are ended."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LINUX = sys.platform == "linux"
_LIBC = ctypes.CDLL(None, use_errno=True) if _LINUX else None

# Python ignores the first two, and a shell that runs a command with `&` ignores SIGINT for it.
_RESET_SIGNALS = (
    signal.SIGPIPE,
    signal.SIGXFSZ,
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGCHLD,
)


def _prctl(option: int, value: int) -> None:
    if _LIBC is not None:
        _LIBC.prctl(option, value, 0, 0, 0)


def become_subreaper() -> None:
    """Orphaned descendants become our children instead of init's."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def spawn(
    argv: Sequence[str], *, env: Mapping[str, str], cwd: str | None, log: str, fds: Sequence[int]
) -> int:
    """Start a program as leader of its own session that dies with this process; return its pid.

    `fds` stay open in it under their numbers; its output is appended to `log`. Only for a process with a
    single thread: it forks. Raises OSError, also for what goes wrong in the child up to its exec."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    report_read, report_write = os.pipe()
    parent = os.getpid()
    try:
        pid = os.fork()
        if pid == 0:
            _become(argv, env, cwd, output, fds, report_write, parent)
    finally:
        os.close(output)
        os.close(report_write)
    with os.fdopen(report_read, "rb") as report:
        failure = report.read()
    if failure:
        os.waitpid(pid, 0)
        code = int(failure)
        raise OSError(code, os.strerror(code))
    return pid


def _become(
    argv: Sequence[str],
    env: Mapping[str, str],
    cwd: str | None,
    output: int,
    fds: Sequence[int],
    report: int,
    parent: int,
) -> NoReturn:
    try:
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        for number in _RESET_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        for fd in fds:
            os.set_inheritable(fd, True)
        if cwd is not None:
            os.chdir(cwd)
        os.execvpe(argv[0], list(argv), dict(env))
    except BaseException as error:
        code = error.errno if isinstance(error, OSError) and error.errno else 1
        os.write(report, str(code).encode())
    finally:
        os._exit(1)


def signal_group(group: int, number: int) -> bool:
    """Signal a process group; False where nothing of it is left."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS says this of a group that holds only zombies
        return False
    return True


def reap() -> list[tuple[int, int]]:
    """(pid, exit code) of every child that has ended; a negative code is the signal that ended it."""
    ended = []
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            ended.append((pid, os.waitstatus_to_exitcode(status)))
    return ended


def descendants(root: int) -> list[int]:
    """Every living process below `root`, parents first; empty where there is no /proc."""
    if not _LINUX:
        return []
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_bytes()
        except OSError:
            continue
        # "pid (name) state parent …": the name may hold spaces and brackets.
        state, parent = stat[stat.rindex(b")") + 2 :].split(maxsplit=2)[:2]
        if state not in (b"Z", b"X"):
            children.setdefault(int(parent), []).append(int(entry.name))
    found = []
    queue = [root]
    while queue:
        for pid in children.get(queue.pop(0), ()):
            found.append(pid)
            queue.append(pid)
    return found
