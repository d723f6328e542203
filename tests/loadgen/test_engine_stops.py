"""A load process that is asked to stop waits for open requests no longer than it says."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SCRIPT = """
import locust
import json, sys, time
import gevent
from gevent import socket
from locust.env import Environment
from locust.event import Events
from bench.loadgen.arrivals import Arrival
from bench.loadgen.client import HttpClient
from bench.loadgen.engine import Engine
from bench.loadgen.operations import predict
from bench.loadgen.recorder import Recorder
from bench.loadgen.session import Session
from bench.loadgen.traffic import Traffic
from bench.loadgen.user import KatoUser
from bench.loadgen.world import World
from bench.plan import Phases

class Asking(KatoUser):
    scenario = {}

    def script(self):
        while True:
            yield predict()

stop_after = float(sys.argv[1])
# It takes connections, and nobody answers on them.
silent = socket.create_server(("127.0.0.1", 0))
ours, theirs = socket.socketpair()
recorder, events = Recorder(ours, 0.0, 0), Events()
client = HttpClient(f"http://127.0.0.1:{silent.getsockname()[1]}", 4, 300.0)
world = World(options={}, seed=1, run="x", sessions=4)
sessions = [Session(index, 0, "n", "s") for index in range(4)]
phases = Phases(warmup=0, measure=0.5, drain=60)
schedule = iter([Arrival(0.01, index) for index in range(4)])
engine = Engine(world, sessions, Traffic(client, events, recorder, 300.0), recorder, phases, schedule)
environment = Environment(user_classes=[Asking], events=events, catch_exceptions=True)
environment.kato_driver = engine
start = None

def begin():
    global start
    gevent.get_hub().loop.update_now()
    gevent.spawn_later(stop_after, engine.stop)
    start = time.monotonic()
    return start

facts = engine.run(environment, begin)
print(json.dumps([time.monotonic() - start, facts["stopped_early"], facts["open_at_end"]]))
sys.stdout.flush()
import os
os._exit(0)
"""


@pytest.mark.parametrize("after", [0.3, 1.0])
def test_open_requests_get_two_seconds(after: float) -> None:
    """Whether it is asked while the schedule runs or while it waits for the last answers."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(after)], capture_output=True, timeout=50)
    assert done.returncode == 0, done.stderr
    took, stopped, open_at_end = json.loads(done.stdout)
    assert stopped
    assert open_at_end == 4
    assert after + 1.9 < took < after + 10
