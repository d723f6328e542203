"""Half an hour of `chat`, `train` and `vectors` together, at half of what the deployment carries.

    make soak                  30 minutes
    make soak ARGS=5           so many minutes

True at the end, or the program ends with 1: no request failed, no part's memory grows without end by anything
but what was learned, and no process is left over."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from bench.record.reader import RunRecord
from tests.story.stage import UntrueError, check

FOLDER = Path("results/runs/soak")
#: Requests a second. One worker carries some 150 of the chat's, or 60 lessons, or 400 observes with vectors.
_LOADS = {
    "chat": ["--rate", "20", "--data", "patterns=200"],
    "train": ["--rate", "4"],
    "vectors": ["--rate", "10", "--data", "vectors=5000", "--data", "dimension=128"],
}
_TEACHING = ("learn", "sequence")
#: Resident memory may end this much above where it was at a third of the way, beyond what was learned.
_GROWTH = 0.10
_LEARNED_BYTES = 8_000


def main(minutes: float) -> None:
    before = {process.pid for process in psutil.process_iter()}
    with subprocess.Popen(
        [sys.executable, "-m", "bench.cli", "up", "--workers", "1", "--json"],
        stdout=subprocess.PIPE,
        text=True,
    ) as up:
        try:
            assert up.stdout is not None
            facts = json.loads(up.stdout.readline())
            members = {one.pid for one in psutil.Process(up.pid).children(recursive=True)}
            records = _load(facts, minutes)
        finally:
            up.terminate()
            up.wait(30)
    for record in records:
        totals = record.count()
        check(
            f"{record.manifest.plan.scenario}: {totals.requests} requests, {totals.errors} failed",
            totals.requests > 0 and not totals.errors,
        )
    _judge_memory(records)
    left = [pid for pid in members if pid not in before and psutil.pid_exists(pid)]
    check(f"no process is left over {left}", not left)


def _load(facts: dict[str, Any], minutes: float) -> list[RunRecord]:
    stores = {part["name"]: part["address"] for part in facts["parts"]}
    where = ["--target", facts["base_url"], "--redis-url", f"redis://{stores['redis']}"]
    where += ["--qdrant-url", stores["qdrant"], "--clickhouse-url", stores["clickhouse"]]
    runs = []
    for scenario, load in _LOADS.items():
        command = [sys.executable, "-m", "bench.cli", "run", "--scenario", scenario, *where, *load]
        command += ["--duration", str(60 * minutes), "--out", str(FOLDER), "--json"]
        runs.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        # Each brings its own data first, and is not to be measured by the others' preload.
        time.sleep(5)
    records = []
    for run in runs:
        answer = json.loads(run.communicate()[0])
        records.append(RunRecord(Path(answer["folder"])))
    return records


def _judge_memory(records: list[RunRecord]) -> None:
    """By the longest record's samples of each part; all three runs sample the same processes."""
    record = records[0]
    learned = sum(
        one.count(operation).answered
        for one in records
        for operation in one.operations()
        if operation in _TEACHING
    )
    phase = record.phase("measure")
    assert phase is not None
    assert phase.end is not None
    third = phase.start + (phase.end - phase.start) / 3
    for (source, part, metric), (times, values) in record.metrics().items():
        if (source, metric) != ("process", "rss_bytes") or part not in (
            "kato",
            "redis",
            "qdrant",
            "clickhouse",
        ):
            continue
        early = float(np.median(values[(times >= third) & (times < third + 60)]))
        late = float(np.median(values[times >= phase.end - 60]))
        allowed = early * (1 + _GROWTH) + learned * _LEARNED_BYTES
        check(
            f"{part}: {early / 2**20:.0f} MiB at a third of the way, {late / 2**20:.0f} MiB at the end, "
            f"{learned} patterns learned (allowed {allowed / 2**20:.0f})",
            late <= allowed,
        )


if __name__ == "__main__":
    try:
        main(float(sys.argv[1]) if len(sys.argv) > 1 else 30.0)
    except UntrueError as error:
        sys.exit(f"  ✗ {error}")
