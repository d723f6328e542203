"""A timer for due times that is exact to well under a millisecond inside the gevent loop.

`gevent.sleep` rounds up to the event loop's clock, 1 to 2 ms late. A Linux timerfd is a file descriptor that
becomes readable at an absolute CLOCK_MONOTONIC time, and the loop wakes for it at once. Elsewhere the last
two milliseconds are spent yielding.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable
from functools import partial

from gevent.hub import get_hub

_YIELD_BEFORE = 0.002


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class _TimerFd:
    """The three calls of timerfd(2). The standard library has them only since Python 3.13."""

    _NONBLOCK_CLOEXEC = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)
    _CLOCK_MONOTONIC = 1
    _ABSOLUTE = 1

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self._libc.timerfd_create(self._CLOCK_MONOTONIC, self._NONBLOCK_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._settime = self._libc.timerfd_settime
        self._settime.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
        # Made once: this is called for each due request.
        self._spec = _Itimerspec()
        self._pointer = ctypes.byref(self._spec)
        self._value = self._spec.value

    def arm(self, at: float) -> None:
        # A time of zero would disarm; the past fires at once.
        self._set(max(1, int(at * 1e9)))

    def disarm(self) -> None:
        self._set(0)

    def _set(self, nanoseconds: int) -> None:
        # It stays readable until it is set anew, so that nobody has to read from it.
        self._value.seconds, self._value.nanoseconds = divmod(nanoseconds, 1_000_000_000)
        if self._settime(self.fd, self._ABSOLUTE, self._pointer, None) != 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")


class DueTimer:
    """Calls `due` in the event loop, at each absolute `time.monotonic()` value that it is armed with.

    `due` runs in the hub and may not wait, though it may switch to greenlets that do. It returns the time at
    which to call it again, None for never; `arm` changes that."""

    def __init__(self, due: Callable[[], float | None]) -> None:
        self._due = due
        self._is_closed = False
        self._loop = get_hub().loop
        self._timerfd = _TimerFd() if sys.platform == "linux" else None
        if self._timerfd is not None:
            self._watcher = self._loop.io(self._timerfd.fd, 1)
            self._watcher.start(self._fire)
        else:
            self._watcher = self._loop.timer(0)

    def arm(self, at: float) -> None:
        if self._is_closed:
            return
        if self._timerfd is not None:
            self._timerfd.arm(at)
            return
        self._watcher.stop()
        self._watcher.close()
        left = at - time.monotonic()
        self._watcher = self._loop.timer(max(0.0, left - _YIELD_BEFORE))
        self._watcher.start(self._fire if left <= 0 else partial(self.arm, at), update=True)

    def close(self) -> None:
        self._watcher.stop()
        self._watcher.close()
        if self._timerfd is not None and not self._is_closed:
            os.close(self._timerfd.fd)
        self._is_closed = True

    def _fire(self) -> None:
        # Whoever armed it in the meantime wanted to have it called, and it is.
        at = self._due()
        if at is not None:
            self.arm(at)
        elif self._timerfd is not None and not self._is_closed:
            self._timerfd.disarm()
