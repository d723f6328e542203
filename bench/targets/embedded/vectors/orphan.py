"""A child that never outlives its parent, though it holds the interpreter lock for seconds."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.25


def run_while_parent_lives(work: Callable[[], int], *, signalled: bool = sys.platform == "linux") -> int:
    """Do `work` and return its exit code; be killed when the parent process ends.

    Linux signals the child itself (`signalled`). Elsewhere a fork does the work and this process watches
    its parent from outside: a thread in the working process would wait for the lock that the work holds.
    For a process with one thread."""
    parent = os.getppid()
    if signalled:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            return 1
        return work()
    worker = os.fork()
    if worker == 0:
        try:
            os._exit(work())
        finally:
            os._exit(1)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(worker, signal.SIGKILL))
    while True:
        ended, status = os.waitpid(worker, os.WNOHANG)
        if ended:
            return max(1, os.waitstatus_to_exitcode(status)) if status else 0
        if os.getppid() != parent:
            os.kill(worker, signal.SIGKILL)
        time.sleep(_POLL_SECONDS)
