"""`kato-bench run --expect-workers N` and `kato-bench worker` on one machine."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys

import numpy as np
import pandas as pd
import psutil
import pytest
from known_target import COMMAND, IDENTITY, Processes, check_labels, finished, master_of, measuring, until

from bench.record.reader import RunRecord

pytestmark = pytest.mark.timeout(120)

OTHER_VERSION = """
import bench
bench.__version__ = "9.9.9"
import runpy
runpy.run_module("bench.loadgen.distributed.worker", run_name="__main__")
"""
WORKERS = ("--expect-workers", "3", "--master-bind", "127.0.0.1:0")


def test_three_workers_send_what_one_process_sends(processes: Processes) -> None:
    url = processes.server("fixed:0.005")
    flags = ("--rate", "90", "--duration", "3", "--seed", "7")
    running = processes.run(url, *flags, *WORKERS)
    workers = processes.workers(master_of(running), 3)
    three = finished(running)
    told = [json.loads(worker.communicate(timeout=20)[0]) for worker in workers]
    assert sorted(one["process"] for one in told) == [0, 1, 2]
    alone = finished(processes.run(url, *flags)).load
    pd.testing.assert_frame_equal(
        alone[IDENTITY], three.load[IDENTITY], check_dtype=False, check_categorical=False
    )
    # Each worker's schedule runs on its own clock, and its start is as exact as the clocks' offset.
    np.testing.assert_allclose(alone["due"], three.load["due"], atol=2e-3)
    assert (three.load["process"] == three.load["session"] % 3).all()
    assert three.record.manifest.load.lost == []
    assert three.record.manifest.load.missing_end == 0
    clocks = [event for event in three.record.events() if event["kind"] == "worker_clock"]
    assert [event["worker"] for event in clocks] == [0, 1, 2]
    for event in clocks:
        # One machine has one monotonic clock.
        assert abs(event["offset_seconds"]) <= event["uncertainty_seconds"] < 0.05
    # No collector sees them: they say themselves what they use.
    sampled = {name for source, name, _ in three.record.metrics() if source == "process"}
    assert {"load-0", "load-1", "load-2", "master"} <= sampled


def test_one_of_three_workers_is_killed(processes: Processes) -> None:
    flags = ("--rate", "90", "--duration", "9")
    running = processes.run(processes.server("fixed:0.005"), *flags, *WORKERS)
    processes.workers(master_of(running), 3)
    record: RunRecord = until(measuring(processes.folder), "a measurement")
    clock = next(
        event for event in record.events() if event["kind"] == "worker_clock" and event["worker"] == 1
    )
    os.kill(clock["pid"], signal.SIGKILL)
    run = finished(running)
    check_labels(run, lost=1)
    assert "gives no sign of life" in run.stderr
    lost = [event for event in run.record.events() if event["kind"] == "process_lost"]
    assert [event["name"] for event in lost] == ["load-1"]


def test_a_master_that_is_killed_leaves_no_worker(processes: Processes) -> None:
    flags = ("--rate", "60", "--duration", "60", "--expect-workers", "1", "--master-bind", "127.0.0.1:0")
    running = processes.run(processes.server("fixed:0.001"), *flags)
    (worker,) = processes.workers(master_of(running), 1)
    until(measuring(processes.folder), "a measurement")
    family = psutil.Process(running.pid).children(recursive=True)
    next(one for one in family if "distributed.master" in " ".join(one.cmdline())).kill()
    _, stderr = running.communicate(timeout=30)
    assert running.returncode == 1
    assert "The process master died" in stderr
    (folder,) = (processes.folder / "runs").iterdir()
    assert RunRecord(folder).manifest.status == "interrupted"
    assert RunRecord(folder).count(None, "measure").requests > 30
    _, stderr = worker.communicate(timeout=40)
    assert worker.returncode == 6
    assert "The master is gone" in stderr


def test_workers_that_do_not_come(processes: Processes) -> None:
    running = processes.run(processes.server("fixed:0.001"), *WORKERS, "--worker-wait", "2")
    _, stderr = running.communicate(timeout=30)
    assert running.returncode == 6
    assert "Only 0 of 3 workers came within 2 s (none)" in stderr
    assert "Traceback" not in stderr


def test_a_worker_of_another_version_is_refused(processes: Processes) -> None:
    running = processes.run(processes.server("fixed:0.001"), *WORKERS)
    host, port = master_of(running).split(":")
    ours, theirs = socket.socketpair()
    other = subprocess.Popen(
        [
            *(sys.executable, "-c", OTHER_VERSION, "--control-fd", str(theirs.fileno())),
            *("--host", host, "--port", port, "--wait", "60"),
        ],
        pass_fds=[theirs.fileno()],
    )
    theirs.close()
    with ours, ours.makefile() as lines:
        words = [json.loads(line) for line in lines]
    other.wait()
    assert "This worker has kato-bench 9.9.9 and its master" in words[-1]["refused"]
    running.send_signal(signal.SIGINT)
    _, stderr = running.communicate(timeout=30)
    assert running.returncode == 130
    assert "has kato-bench 9.9.9" in stderr


def test_a_worker_without_a_master(processes: Processes) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        worker = processes.start(*COMMAND, "worker", "--master", f"127.0.0.1:{port}", "--wait", "1")
        stdout, stderr = worker.communicate(timeout=20)
    assert worker.returncode == 6
    assert stdout == ""
    assert f"No master answers at 127.0.0.1:{port} within 1 s" in stderr
    assert "Traceback" not in stderr
