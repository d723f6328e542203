"""`kato-bench run --expect-workers N` and `kato-bench worker`: three workers in three network namespaces,
each with a monotonic clock of its own, where the machine lets us make them."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest
from known_target import COMMAND, Processes, check_delivery, check_labels, master_of, measuring, until
from namespaces import SHIFTS, Namespace, UnavailableError, namespaces, places, run

from bench.record.reader import RunRecord

pytestmark = [pytest.mark.timeout(120), pytest.mark.slow]

OTHER_VERSION = """
import bench
bench.__version__ = "9.9.9"
import runpy
runpy.run_module("bench.loadgen.distributed.worker", run_name="__main__")
"""
WORKERS = ("--expect-workers", "3", "--master-bind", "127.0.0.1:0")


@pytest.fixture
def apart(processes: Processes) -> Iterator[list[Namespace]]:
    with places(len(SHIFTS)) as made:
        yield made
        processes.end()


def test_three_workers_send_what_is_scheduled(processes: Processes, apart: list[Namespace]) -> None:
    """The clocks' offsets are found, each schedule runs on its worker's own clock, and all rows come to stand
    on one axis of time."""
    done = run(processes, apart, kill=False)
    clocks = [event for event in done.record.events() if event["kind"] == "worker_clock"]
    assert [event["worker"] for event in clocks] == [0, 1, 2]
    assert all(0 < event["uncertainty_seconds"] < 0.05 for event in clocks)
    shifts = SHIFTS if "unshare" in apart[0].enter else (0, 0, 0)
    assert sorted(round(event["offset_seconds"]) for event in clocks) == sorted(shifts)
    load = done.load
    check_delivery(done, within=2e-3)
    assert (load["error"] == "").all()
    assert (load["process"] == load["session"] % 3).all()
    assert (load["done"] - load["sent"]).median() == pytest.approx(0.005, abs=0.005)
    assert done.record.manifest.load.lost == []
    assert done.record.manifest.load.missing_end == 0
    # No collector sees them: they say themselves what they use.
    sampled = {name for source, name, _ in done.record.metrics() if source == "process"}
    assert {"load-0", "load-1", "load-2", "master"} <= sampled


def test_one_of_three_workers_is_killed(processes: Processes, apart: list[Namespace]) -> None:
    done = run(processes, apart, kill=True)
    check_labels(done, lost=1)
    assert "gives no sign of life" in done.stderr
    lost = [event for event in done.record.events() if event["kind"] == "process_lost"]
    assert [event["name"] for event in lost] == ["load-1"]


def test_of_the_namespaces_nothing_is_left() -> None:
    try:
        with namespaces(1) as made:
            (place,) = made
    except UnavailableError as error:
        pytest.skip(str(error))
    assert place.name not in subprocess.run(["ip", "netns"], capture_output=True, text=True).stdout


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
