"""How the kernel schedules the load process."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

#: Nanoseconds. The kernel's own default is about 3 ms: so long a woken process may wait for a core on which
#: another one has just begun its slice.
_SLICE = 100_000
_CALL = {"x86_64": 314, "aarch64": 274}
#: struct sched_attr: size, policy, flags, nice, priority, runtime, deadline, period, two clamps.
_ATTRIBUTES = struct.Struct("<IIQiIQQQII")


def take_short_slices() -> bool:
    """Ask for short time slices, so that a due request is taken up at once where the target uses every core.

    Linux since 6.12 gives a woken process with a shorter slice the core (EEVDF, `sched_attr.sched_runtime` of
    SCHED_OTHER); the share of CPU time stays the same, and no privilege is needed. True if the kernel took
    it; elsewhere nothing changes, and dispatch lag tells what that costs."""
    call = _CALL.get(platform.machine())
    if sys.platform != "linux" or call is None:
        return False
    niceness = os.getpriority(os.PRIO_PROCESS, 0)
    attributes = _ATTRIBUTES.pack(_ATTRIBUTES.size, 0, 0, niceness, 0, _SLICE, 0, 0, 0, 1024)
    return bool(ctypes.CDLL(None).syscall(call, 0, attributes, 0) == 0)
