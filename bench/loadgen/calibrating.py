"""A load process that measures itself: `python -m bench.loadgen.calibrating --url URL --recorder-fd N`.

It drives the real engine, traffic, client and recorder against a server that does nothing, in short rounds:
closed loops with no think time, which show how much it can send, then open ones at a modest rate, which show
what it adds to a response time. Rows go to the recorder's socket as those of a run do; a frame `END` ends
each round and says what kind it was (`bench.calibration` reads them).
"""

from __future__ import annotations

import locust  # noqa: F401 - patches the standard library, so it comes before everything that uses sockets

# isort: split
import argparse
import gc
import os
import time
from typing import Any, ClassVar

from gevent import socket
from locust.env import Environment
from locust.event import Events

from bench.loadgen.arrivals import ClosedSchedule, open_schedule
from bench.loadgen.client import HttpClient
from bench.loadgen.engine import Engine
from bench.loadgen.operations import observe, predict
from bench.loadgen.recorder import Recorder
from bench.loadgen.scheduling import take_short_slices
from bench.loadgen.session import Session
from bench.loadgen.traffic import Traffic
from bench.loadgen.user import KatoUser, Script
from bench.loadgen.world import World
from bench.plan import Arrivals, Phases

SESSIONS = 32
_TIMEOUT = 5.0
_CLOSED = Arrivals(kind="closed", users=SESSIONS)
#: Seconds. Short, because the machine's mood changes within seconds and the best round counts.
_CLOSED_PHASES, _CLOSED_ROUNDS = Phases(warmup=0.1, measure=0.3, drain=2.0), 3
_OPEN_PHASES, _OPEN_ROUNDS = Phases(warmup=0.1, measure=1.0, drain=2.0), 2
#: Requests per second of the open rounds, and the share of the ceiling that they never exceed.
_MODEST, _MODEST_SHARE = 400.0, 0.25


class _Steady(KatoUser):
    """Observes and predicts in turn, as a conversation does."""

    scenario: ClassVar[dict[str, Any]] = {"title": "calibration", "operations": ["observe", "predict"]}

    def script(self) -> Script:
        while True:
            yield observe(("calibration", "word"))
            yield predict()


def _round(url: str, descriptor: int, arrivals: Arrivals, phases: Phases) -> float:
    """Run one round and send what it recorded; the requests per second that were due in it."""
    recorder = Recorder(socket.socket(fileno=os.dup(descriptor)), 0.0, 0)
    events = Events()  # type: ignore[no-untyped-call]
    client = HttpClient(url, SESSIONS, _TIMEOUT)
    traffic = Traffic(client, events, recorder, _TIMEOUT)
    world = World(options={}, seed=1, run="calibration", sessions=SESSIONS)
    sessions = [Session(index, 0, "calibration", "session-null") for index in range(SESSIONS)]
    closed = ClosedSchedule(arrivals, phases) if arrivals.closed else None
    schedule = iter(()) if closed else open_schedule(arrivals, phases, SESSIONS, world.seed)
    engine = Engine(world, sessions, traffic, recorder, phases, schedule, closed)
    environment = Environment(user_classes=[_Steady], events=events, catch_exceptions=True)
    environment.kato_driver = engine  # type: ignore[attr-defined]
    used = time.process_time()
    facts = engine.run(environment)
    used = time.process_time() - used
    client.close()
    start = facts["start"] + phases.warmup
    recorder.finish(round="closed" if closed else "open", start=start, end=facts["end"], used=used)
    return recorder.due / float(facts["end"] - facts["start"])


def main() -> None:
    parser = argparse.ArgumentParser(description="what one load process can do here")
    parser.add_argument("--url", required=True)
    parser.add_argument("--recorder-fd", type=int, required=True)
    options = parser.parse_args()
    take_short_slices()
    gc.collect()
    gc.freeze()
    best = max(
        _round(options.url, options.recorder_fd, _CLOSED, _CLOSED_PHASES) for _ in range(_CLOSED_ROUNDS)
    )
    modest = Arrivals(kind="poisson", rate=max(1.0, min(_MODEST, _MODEST_SHARE * best)))
    for _ in range(_OPEN_ROUNDS):
        _round(options.url, options.recorder_fd, modest, _OPEN_PHASES)


if __name__ == "__main__":
    main()
