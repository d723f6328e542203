"""`kato-bench run --processes N`: the same load from several processes, and what becomes of one that dies."""

from __future__ import annotations

import os
import signal

import numpy as np
import pandas as pd
import psutil
import pyarrow.parquet as pq
import pytest
from known_target import (
    IDENTITY,
    Finished,
    Processes,
    check_delivery,
    check_labels,
    finished,
    measuring,
    until,
)

from bench.cli import main
from bench.record.finalise import HISTOGRAMS_TABLE, iterate_requests
from bench.record.histograms import NEEDED, histogram_batches

pytestmark = [pytest.mark.timeout(120), pytest.mark.slow]

FLAGS = ("--rate", "90", "--duration", "3", "--seed", "7")


@pytest.fixture(scope="module")
def alone_and_three(tmp_path_factory: pytest.TempPathFactory) -> tuple[Finished, Finished]:
    """One plan, run by one process and by three."""
    runs = []
    for number in ("1", "3"):
        processes = Processes(tmp_path_factory.mktemp(f"by_{number}"))
        try:
            runs.append(
                finished(processes.run(processes.server("fixed:0.005"), *FLAGS, "--processes", number))
            )
        finally:
            processes.end()
    return runs[0], runs[1]


def test_the_same_seed_sends_the_same_requests(alone_and_three: tuple[Finished, Finished]) -> None:
    """In due order, with sessions by their index, whatever the number of processes."""
    alone, three = (run.load for run in alone_and_three)
    assert set(three["process"]) == {0, 1, 2}
    assert (three["process"] == three["session"] % 3).all()
    pd.testing.assert_frame_equal(
        alone[IDENTITY], three[IDENTITY], check_dtype=False, check_categorical=False
    )
    np.testing.assert_allclose(alone["due"], three["due"], atol=1e-6)


def test_what_is_scheduled_is_delivered(alone_and_three: tuple[Finished, Finished]) -> None:
    for run in alone_and_three:
        load = run.load
        check_delivery(run, within=1e-6)
        assert (load["error"] == "").all()
        assert (load["done"] - load["sent"]).median() == pytest.approx(0.005, abs=0.004)
        assert run.summary["soundness"]["level"] in ("sound", "qualified"), run.reasons
        names = [phase.name for phase in run.record.manifest.phases]
        assert names[:3] == ["preload", "warmup", "measure"]
        assert run.record.manifest.load.lost == []


def test_each_process_keeps_its_own_books(alone_and_three: tuple[Finished, Finished]) -> None:
    """Their connections are parts of the one limit, their in-flight integrals add up to the rows."""
    _, three = alone_and_three
    ends = [end for end in three.record.manifest.load.ends if "process" in end]
    rows = three.record.requests().to_pandas()
    assert sorted(end["process"] for end in ends) == [0, 1, 2]
    assert sum(end["rows"] for end in ends) == len(rows)
    busy = (rows["done"] - rows["picked"]).sum()
    assert sum(end["in_flight_seconds"] for end in ends) == pytest.approx(busy, rel=0.01)
    pids = {name for source, name, _ in three.record.metrics() if source == "process"}
    assert {"load-0", "load-1", "load-2"} <= pids


def test_histograms_merge_exactly(alone_and_three: tuple[Finished, Finished]) -> None:
    """Those of three processes are those of the union of their rows, process by process."""
    _, three = alone_and_three
    stored = pq.read_table(three.record.folder / HISTOGRAMS_TABLE).to_pandas()
    keys = [name for name in stored.columns if name != "count"]
    parts = []
    for process in range(3):
        batches = iterate_requests(three.record.folder, (*NEEDED, "process"))
        own = (batch.filter(batch["process"].to_numpy() == process) for batch in batches)
        parts += [batch.to_pandas() for batch in histogram_batches(own)]
    assert len(parts) == 3
    merged = pd.concat(parts).astype(dict.fromkeys(keys, str)).groupby(keys)["count"].sum()
    expected = stored.astype(dict.fromkeys(keys, str)).groupby(keys)["count"].sum()
    pd.testing.assert_series_equal(merged, expected)


def test_one_of_three_is_killed(processes: Processes) -> None:
    """The run goes to its end, says what is missing and how much, and is not believed. Users are divided."""
    flags = ("--users", "7", "--think", "0.05", "--duration", "5", "--processes", "3")
    running = processes.run(processes.server("fixed:0.005"), *flags)
    until(measuring(processes.folder), "a measurement")
    family = psutil.Process(running.pid).children(recursive=True)
    victim = next(one for one in family if "load-1.json" in " ".join(one.cmdline()))
    os.kill(victim.pid, signal.SIGKILL)
    run = finished(running)
    check_labels(run, lost=1)
    load = run.load
    assert set(load["session"]) == set(range(7))
    assert (load["process"] == load["session"] % 3).all()
    assert "load process 2 of 3 died (signal 9)" in run.stderr
    told = [event for event in run.record.events() if event["kind"] == "process_lost"]
    assert [event["name"] for event in told] == ["load-1"]


def test_one_dies_before_the_load(processes: Processes) -> None:
    """There is no load of two thirds: the run is refused, and nothing is left running."""
    flags = ("--rate", "30", "--duration", "30", "--processes", "2")
    running = processes.run(processes.server("fixed:0.001"), *flags, patterns=4000)

    def loading() -> psutil.Process | None:
        family = psutil.Process(running.pid).children(recursive=True)
        found = [one for one in family if "load-1.json" in " ".join(one.cmdline())]
        return found[0] if found and found[0].cpu_times().user > 1 else None

    until(loading, "a second load process").kill()
    _, stderr = running.communicate(timeout=60)
    assert running.returncode == 1, stderr
    assert "The process load-1 died" in stderr
    assert "Traceback" not in stderr


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--processes", "0"], "--processes 0: give 1 to 64"),
        (["--processes", "65"], "--processes 65: give 1 to 64"),
        (["--processes", "2", "--users", "1"], "the load has 1; give at most 1"),
        (["--processes", "2", "--expect-workers", "2"], "exclude each other"),
        (["--expect-workers", "30"], "the load has 20; give at most 20"),
        (["--master-bind", "0.0.0.0"], "--master-bind goes with --expect-workers"),
        (["--worker-wait", "5"], "--worker-wait goes with --expect-workers"),
        (["--expect-workers", "2", "--master-bind", "a b"], "give HOST or HOST:PORT"),
        (["--expect-workers", "2", "--master-bind", "x:99999"], "give HOST or HOST:PORT"),
        (["--expect-workers", "2", "--worker-wait", "0"], "--worker-wait 0"),
    ],
)
def test_numbers_that_make_no_sense(
    flags: list[str], words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bench.loader_flags.usable_cores", lambda: 64)
    with pytest.raises(SystemExit) as ended:
        main(["run", *flags])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_more_processes_than_cores_can_serve(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bench.loader_flags.usable_cores", lambda: 2)
    with pytest.raises(SystemExit) as ended:
        main(["run", "--processes", "5"])
    assert ended.value.code == 2
    assert "this machine has 2 cores" in capsys.readouterr().err


def test_fewer_connections_than_processes(processes: Processes) -> None:
    url = processes.server("fixed:0.001")
    running = processes.run(url, "--processes", "3", "--connections", "2")
    _, stderr = running.communicate(timeout=30)
    assert running.returncode == 2
    assert "3 load processes need a connection each, and the target takes 2" in stderr
    assert not list((processes.folder / "runs").glob("*"))
