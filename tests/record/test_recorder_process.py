"""Frames in at one end, a run folder out at the other, with the real process between."""

from __future__ import annotations

import contextlib
import json
import math
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recorder_process import PROGRAM, payload, random_rows, recorder

from bench.record import frames
from bench.record.finalise import write_tables
from bench.record.frames import RowBuffer
from bench.record.reader import RunRecord
from bench.record.vocabulary import ERRORS, OPERATIONS, PHASES

time_of = st.floats(0, 1e5)
maybe = st.one_of(st.just(math.nan), time_of)
row = st.tuples(
    time_of,
    maybe,
    maybe,
    maybe,
    st.integers(0, len(OPERATIONS) - 1),
    st.integers(0, len(PHASES) - 1),
    st.integers(0, 599),
    st.integers(0, len(ERRORS) - 1),
    st.integers(0, 2**31 - 1),
    st.integers(0, 2**15 - 1),
    st.integers(-1, 2**31 - 1),
    st.integers(0, 127),
    st.integers(0, 2**31 - 1),
    st.integers(-1, 2**31 - 1),
)


def read_rows(folder: Path) -> list[tuple[object, ...]]:
    return [tuple(record.values()) for record in RunRecord(folder).requests().to_pylist()]


def in_words(values: tuple[float, ...]) -> tuple[object, ...]:
    due, picked, sent, done, operation, phase, status, error, *rest = values
    times = (None if math.isnan(moment) else moment for moment in (due, picked, sent, done))
    return (*times, OPERATIONS[int(operation)], PHASES[int(phase)], status, ERRORS[int(error)], *rest)


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(batches=st.lists(st.lists(row, max_size=20), max_size=6))
def test_what_is_sent_is_what_is_read(batches: list[list[tuple[float, ...]]]) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "run"
        with recorder(folder) as running:
            buffer = RowBuffer()
            for batch in batches:
                for values in batch:
                    buffer.append(*values)
                running.send_rows(buffer.take())
            last = running.finish()
        expected = [in_words(values) for batch in batches for values in batch]
        assert last == {"final": True, "rows": len(expected), "ends": [], "missing_end": 1, "broken": []}
        assert read_rows(folder) == expected
        assert {path.name for path in folder.iterdir()} == {
            "requests.parquet",
            "histograms.parquet",
            "metrics.parquet",
            "events.jsonl",
        }


def test_two_sources_with_metrics_events_and_ends(tmp_path: Path) -> None:
    with recorder(tmp_path, sources=2) as running:
        running.send_rows(payload(random_rows(100)))
        running.send(frames.END, {"rows": 100})
        running.send(frames.EVENT, {"t": 0.5, "kind": "restart", "part": "kato"}, source=1)
        samples = [[1.0, "redis", "", "used_memory", 10.0], [1.0, "redis", "", "evicted_keys", 0]]
        running.send(frames.METRICS, samples, source=1)
        running.send(frames.METRICS, [[2.0, "redis", "", "used_memory", 12.5]], source=1)
        last = running.finish()
    assert running.process.returncode == 0
    assert (last["rows"], last["ends"], last["missing_end"]) == (100, [{"rows": 100}], 1)
    record = RunRecord(tmp_path)
    assert record.events() == [{"t": 0.5, "kind": "restart", "part": "kato"}]
    series = record.metrics()
    assert set(series) == {("redis", "", "used_memory"), ("redis", "", "evicted_keys")}
    times, values = series["redis", "", "used_memory"]
    assert times.tolist() == [1.0, 2.0]
    assert values.tolist() == [10.0, 12.5]


def test_a_source_with_a_name_that_ends_without_a_word_is_an_event(tmp_path: Path) -> None:
    with recorder(tmp_path, sources=2, names=("load-0", "load-1")) as running:
        running.send(frames.END, {"rows": 0})
        assert running.finish()["missing_end"] == 1
    (event,) = RunRecord(tmp_path).events()
    assert (event["kind"], event["name"]) == ("process_lost", "load-1")
    assert event["t"] >= 0


def test_progress_lines_tell_what_happens(tmp_path: Path) -> None:
    with recorder(tmp_path) as running:
        rows = random_rows(1000)
        running.send(frames.PROGRESS, {"t": 1.0, "phase": "measure", "due": 0, "cpu_seconds": 1.0})
        running.send_rows(payload(rows))
        progress = {"t": 2.0, "phase": "measure", "due": 1007, "in_flight": 7, "cpu_seconds": 1.25}
        running.send(frames.PROGRESS, progress)
        line = running.wait_for_line(lambda line: line["due"])
        assert running.finish()["final"] is True
    response = (rows["done"] - rows["due"])[~np.isnan(rows["done"])]
    assert (line["due"], line["in_flight"], line["generator_cpu"]) == (1007, 7, 0.25)
    assert line["answered"] == len(response)
    assert line["errors"] == (rows["error"] != 0).sum()
    assert line["p95"] == pytest.approx(np.percentile(response, 95), rel=0.02)
    assert sum(counts["answered"] for counts in line["operations"].values()) == len(response)


def test_interrupt_is_ignored_and_terminate_finishes(tmp_path: Path) -> None:
    with recorder(tmp_path) as running:
        running.send_rows(payload(random_rows(10)))
        running.wait_for_line(lambda line: line["answered"])
        running.process.send_signal(signal.SIGINT)
        running.send_rows(payload(random_rows(10)))
        running.process.send_signal(signal.SIGTERM)
        assert running.wait_for_line(lambda line: "final" in line)["rows"] == 20
        assert running.process.wait(10) == 0


