"""Ten million requests through the real recorder, and their analysis: time and memory.

python -m benchmarks.record_ten_million [ROWS]
"""

from __future__ import annotations

import json
import math
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from bench.plan import Arrivals, Phases, Plan
from bench.record import frames
from bench.record import manifest as manifests
from bench.record.fingerprint import collect_fingerprint
from bench.record.manifest import Corpus, LoadEnds, Manifest, Phase
from bench.record.reader import RunRecord
from bench.record.tables import ROW
from bench.record.vocabulary import ERRORS, OPERATIONS, PHASES
from bench.record.writer import this_process
from bench.words import count, size
from benchmarks.machine import core_for
from benchmarks.programs import peak_of, run

ROWS = 10_000_000
#: The run takes an hour, with a warm-up of a minute.
_HOUR, _WARM_UP = 3600.0, 60.0
_FRAME = 20_000
_ANALYSE = "--analyse"


@dataclass(frozen=True)
class Recorded:
    """`fed`: seconds until the recorder had taken all rows; `finished`: until its tables were written."""

    rows: int
    fed: float
    finished: float
    peak_bytes: int


def measure(rows: int = ROWS) -> str:
    """Record and analyse so many requests; a few sentences."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "run"
        folder.mkdir()
        recorded = record(folder, rows)
        _write_manifest(folder)
        on_disk = sum(path.stat().st_size for path in folder.iterdir())
        command = [sys.executable, "-m", "benchmarks.record_ten_million", _ANALYSE, str(folder)]
        done = run(command, core_for("client"), timeout=600)
        took: dict[str, float] = json.loads(done.output.strip().splitlines()[-1])
    steps = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in took.items())
    return (
        f"- {count(recorded.rows)} requests of an hour, fed to the recorder as fast as it takes them: "
        f"{recorded.fed:.0f} s, and {recorded.finished - recorded.fed:.0f} s until its tables were written; "
        f"{size(recorded.peak_bytes)} resident at most, {size(on_disk)} on disk.\n"
        f"- Their analysis: {sum(took.values()):.1f} s ({steps}), {size(done.peak_bytes)} resident at most."
    )


def synthetic(rows: int) -> Iterator[bytes]:
    """ROWS payloads of an hour: two operations by turns, lognormal service times, one in a thousand fails."""
    random = np.random.default_rng(7)
    rate = rows / _HOUR
    for start in range(0, rows, _FRAME):
        number = np.arange(start, min(rows, start + _FRAME))
        size = len(number)
        part = np.zeros(size, ROW)
        part["due"] = number / rate
        part["picked"] = part["due"] + random.exponential(0.0001, size)
        part["sent"] = part["picked"] + random.exponential(0.0002, size)
        part["done"] = part["sent"] + random.lognormal(-5, 0.7, size)
        part["operation"] = np.where(number % 2, OPERATIONS.index("observe"), OPERATIONS.index("predict"))
        early = part["due"] < _WARM_UP
        part["phase"] = np.where(early, PHASES.index("warmup"), PHASES.index("measure"))
        part["status"] = 200
        lost = random.random(size) < 0.001
        part["error"][lost] = ERRORS.index("timeout")
        part["done"][lost] = math.nan
        part["session"] = random.integers(0, 1000, size)
        part["connection"] = random.integers(0, 40, size)
        part["bytes"] = random.integers(100, 50_000, size)
        part["items"] = random.integers(-1, 100, size)
        yield part.tobytes()


def record(folder: Path, rows: int) -> Recorded:
    """Feed a recorder process until its tables are written."""
    ours, theirs = socket.socketpair()
    progress, progress_writer = os.pipe()
    arguments = ["--folder", str(folder), "--origin", str(time.monotonic())]
    arguments += ["--source", str(theirs.fileno()), "--progress", str(progress_writer)]
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.record.recorder", *arguments],
        pass_fds=[theirs.fileno(), progress_writer],
    )
    theirs.close()
    os.close(progress_writer)
    began = time.monotonic()
    with ours, os.fdopen(progress, "rb") as lines:
        for payload in synthetic(rows):
            ours.sendall(frames.frame(frames.ROWS, payload))
        frames.send(ours, frames.END, {"rows": rows})
        ours.shutdown(socket.SHUT_WR)
        fed = time.monotonic() - began
        last, peak = _last_line(lines.fileno(), process.pid)
    finished = time.monotonic() - began
    process.wait(30)
    if last.get("rows") != rows:
        raise RuntimeError(f"the recorder says {last}")
    return Recorded(rows, fed, finished, peak)


def _last_line(progress: int, pid: int) -> tuple[dict[str, Any], int]:
    """The recorder's last line, and the most memory that it had resident."""
    buffer, peak = b"", 0
    while True:
        peak = max(peak, peak_of(pid))
        if not select.select([progress], [], [], 0.05)[0]:
            continue
        data = os.read(progress, 65_536)
        buffer += data
        *_, last = buffer.strip().split(b"\n")
        if not data or b'"final"' in last or b'"error"' in last:
            return json.loads(last), max(peak, peak_of(pid))


def _write_manifest(folder: Path) -> None:
    plan = Plan(
        arrivals=Arrivals(rate=ROWS / _HOUR),
        phases=Phases(warmup=_WARM_UP, measure=_HOUR - _WARM_UP),
        objectives=["p95(predict) < 50ms", "errors < 1%"],
    )
    corpus = Corpus(name="none", sha256="", tokens=0, vocabulary=0)
    manifests.write(
        folder,
        Manifest(
            run=folder.name,
            status="finished",
            created=datetime.now(UTC),
            origin_monotonic=0.0,
            writer=this_process(),
            kato_bench="0",
            plan=plan,
            fingerprint=collect_fingerprint(plan, None, corpus),
            phases=[
                Phase(name="warmup", start=0.0, end=_WARM_UP),
                Phase(name="measure", start=_WARM_UP, end=_HOUR),
            ],
            load=LoadEnds(),
            files=manifests.hash_files(folder),
        ),
    )


def analyse(folder: Path) -> dict[str, float]:
    """Seconds of each step that follows a run."""
    from advisor.conclude import conclude
    from bench.judging import judge
    from bench.report import html
    from bench.report.model import summarise

    took = {}
    record = RunRecord(folder)
    for name, step in {
        "hashing": lambda: record.verify(),
        "judgement": lambda: judge(record),
        "advice": lambda: conclude([record]),
        "summary": lambda: summarise(record),
        "page": lambda: html.write(record),
    }.items():
        began = time.monotonic()
        step()
        took[name] = time.monotonic() - began
    return took


if __name__ == "__main__":
    if sys.argv[1:2] == [_ANALYSE]:
        print(json.dumps(analyse(Path(sys.argv[2]))))
    else:
        print(measure(int(sys.argv[1]) if sys.argv[1:] else ROWS))
