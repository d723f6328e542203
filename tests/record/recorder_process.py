"""A real recorder process at the other end of socket pairs, and rows to send to it."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bench.record import frames
from bench.record.frames import ROW_COLUMNS
from bench.record.tables import ROW
from bench.record.vocabulary import ERRORS, OPERATIONS, PHASES

PROGRAM = ("-m", "bench.record.recorder")


class RecorderProcess:
    def __init__(
        self,
        folder: Path,
        sources: int = 1,
        program: Sequence[str] = PROGRAM,
        names: Sequence[str] = (),
        **popen: Any,
    ) -> None:
        folder.mkdir(exist_ok=True)
        pairs = [socket.socketpair() for _ in range(sources)]
        places = [str(theirs.fileno()) for _, theirs in pairs]
        if names:
            places = [f"{name}={place}" for name, place in zip(names, places, strict=True)]
        read_end, write_end = os.pipe()
        inherited = [theirs.fileno() for _, theirs in pairs] + [write_end]
        self.process = subprocess.Popen(
            [sys.executable, *program, "--folder", str(folder)]
            + ["--origin", str(time.monotonic()), "--progress", str(write_end)]
            + [word for place in places for word in ("--source", place)],
            pass_fds=inherited,
            **popen,
        )
        for _, theirs in pairs:
            theirs.close()
        os.close(write_end)
        self.sockets = [ours for ours, _ in pairs]
        self.lines = os.fdopen(read_end)

    def send_rows(self, payload: bytes, source: int = 0) -> None:
        self.sockets[source].sendall(frames.frame(frames.ROWS, payload))

    def send(self, kind: bytes, value: object, source: int = 0) -> None:
        frames.send(self.sockets[source], kind, value)

    def wait_for_line(self, condition: Any) -> dict[str, Any]:
        """The first progress line that fulfils the condition."""
        for text in self.lines:
            line: dict[str, Any] = json.loads(text)
            if condition(line):
                return line
        raise AssertionError("the recorder ended before it said so")

    def finish(self) -> dict[str, Any]:
        """End every source; the last line."""
        for sock in self.sockets:
            sock.close()
        last = self.wait_for_line(lambda line: "final" in line or "error" in line)
        self.process.wait(30)
        return last


@contextmanager
def recorder(
    folder: Path,
    sources: int = 1,
    program: Sequence[str] = PROGRAM,
    names: Sequence[str] = (),
    **popen: Any,
) -> Iterator[RecorderProcess]:
    running = RecorderProcess(folder, sources, program, names, **popen)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.send_signal(signal.SIGKILL)
            running.process.wait()
        for sock in running.sockets:
            sock.close()
        running.lines.close()


def random_rows(count: int, seed: int = 0, start: float = 0.0, rate: float = 1000.0) -> dict[str, np.ndarray]:
    """Columns of a plausible run: some requests failed, some were never answered or never sent."""
    random = np.random.default_rng(seed)
    due = start + np.arange(count) / rate
    picked = due + random.exponential(0.0002, count)
    sent = picked + random.exponential(0.0005, count)
    done = sent + random.lognormal(-5, 0.7, count)
    error = np.where(random.random(count) < 0.03, random.integers(6, len(ERRORS), count), 0)
    unanswered, dropped = random.random(count) < 0.01, random.random(count) < 0.01
    error[unanswered] = ERRORS.index("unanswered")
    error[dropped] = ERRORS.index("dropped")
    done[unanswered | dropped] = math.nan
    sent[dropped] = picked[dropped] = math.nan
    columns = {
        "due": due,
        "picked": picked,
        "sent": sent,
        "done": done,
        "operation": random.choice([OPERATIONS.index("observe"), OPERATIONS.index("predict")], count),
        "phase": np.where(due < 5, PHASES.index("warmup"), PHASES.index("measure")),
        "status": np.where(error == 0, 200, 503),
        "error": error,
        "session": random.integers(0, 100_000, count),
        "node": random.integers(0, 90, count),
        "connection": random.integers(0, 40, count),
        "process": np.zeros(count),
        "bytes": random.integers(0, 50_000, count),
        "items": random.integers(-1, 100, count),
    }
    return {name: columns[name].astype(code) for name, code in ROW_COLUMNS}


def payload(columns: dict[str, np.ndarray]) -> bytes:
    """A ROWS payload, as `RowBuffer.take` makes it, without the price of appending row by row."""
    rows = np.empty(len(columns["due"]), ROW)
    for name, _ in ROW_COLUMNS:
        rows[name] = columns[name]
    return rows.tobytes()
