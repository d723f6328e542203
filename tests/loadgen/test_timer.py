"""Due times are kept to well under a millisecond; in a process of its own, as the loop is the process'."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

CALLED_AGAIN = """
import time, json
from gevent.event import Event
from bench.loadgen.timer import DueTimer
late, over = [], Event()
def due():
    global at
    late.append(time.monotonic() - at)
    if len(late) == 200:
        over.set()
        return None
    at = time.monotonic() + 0.0033
    return at
timer = DueTimer(due)
at = time.monotonic() + 0.0033
timer.arm(at)
over.wait()
timer.close()
print(json.dumps(late))
"""

MOVED = """
import time, gevent, json
from gevent.event import Event
from bench.loadgen.timer import DueTimer
called = Event()
timer = DueTimer(called.set)
timer.arm(time.monotonic() + 30)
gevent.spawn_later(0.1, lambda: timer.arm(time.monotonic()))
began = time.monotonic()
called.wait()
print(json.dumps(time.monotonic() - began))
"""

NO_LONGER = """
import time, gevent, json
from bench.loadgen.timer import DueTimer
calls = []
timer = DueTimer(lambda: calls.append(None))
timer.arm(time.monotonic())
gevent.sleep(0.2)
used = time.process_time()
gevent.sleep(0.5)
timer.close()
timer.arm(time.monotonic())
gevent.sleep(0.1)
print(json.dumps([len(calls), time.process_time() - used]))
"""


def told(script: str) -> Any:
    return json.loads(subprocess.check_output([sys.executable, "-c", script]))


@pytest.mark.skipif(sys.platform != "linux", reason="timerfd is Linux's")
def test_calls_within_half_a_millisecond_and_never_early() -> None:
    late = sorted(told(CALLED_AGAIN))
    assert late[0] >= 0
    assert late[100] < 0.0005


def test_an_earlier_time_takes_the_place_of_a_later_one() -> None:
    assert told(MOVED) < 5


def test_who_returns_no_time_is_not_called_again_nor_does_it_keep_the_loop_busy() -> None:
    calls, used = told(NO_LONGER)
    assert calls == 1
    assert used < 0.3
