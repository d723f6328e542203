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

import gevent
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
        nanoseconds = max(1, int(at * 1e9))
        self._value.seconds, self._value.nanoseconds = divmod(nanoseconds, 1_000_000_000)
        if self._settime(self.fd, self._ABSOLUTE, self._pointer, None) != 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")


class DueTimer:
    """Waits until an absolute `time.monotonic()` value; `arm` may move it while a wait is under way."""

    def __init__(self) -> None:
        self._at = float("inf")
        self._timerfd: _TimerFd | None = None
        if sys.platform == "linux":
            self._timerfd = _TimerFd()
            self._watcher = get_hub().loop.io(self._timerfd.fd, 1)

    def arm(self, at: float) -> None:
        self._at = at
        if self._timerfd is not None:
            self._timerfd.arm(at)

    def wait(self) -> None:
        """Return at the armed time, or a little before it where a wait was cut short by `arm`."""
        if self._timerfd is not None:
            get_hub().wait(self._watcher)
            try:
                os.read(self._timerfd.fd, 8)
            except BlockingIOError:
                return
            return
        left = self._at - time.monotonic()
        gevent.sleep(min(left - _YIELD_BEFORE, 0.05) if left > _YIELD_BEFORE else 0)

    def close(self) -> None:
        if self._timerfd is not None:
            self._watcher.stop()
            self._watcher.close()
            os.close(self._timerfd.fd)
            self._timerfd = None
