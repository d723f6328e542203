"""What one load process can do on this machine, measured once and remembered.

A generator at its limit measures itself, not its target. So a run is told two numbers first: how many
requests a second one load process sends when nothing holds it back, and which response time it would report
of a server that takes none. Both come from the real load process against a server that does nothing.

A machine with other work on it is slower in one moment than in the next, and never faster than it can be:
several short rounds are run, and the best one counts.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import __version__, caching, words
from bench.errors import BenchError, PartFailedError, UsageError
from bench.plan import Plan
from bench.record import frames
from bench.record.fingerprint import cpu_model, usable_cores
from bench.record.manifest import Generator
from bench.record.tables import Columns, rows_from_frame
from bench.record.vocabulary import PHASES
from bench.record.writing import replacing
from bench.supervision.supervisor import Child, Supervisor, tail

#: Of its ceiling a generator is asked for so much at most: beyond, it delays what it measures.
MOST = 0.5
#: Seconds without a word after which the calibration has failed.
_PATIENCE = 20.0
_READ = 1 << 20
#: Changes whenever calibrations of before can no longer be compared.
_FORM = 1

Floats = NDArray[np.float64]


def of_this_machine(say: Callable[[str], None]) -> Generator | None:
    """What is remembered of this machine, kato-bench and Python, else measured and remembered; None if that
    fails. `say` is told what takes its time, and why there is nothing."""
    path = cache_file()
    found = _remembered(path)
    if found is not None:
        return found
    say("measuring what the load generator can do on this machine, once")
    try:
        found = measure()
    except BenchError as error:
        say(f"the load generator could not be calibrated: {error}")
        return None
    remember(found, path)
    return found


def cached() -> Generator | None:
    """What is remembered, without measuring anything."""
    return _remembered(cache_file())


def cache_file() -> Path | None:
    """Where the calibration of this machine, this kato-bench and this Python belongs; None without a home."""
    identity = (_FORM, cpu_model(), usable_cores(), platform.machine(), __version__, sys.version)
    name = hashlib.sha256(repr(identity).encode()).hexdigest()[:16]
    base = caching.folder()
    return None if base is None else base / f"generator-{name}.json"


def remember(found: Generator, path: Path | None) -> bool:
    """Keep a calibration; False where that cannot be."""
    if path is None:
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(found.model_dump_json().encode())
    except OSError:
        return False
    return True


def require_room(plan: Plan, generator: Generator, processes: int = 1) -> None:
    """Raises UsageError for a rate of which the generator's own delays would be a part."""
    most = MOST * generator.ceiling * processes
    rate = plan.peak
    if rate is not None and rate > most:
        raise UsageError(
            f"A rate of {rate:g}/s: a load process sends up to {words.requests(generator.ceiling)} here, and "
            f"beyond half of that it delays what it measures; give at most {int(most)}, or measure it anew "
            "with `kato-bench calibrate`."
        )


def measure() -> Generator:
    """Calibrate now; takes some five seconds. Raises BenchError if it fails."""
    try:
        return _measure()
    except OSError as error:
        raise PartFailedError(f"{error.strerror or error}.") from error


def _measure() -> Generator:
    with (
        tempfile.TemporaryDirectory(prefix="kato-bench-") as folder,
        Supervisor() as supervisor,
        socket.create_server(("127.0.0.1", 0), backlog=1024) as listener,
    ):
        supervisor.remove_if_killed([Path(folder)])
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                _start(supervisor, folder, "null_server", ["--fd", "{fd0}"], listener)
                arguments = ["--url", url, "--recorder-fd", "{fd0}"]
                child = _start(supervisor, folder, "calibrating", arguments, theirs)
            ours.settimeout(_PATIENCE)
            try:
                rounds = list(_rounds(ours))
            except TimeoutError:
                rounds = []
        found = summarise(rounds)
        if found is None:
            raise PartFailedError(f"The calibrating load process failed. Its log: {tail(child.log, 5)}")
        return found


def _start(
    supervisor: Supervisor, folder: str, name: str, arguments: list[str], passed: socket.socket
) -> Child:
    return supervisor.start(
        name,
        [sys.executable, "-m", f"bench.loadgen.{name}", *arguments],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        # Not the user's own folder: `python -m` would take modules from there.
        cwd=folder,
        log=Path(folder) / f"{name}.log",
        fds=[passed.fileno()],
    )


@dataclass(frozen=True)
class Round:
    """Requests that were answered, all phases: when due and done, in monotonic seconds, and which of them
    were due in the measured part, from `start` to `end`. `used`: CPU-seconds of the load process."""

    kind: str
    start: float
    end: float
    used: float
    due: Floats
    done: Floats
    measured: NDArray[np.bool_]


def summarise(rounds: list[Round]) -> Generator | None:
    """The best of what the rounds show; None where a kind of them is missing."""
    closed = [one for one in rounds if one.kind == "closed" and one.due.size]
    opened = [one for one in rounds if one.kind == "open" and one.measured.any()]
    if not closed or not opened:
        return None
    times = [(one.done - one.due)[one.measured] for one in opened]
    return Generator(
        ceiling=max(_rate(one, (one.done >= one.start) & (one.done < one.end)) for one in closed),
        cpu_per_request=min(one.used / one.due.size for one in closed),
        floor_rate=max(_rate(one, one.measured) for one in opened),
        floor_p50=min(_quantile(one, 0.50) for one in times),
        floor_p99=min(_quantile(one, 0.99) for one in times),
        measured=datetime.now(UTC),
    )


def _rate(one: Round, chosen: NDArray[np.bool_]) -> float:
    return float(chosen.sum()) / (one.end - one.start)


def _quantile(values: Floats, q: float) -> float:
    return float(np.quantile(values, q, method="inverted_cdf"))


def _rounds(source: socket.socket) -> Iterator[Round]:
    """The rounds as their ends come; a round that is cut off is none."""
    reader = frames.FrameReader()
    rows: list[Columns] = []
    while data := source.recv(_READ):
        for kind, payload in reader.feed(data):
            if kind == frames.ROWS:
                rows.append(rows_from_frame(payload))
            elif kind == frames.END:
                yield _round(json.loads(payload), rows)
                rows = []


def _round(end: dict[str, Any], rows: list[Columns]) -> Round:
    columns = {
        name: np.concatenate([np.empty(0), *(one[name] for one in rows)])
        for name in ("due", "done", "error", "phase")
    }
    good = columns["error"] == 0
    measured = columns["phase"][good] == PHASES.index("measure")
    due, done = columns["due"][good], columns["done"][good]
    return Round(end["round"], end["start"], end["end"], end["used"], due, done, measured)


def _remembered(path: Path | None) -> Generator | None:
    if path is None:
        return None
    try:
        return Generator.model_validate_json(path.read_bytes())
    except (OSError, ValueError):
        return None
