"""kato-bench's HTTP client alone, in a closed loop: run as a program by `benchmarks.tools`.

    python -m benchmarks.client_loop URL PATH CONNECTIONS SECONDS BODY_LENGTH

Prints a JSON object: requests, cpu_seconds, failures, of the time after the warm-up.
"""

from __future__ import annotations

import gc
import json
import sys
import time

import gevent

from bench.loadgen.client import HttpClient

WARM_UP = 0.5


class Loop:
    def __init__(self, url: str, path: str, connections: int, length: int) -> None:
        self._client = HttpClient(url, connections, 30.0)
        self._path = path
        self._length = length
        self._over = False
        self.requests = self.failures = 0

    def repeat(self) -> None:
        while not self._over:
            exchange = self._client.request("GET", self._path)
            self.requests += 1
            if exchange.error or len(exchange.body) != self._length:
                self.failures += 1

    def stop(self) -> None:
        self._over = True


def main(url: str, path: str, connections: int, seconds: float, length: int) -> None:
    loop = Loop(url, path, connections, length)
    greenlets = [gevent.spawn(loop.repeat) for _ in range(connections)]
    gevent.sleep(WARM_UP)
    gc.collect()
    gc.freeze()
    requests, cpu, began = loop.requests, time.process_time(), time.monotonic()
    gevent.sleep(seconds)
    found = {
        "requests": loop.requests - requests,
        "cpu_seconds": time.process_time() - cpu,
        "seconds": time.monotonic() - began,
        "failures": loop.failures,
    }
    loop.stop()
    gevent.joinall(greenlets, raise_error=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]))