def test_a_killed_recorder_leaves_what_it_had(tmp_path: Path) -> None:
    rows = random_rows(30_000)
    with recorder(tmp_path) as running:
        for start in range(0, 30_000, 1000):
            running.send_rows(payload({name: column[start : start + 1000] for name, column in rows.items()}))
        running.wait_for_line(lambda line: line["answered"] == (~np.isnan(rows["done"])).sum())
        # Half a frame, as if the load child had been killed while it sent.
        running.sockets[0].sendall(frames.frame(frames.ROWS, payload(random_rows(10)))[:50])
        running.process.kill()
        running.process.wait()
    record = RunRecord(tmp_path)
    assert np.array_equal(record.requests(["due"])["due"].to_numpy(), rows["due"])
    before = {kind: record.histogram("predict", "measure", kind).count for kind in ("response", "lag")}

    # The batch that was being written when power failed: any cut leaves all batches before it.
    stream = tmp_path / "requests.arrows"
    os.truncate(stream, stream.stat().st_size - 7)
    cut = RunRecord(tmp_path).requests(["due"]).num_rows
    assert 0 < cut < 30_000

    assert write_tables(tmp_path) == cut
    assert RunRecord(tmp_path).histogram("predict", "measure", "response").count <= before["response"]
    assert not stream.exists()


def test_finishing_twice_counts_nothing_twice(tmp_path: Path) -> None:
    with recorder(tmp_path) as running:
        running.send_rows(payload(random_rows(500)))
        running.wait_for_line(lambda line: line["answered"])
        running.process.kill()
        running.process.wait()
    streams = {name: (tmp_path / name).read_bytes() for name in ("requests.arrows", "metrics.arrows")}
    assert write_tables(tmp_path) == 500
    whole = RunRecord(tmp_path).histogram(None, None, "lag", None).count
    # Killed after the tables were written and before the streams were removed.
    for name, content in streams.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "histograms.parquet").unlink()
    assert RunRecord(tmp_path).requests().num_rows == 500
    assert RunRecord(tmp_path).histogram(None, None, "lag", None).count == whole
    assert write_tables(tmp_path) == 500
    assert RunRecord(tmp_path).histogram(None, None, "lag", None).count == whole


NONSENSE = [
    frames.frame(b"?", b"{}"),
    frames.frame(frames.ROWS, payload(random_rows(3))[:-1]),
    frames.frame(frames.ROWS, payload({**random_rows(1), "operation": np.array([99], np.int8)})),
    frames.frame(frames.METRICS, b"[[1.0, 2]]"),
    frames.frame(frames.METRICS, b'[[1.0, "a", "b", "c", "much"]]'),
    frames.frame(frames.EVENT, b"{"),
]


def test_sources_that_send_nonsense_do_not_end_the_run(tmp_path: Path) -> None:
    with recorder(tmp_path, sources=1 + len(NONSENSE)) as running:
        for source, nonsense in enumerate(NONSENSE, 1):
            running.sockets[source].sendall(nonsense)
        running.send_rows(payload(random_rows(50)))
        last = running.finish()
    assert last["rows"] == 50
    assert sorted(sentence[: len("source 1 was given up: ")] for sentence in last["broken"]) == [
        f"source {source} was given up: " for source in range(1, 1 + len(NONSENSE))
    ]
    assert [event["kind"] for event in RunRecord(tmp_path).events()] == ["recorder"] * len(NONSENSE)


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of one megabyte, where the rights of this process reach that far."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting takes root")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def flood(folder: Path, **popen: object) -> tuple[dict[str, object], int]:
    with recorder(folder, **popen) as running:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for seed in range(100):
                running.send_rows(payload(random_rows(1000, seed)))
        return running.finish(), running.process.returncode


def test_a_full_disk_is_said_and_costs_nothing_that_was_written(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    with small_disk(folder):
        last, code = flood(folder)
        assert code == 2
        assert last == {"error": f"no space left in {folder}"}
        rows = RunRecord(folder).requests()
        assert rows.num_rows > 1000
        assert rows["due"].to_numpy()[:1000].tolist() == random_rows(1000, 0)["due"].tolist()


def test_a_file_size_limit_is_said(tmp_path: Path) -> None:
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))

    last, code = flood(tmp_path, preexec_fn=limit)
    assert code == 2
    assert str(last["error"]).startswith(f"cannot write in {tmp_path}: ")
    assert RunRecord(tmp_path).requests(["due"]).num_rows > 1000


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            *PROGRAM,
            "--folder",
            tmp_path / "gone",
            *["--origin", "0", "--source", "0", "--progress", "1"],
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"].startswith(f"cannot write in {tmp_path / 'gone'}: No such file")
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak from Linux' /proc")
def test_a_million_rows_in_bounded_time_and_memory(tmp_path: Path) -> None:
    peak = tmp_path / "peak"
    code = (
        "import pathlib, sys; from bench.record.recorder import main; main(sys.argv[1:]);"
        f"pathlib.Path({str(peak)!r}).write_text(pathlib.Path('/proc/self/status').read_text())"
    )
    begin = time.monotonic()
    with recorder(tmp_path / "run", program=("-c", code)) as running:
        for part in range(50):
            running.send_rows(payload(random_rows(20_000, part, start=part * 20.0)))
        assert running.finish()["rows"] == 1_000_000
    assert time.monotonic() - begin < 30
    highest = next(line for line in peak.read_text().splitlines() if line.startswith("VmHWM"))
    assert int(highest.split()[1]) < 400 * 1024
