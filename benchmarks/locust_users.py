"""Locust's own users, in a closed loop or paced: run as a program by `benchmarks.tools`.

    python -m benchmarks.locust_users USER URL USERS SECONDS BODY_LENGTH [RATE]

USER: `fast` and `http` repeat one GET as FastHttpUser and HttpUser; `conversations` observes and predicts by
turns as FastHttpUser. With RATE, all users together are to send so many requests a second (constant
throughput). Prints a JSON object: requests, cpu_seconds, failures of the time after the warm-up, and
percentiles in seconds as Locust reports them.
"""

from __future__ import annotations

import locust  # noqa: F401 - patches the standard library, so it comes before everything that uses sockets

# isort: split
import gc
import json
import random
import sys
import time
from typing import Any

import gevent
from locust import FastHttpUser, HttpUser, constant, constant_throughput, task
from locust.env import Environment

from benchmarks.servers import GET_PATH, POST_PATH

WARM_UP = 1.0
PERCENTILES = (0.5, 0.95, 0.99)


class Checks:
    """Counts answers that are not what they should be, by status and body length."""

    length = 0
    failures = 0

    @classmethod
    def check(cls, response: Any) -> None:
        if response.status_code != 200 or (cls.length and len(response.content) != cls.length):
            cls.failures += 1


class Fast(FastHttpUser):
    abstract = True

    @task
    def get(self) -> None:
        Checks.check(self.client.get(GET_PATH))


class Http(HttpUser):
    abstract = True

    @task
    def get(self) -> None:
        Checks.check(self.client.get(GET_PATH))


class Conversations(FastHttpUser):
    abstract = True

    def on_start(self) -> None:
        self._rng = random.Random(id(self))

    @task
    def observe_and_predict(self) -> None:
        words = [f"word{self._rng.randrange(5000)}" for _ in range(3)]
        body = {"strings": words, "vectors": [], "emotives": {}}
        Checks.check(self.client.post(POST_PATH, json=body, name="observe"))
        Checks.check(self.client.get(GET_PATH, name="predict"))


USERS = {"fast": Fast, "http": Http, "conversations": Conversations}


def main(kind: str, url: str, users: int, seconds: float, length: int, rate: float | None) -> None:
    Checks.length = length
    wait = constant(0) if rate is None else constant_throughput(rate / users)
    user_class: Any = type("Measured", (USERS[kind],), {"abstract": False, "host": url, "wait_time": wait})
    environment = Environment(user_classes=[user_class])
    runner = environment.create_local_runner()
    runner.start(users, spawn_rate=users)
    # Until then Locust clears its statistics.
    runner.spawning_greenlet.join()
    if rate is None:
        gevent.sleep(WARM_UP)
    gc.collect()
    gc.freeze()
    total = environment.stats.total
    total.reset()
    cpu, began = time.process_time(), time.monotonic()
    gevent.sleep(seconds)
    found = {
        "requests": total.num_requests,
        "cpu_seconds": time.process_time() - cpu,
        "seconds": time.monotonic() - began,
        "failures": Checks.failures + total.num_failures,
        "percentiles": {
            f"{q:g}": total.get_response_time_percentile(q) / 1000 for q in PERCENTILES if total.num_requests
        },
    }
    runner.quit()
    print(json.dumps(found))


if __name__ == "__main__":
    main(
        sys.argv[1],
        sys.argv[2],
        int(sys.argv[3]),
        float(sys.argv[4]),
        int(sys.argv[5]),
        float(sys.argv[6]) if len(sys.argv) > 6 else None,
    )
