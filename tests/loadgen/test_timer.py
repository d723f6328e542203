"""Due times are kept to well under a millisecond; in a process of its own, as the loop is the process'."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import time, statistics
from bench.loadgen.timer import DueTimer
timer = DueTimer()
late = []
for _ in range(200):
    at = time.monotonic() + 0.0033
    timer.arm(at)
    while time.monotonic() < at:
        timer.wait()
    late.append(time.monotonic() - at)
timer.close()
print(statistics.median(late))
"""

MOVED = """
import time, gevent
from bench.loadgen.timer import DueTimer
timer = DueTimer()
timer.arm(time.monotonic() + 30)
gevent.spawn_later(0.1, lambda: timer.arm(time.monotonic()))
began = time.monotonic()
timer.wait()
print(time.monotonic() - began)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="timerfd is Linux's")
def test_wakes_within_half_a_millisecond() -> None:
    late = float(subprocess.check_output([sys.executable, "-c", SCRIPT]))
    assert 0 <= late < 0.0005


def test_an_earlier_time_ends_a_wait() -> None:
    assert float(subprocess.check_output([sys.executable, "-c", MOVED])) < 5
