"""Reading a run: from its rows, from its histograms, finished or not."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from manifests import example
from recorder_process import payload, random_rows

from bench.errors import UsageError
from bench.record import folder as folders
from bench.record import manifest as manifests
from bench.record.disk import Disk, Portion
from bench.record.finalise import write_tables
from bench.record.manifest import Manifest, Phase
from bench.record.reader import RunRecord, finalise, read_intact
from bench.record.tables import metrics_batch, rows_from_frame
from bench.record.vocabulary import ERRORS, LOST, OPERATIONS, PHASES
from bench.record.writer import this_process
from bench.record.writing import exclusive
from bench.stats.histogram import Histogram

ROWS = random_rows(20_000)


@pytest.fixture(scope="module", params=["streams", "tables"])
def record(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    folder = tmp_path_factory.mktemp("run")
    write_streams(folder)
    if request.param == "tables":
        write_tables(folder)
    return RunRecord(folder)


def write_streams(folder: Path) -> None:
    disk = Disk(folder)
    for start in range(0, len(ROWS["due"]), 3000):
        part = {name: column[start : start + 3000] for name, column in ROWS.items()}
        disk.append(Portion(rows=[rows_from_frame(payload(part))]))
    disk.append(Portion(metrics=[metrics_batch([[1.0, "process", "kato", "rss_bytes", 5.0]])]))
    disk.append(Portion(events=[b'{"t":1.0,"kind":"phase"}\n']))
    disk.close()


@pytest.mark.parametrize(
    ("kind", "start", "end"),
    [
        ("response", "due", "done"),
        ("service", "sent", "done"),
        ("wait", "picked", "sent"),
        ("lag", "due", "picked"),
    ],
)
@pytest.mark.parametrize("outcome", ["ok", "error", "lost", None])
def test_histograms_equal_the_rows(
    record: RunRecord, kind: str, start: str, end: str, outcome: str | None
) -> None:
    mine = (ROWS["operation"] == OPERATIONS.index("predict")) & (ROWS["phase"] == PHASES.index("measure"))
    lost = np.isin(ROWS["error"], [ERRORS.index(word) for word in LOST])
    if outcome:
        mine &= {"ok": ROWS["error"] == 0, "error": (ROWS["error"] != 0) & ~lost, "lost": lost}[outcome]
    seconds = ROWS[end] - ROWS[start]
    if end == "done":  # who was not answered waits for ever, from when it was due or sent
        seconds = np.where(lost & ~np.isnan(ROWS[start]), np.inf, seconds)
    mine &= ~np.isnan(seconds)
    expected = Histogram.from_values(seconds[mine])
    found = record.histogram("predict", "measure", kind, outcome)
    assert found.count > 0 or outcome == "error"
    assert found.buckets.tolist() == expected.buckets.tolist()
    assert found.counts.tolist() == expected.counts.tolist()

    per_second = record.per_second("predict", "measure", kind, outcome)
    due = np.floor(ROWS["due"][mine]).astype(int)
    assert {second: part.count for second, part in per_second} == Counter(due.tolist())
    assert [second for second, _ in per_second] == sorted(set(due.tolist()))
    assert Histogram.merged(part for _, part in per_second).counts.tolist() == found.counts.tolist()


def test_counts_equal_the_rows(record: RunRecord) -> None:
    mine = (ROWS["operation"] == OPERATIONS.index("observe")) & (ROWS["phase"] == PHASES.index("measure"))
    totals = record.count("observe", "measure")
    by_error = Counter(ERRORS[code] for code in ROWS["error"][mine] if code)
    assert totals.requests == mine.sum()
    assert totals.answered == (~np.isnan(ROWS["done"][mine])).sum()
    assert totals.by_error == by_error
    assert totals.errors == by_error.total()
    assert (totals.dropped, totals.unanswered) == (by_error["dropped"], by_error["unanswered"])
    assert record.count(None, None).requests == len(ROWS["due"])
    assert record.operations() == ["observe", "predict"]


def test_completions_count_answers_by_when_they_came(record: RunRecord) -> None:
    width, answers = record.completions(5.0, 15.5)
    good = (ROWS["error"] == 0) & (ROWS["done"] >= 5.0) & (ROWS["done"] < 15.5)
    assert width == 1.05
    for name, counts in answers.items():
        mine = good & (ROWS["operation"] == OPERATIONS.index(name))
        assert len(counts) == 10
        assert counts.sum() == mine.sum()
        assert counts[0] == (mine & (ROWS["done"] < 6.05)).sum()


def test_projection_reads_the_columns_that_are_asked_for(record: RunRecord) -> None:
    table = record.requests(["error", "due"])
    assert table.column_names == ["due", "error"]
    assert table["due"].to_pylist() == ROWS["due"].tolist()
    assert record.requests()["done"].null_count == np.isnan(ROWS["done"]).sum()


def test_metrics_and_events(record: RunRecord) -> None:
    assert {name: values.tolist() for name, (_, values) in record.metrics().items()} == {
        ("process", "kato", "rss_bytes"): [5.0]
    }
    assert record.events() == [{"t": 1.0, "kind": "phase"}]


def run_folder(tmp_path: Path, **changes: object) -> tuple[Path, Manifest]:
    folder = folders.create("chat", tmp_path)
    manifest = example(run=folder.name, **changes)
    manifests.write(folder, manifest)
    return folder, manifest


def test_an_event_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text('{"t":1,"kind":"phase"}\n{"t":')
    assert RunRecord(tmp_path).events() == [{"t": 1, "kind": "phase"}]


RECALL = {
    "t": 40.0, "kind": "recall", "collection": "a", "points": 9, "indexed": 9, "dimension": 4, "k": 3,
    "ef": None, "quantisation_ignored": False, "hits": [3, 2], "seconds": [0.001, 0.002],
}  # fmt: skip


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"garbage", "no JSON"),
        (b"\0\0\0\0", "no JSON"),
        (b"", "no JSON"),
        (b"[" * 200_000, "no JSON"),
        (b"\xff", "no JSON"),
        (b"5", "valid dictionary"),
        (b'{"a":1}', "t: Field required"),
        (b'{"t":1}', "kind: Field required"),
        (b'{"t":NaN,"kind":"phase"}', "t: Input should be a finite number"),
        (b'{"t":1,"kind":"phase","start":"x"}', "start: "),
        (b'{"t":1,"kind":"recall_missing"}', "collection: Field required"),
        (json.dumps({**RECALL, "hits": [4]}).encode(), "hits are from 0 to k"),
        (json.dumps({**RECALL, "k": 0}).encode(), "k: "),
        (json.dumps({**RECALL, "seconds": []}).encode(), "hits but no seconds"),
        (
            json.dumps({name: RECALL[name] for name in RECALL if name != "hits"}).encode(),
            "hits: Field required",
        ),
    ],
    ids=lambda value: str(value)[:30],
)
def test_an_event_that_is_damaged_is_named_by_its_line(tmp_path: Path, line: bytes, reason: str) -> None:
    (tmp_path / "events.jsonl").write_bytes(json.dumps(RECALL).encode() + b"\n" + line + b"\n")
    with pytest.raises(UsageError, match=r"events\.jsonl, line 2 is damaged \(.*" + reason):
        RunRecord(tmp_path).events()


def test_nothing_was_recorded_yet(tmp_path: Path) -> None:
    folder, _ = run_folder(tmp_path)
    record = RunRecord(folder)
    assert record.requests().num_rows == 0
    assert record.histogram().count == 0
    assert record.per_second() == []
    assert record.metrics() == {}
    assert record.events() == []
    assert record.operations() == []
    assert record.count().requests == 0
    assert record.phase("measure") is None
    assert record.completions(0.0, 2.0) == (1.0, {})


def test_the_phase_of_a_killed_run_comes_from_its_rows(tmp_path: Path) -> None:
    folder, _ = run_folder(tmp_path, phases=[Phase(name="measure", start=5.25)])
    write_streams(folder)
    record = RunRecord(folder)
    assert record.phase("measure") == Phase(name="measure", start=5.25, end=20.0)
    assert record.phase("warmup") == Phase(name="warmup", start=0.0, end=5.0)
    assert record.phase("preload") is None


def test_running_while_its_writer_is_there(tmp_path: Path) -> None:
    folder, _ = run_folder(tmp_path, writer=this_process())
    assert RunRecord(folder).manifest.status == "running"
    with pytest.raises(UsageError, match=r"still being measured by process \d+"):
        finalise(folder)


def test_interrupted_when_its_writer_was_killed(tmp_path: Path) -> None:
    program = (
        "from bench.record.writer import this_process; print(this_process().model_dump_json(), flush=True);"
        "input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        writer = type(this_process()).model_validate_json(process.stdout.readline())
        folder, _ = run_folder(tmp_path, writer=writer)
        write_streams(folder)
        assert RunRecord(folder).manifest.status == "running"
        process.kill()
        deadline = time.monotonic() + 10
        # Nobody has waited for the process: its zombie is not a writer.
        while RunRecord(folder).manifest.status == "running":
            assert time.monotonic() < deadline
    manifest = RunRecord(folder).manifest
    assert manifest.status == "interrupted"
    assert manifest.reason == "the process that measured ended without finishing the run"

    with exclusive(folder), pytest.raises(UsageError, match="being finished by its recorder"):
        finalise(folder)
    finished = finalise(folder)
    assert finished == RunRecord(folder).manifest == finalise(folder)
    assert finished.status == "interrupted"
    assert set(finished.files) == set(manifests.RECORD_FILES)
    assert finished.totals.requests == len(ROWS["due"])
    assert RunRecord(folder).verify() == []


@pytest.mark.parametrize(
    "change", [{"boot": "another"}, {"started": -1.0}, {"pid": 2**22 + 1}], ids=lambda change: str(change)
)
def test_a_writer_that_is_not_this_one(tmp_path: Path, change: dict[str, object]) -> None:
    folder, _ = run_folder(tmp_path, writer=this_process().model_copy(update=change))
    assert RunRecord(folder).manifest.status == "interrupted"


def test_a_writer_on_another_host_is_judged_by_the_age_of_its_files(tmp_path: Path) -> None:
    import os

    folder, _ = run_folder(tmp_path, writer=this_process().model_copy(update={"host": "elsewhere"}))
    assert RunRecord(folder).manifest.status == "running"
    for path in (folder, *folder.iterdir()):
        os.utime(path, (time.time() - 120,) * 2)
    assert RunRecord(folder).manifest.status == "interrupted"


def test_verify_finds_a_changed_byte(tmp_path: Path) -> None:
    folder, manifest = run_folder(tmp_path, status="finished")
    assert "no hashes" in RunRecord(folder).verify()[0]
    write_streams(folder)
    write_tables(folder)
    manifests.write(folder, manifest.model_copy(update={"files": manifests.hash_files(folder)}))
    assert RunRecord(folder).verify() == []

    table = folder / "requests.parquet"
    content = bytearray(table.read_bytes())
    content[len(content) // 2] ^= 1
    table.write_bytes(content)
    (folder / "events.jsonl").unlink()
    assert RunRecord(folder).verify() == [
        f"{table} does not match its checksum in run.json; put the run's own back, or measure again.",
        f"{folder / 'events.jsonl'} is missing; put it back, or measure again.",
    ]
    with pytest.raises(UsageError, match=r"requests\.parquet does not match its checksum"):
        read_intact(folder)

    table.write_bytes(content[:100])
    with pytest.raises(UsageError, match=r"requests\.parquet is damaged"):
        RunRecord(folder).requests()


@pytest.mark.parametrize("name", manifests.RECORD_FILES)
@pytest.mark.parametrize("damage", ["missing", "longer", "other bytes", "a folder"])
def test_a_run_with_a_file_that_it_did_not_end_with_is_refused(
    tmp_path: Path, name: str, damage: str
) -> None:
    folder, manifest = run_folder(tmp_path, status="finished")
    with pytest.raises(UsageError, match="no hashes"):
        read_intact(folder)
    write_streams(folder)
    write_tables(folder)
    manifests.write(folder, manifest.model_copy(update={"files": manifests.hash_files(folder)}))
    assert read_intact(folder).count().requests

    path = folder / name
    content = path.read_bytes()
    path.unlink()
    if damage == "longer":
        path.write_bytes(content + b"\n")
    elif damage == "other bytes":
        path.write_bytes(bytes(byte ^ 1 for byte in content))
    elif damage == "a folder":
        path.mkdir()
    with pytest.raises(UsageError, match=rf"{re.escape(str(path))} (is missing|does not match|cannot be)"):
        read_intact(folder)


def test_a_run_that_was_killed_is_read_as_far_as_it_came(tmp_path: Path) -> None:
    folder, _ = run_folder(tmp_path, status="interrupted")
    write_streams(folder)
    assert read_intact(folder).count(None, None).requests == len(ROWS["due"])


def _another(name: str, change: Callable[[pa.Table], pa.Table]) -> Callable[[Path], None]:
    def put(folder: Path) -> None:
        pq.write_table(change(pq.read_table(folder / name)), folder / name)

    return put


def _set(column: str, value: object) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.set_column(
        table.column_names.index(column), column, pa.array([value] * table.num_rows)
    )


def _everything(record: RunRecord) -> None:
    record.requests()
    record.operations()
    record.histogram()
    record.metrics()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_another("requests.parquet", lambda table: table.drop_columns(["error"])), "no column error"),
        (_another("requests.parquet", _set("due", "soon")), "damaged and cannot be read"),
        (_another("requests.parquet", _set("due", None)), "a row has no due"),
        (_another("requests.parquet", _set("operation", "sing")), "the operation 'sing' is unknown"),
        (_another("histograms.parquet", lambda table: table.drop_columns(["bucket"])), "no column bucket"),
        (_another("histograms.parquet", _set("outcome", "maybe")), "the outcome 'maybe' is unknown"),
        (_another("metrics.parquet", lambda table: table.select(["t", "value"])), "no column source"),
        (_another("metrics.parquet", _set("t", "noon")), "damaged and cannot be read"),
        (lambda folder: (folder / "metrics.parquet").write_text("no table"), "damaged and cannot be read"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_table_of_another_shape_is_named(tmp_path: Path, damage: Callable[[Path], None], said: str) -> None:
    write_streams(tmp_path)
    write_tables(tmp_path)
    damage(tmp_path)
    with pytest.raises(UsageError, match=said):
        _everything(RunRecord(tmp_path))


def test_a_column_more_is_left_out(tmp_path: Path) -> None:
    write_streams(tmp_path)
    write_tables(tmp_path)
    _another("requests.parquet", lambda table: table.append_column("more", table["due"]))(tmp_path)
    assert "more" not in RunRecord(tmp_path).requests().column_names


def test_streams_of_another_shape_are_named(tmp_path: Path) -> None:
    foreign = pa.record_batch({"a": [1]})
    for name in ("requests.arrows", "metrics.arrows"):
        with pa.OSFile(str(tmp_path / name), "wb") as file, pa.ipc.new_stream(file, foreign.schema) as stream:
            stream.write_batch(foreign)
    record = RunRecord(tmp_path)
    with pytest.raises(UsageError, match="is no stream of requests"):
        record.requests()
    with pytest.raises(UsageError, match="is no stream of metrics"):
        record.metrics()


def test_a_sample_that_is_no_number_is_left_out(tmp_path: Path) -> None:
    samples = [[float(t), "redis", "", "keys", value] for t, value in enumerate([1.0, math.nan, math.inf])]
    samples.append([3.0, "redis", "", "points", None])
    disk = Disk(tmp_path)
    disk.append(Portion(metrics=[metrics_batch(samples)]))
    disk.close()
    found = RunRecord(tmp_path).metrics()
    assert {name: values.tolist() for name, (_, values) in found.items()} == {("redis", "", "keys"): [1.0]}


def test_created_is_read_as_utc(tmp_path: Path) -> None:
    folder, _ = run_folder(tmp_path, created=datetime(2026, 11, 24, 7, 5, 12, tzinfo=UTC))
    assert '"created": "2026-11-24T07:05:12Z"' in (folder / "run.json").read_text()
    assert RunRecord(folder).manifest.created == datetime(2026, 11, 24, 7, 5, 12, tzinfo=UTC)
