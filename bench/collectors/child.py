"""The collectors' process: `python -m bench.collectors.child --socket-fd N --spec FILE`.

It samples every source of the target until SIGTERM, or until the recorder's end of the socket closes, and
sends what it saw as frames (`bench.record.frames`): METRICS (a list of [t, source, instance, metric, value]),
EVENT, and one END: `samples` is the number of rows, `cpu_seconds` what sampling cost (not the start)."""

from __future__ import annotations

import argparse
import json
import os
import queue
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.collectors import registry
from bench.collectors.base import Context
from bench.collectors.sampling import Sampler
from bench.record import frames
from bench.targets.base import TargetFacts

#: A recorder that takes nothing for this many seconds counts as gone.
SEND_TIMEOUT = 10

#: Seconds that all collectors together get to end; one that hangs is left behind.
CLOSE_SECONDS = 1.0

_Frame = tuple[bytes, object]


@dataclass(frozen=True)
class Spec:
    """What the runner tells the child. `origin` is the run's second 0 on CLOCK_MONOTONIC; `processes` are
    the pids of our own processes by label; `interval` is seconds between samples."""

    origin: float
    target: TargetFacts
    processes: Mapping[str, int]
    interval: float = 1.0

    def to_json(self) -> dict[str, Any]:
        return {
            "origin": self.origin,
            "target": self.target.to_json(),
            "processes": dict(self.processes),
            "interval": self.interval,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Spec:
        return cls(**{**data, "target": TargetFacts.from_json(data["target"])})


def collect(spec: Spec, sock: socket.socket, outbox: queue.SimpleQueue[_Frame | None]) -> None:
    """Sample until None arrives in `outbox` or the other end of `sock` closes; then send END."""

    def note(kind: str, /, **fields: object) -> None:
        t = round(time.monotonic() - spec.origin, 4)
        outbox.put((frames.EVENT, {"t": t, "kind": kind, **fields}))

    context = Context(spec.target, {**spec.processes, "collectors": os.getpid()}, note)
    collectors = registry.make(context)
    stop = threading.Event()
    samplers = [
        Sampler(
            collector,
            origin=spec.origin,
            interval=spec.interval,
            # Spread over the interval: all at once would be a burst of work that the target feels.
            offset=spec.interval * index / len(collectors),
            stop=stop,
            emit=lambda kind, value: outbox.put((kind, value)),
        )
        for index, collector in enumerate(collectors)
    ]
    started = time.process_time()
    for sampler in samplers:
        sampler.start()
    threading.Thread(target=_watch, args=(sock, outbox), daemon=True).start()

    alive = _forward(sock, outbox)
    stop.set()
    deadline = time.monotonic() + CLOSE_SECONDS
    for sampler in samplers:
        sampler.join(max(0.0, deadline - time.monotonic()))
    end = {
        "samples": sum(sampler.rows for sampler in samplers),
        "cpu_seconds": round(time.process_time() - started, 4),
    }
    if alive and all(_send(sock, item) for item in _rest(outbox)):
        _send(sock, (frames.END, end))


def _watch(sock: socket.socket, outbox: queue.SimpleQueue[_Frame | None]) -> None:
    """Nothing is ever received; the end of the stream says that the recorder is gone."""
    try:
        while sock.recv(4096):
            pass
    except OSError:
        pass
    outbox.put(None)


def _forward(sock: socket.socket, outbox: queue.SimpleQueue[_Frame | None]) -> bool:
    """Send what comes out of the box up to the next None; False if the socket failed."""
    while (item := outbox.get()) is not None:
        if not _send(sock, item):
            return False
    return True


def _rest(outbox: queue.SimpleQueue[_Frame | None]) -> Iterator[_Frame]:
    """What is in the box now, whatever number of wishes to stop lies between."""
    while not outbox.empty():
        if (item := outbox.get()) is not None:
            yield item


def _send(sock: socket.socket, item: _Frame) -> bool:
    try:
        frames.send(sock, *item)
    except OSError:
        return False
    return True


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.collectors.child")
    parser.add_argument("--socket-fd", type=int, required=True)
    parser.add_argument("--spec", type=Path, required=True)
    options = parser.parse_args(arguments)

    outbox: queue.SimpleQueue[_Frame | None] = queue.SimpleQueue()
    # SimpleQueue.put may be called from a signal handler; Event.set may not.
    signal.signal(signal.SIGTERM, lambda _number, _frame: outbox.put(None))
    # Ctrl-C reaches the whole process group, but it is the runner that decides when collecting ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    spec = Spec.from_json(json.loads(options.spec.read_text()))
    with socket.socket(fileno=options.socket_fd) as sock:
        # Not settimeout(): that would make the shared file description non-blocking for everybody.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_TIMEOUT, 0))
        collect(spec, sock, outbox)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
