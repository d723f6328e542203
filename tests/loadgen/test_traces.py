from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.courses import Trace
from bench.errors import UsageError
from bench.loadgen import traces
from bench.loadgen.arrivals import open_schedule
from bench.plan import Arrivals, Part, Plan, load_of


@pytest.mark.parametrize(
    ("name", "content", "column", "times"),
    [
        ("t.txt", "0\n1.5\n# a remark\n\n4\n", None, [0, 1.5, 4]),
        ("t.txt", "12.5\n10\n", None, [0, 2.5]),
        ("t.log", "1790000000.25\n1790000001\n", None, [0, 0.75]),
        ("t.txt", "1790000000250\n1790000001000\n", None, [0, 0.75]),
        ("t.txt", "1790000000250000\n1790000001000000\n", None, [0, 0.75]),
        ("t.txt", "1790000000250000000\n1790000001000000000\n", None, [0, 0.75]),
        ("t.txt", "2026-01-31T12:00:00Z\n2026-01-31T13:00:01.5+01:00\n", None, [0, 1.5]),
        ("t.txt", "2026-01-31 12:00:00\n2026-01-31 12:00:02\n", None, [0, 2]),
        ("t.txt", "\ufeff1\r\n2\r\n", None, [0, 1]),
        ("t.csv", "when,what\n3,a\n5,b\n", "when", [0, 2]),
        ("t.csv", "when\n3\n5\n", None, [0, 2]),
        ("t.tsv", "a\tb\n3\t1\n5\t4\n", "b", [0, 3]),
        ("t.log", "a,b\n3,1\n5,4\n", "b", [0, 3]),
        ("t.jsonl", '{"at": "2026-01-31T12:00:00Z"}\n{"at": "2026-01-31T12:00:03Z"}\n', "at", [0, 3]),
        ("t.ndjson", "1\n2.5\n", None, [0, 1.5]),
    ],
)
def test_what_is_a_trace(
    tmp_path: Path, name: str, content: str, column: str | None, times: list[float]
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8", newline="")
    assert list(traces.read(tmp_path / name, column).times) == pytest.approx(times, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "content", "column", "words"),
    [
        ("t.txt", "", None, "holds no timestamp"),
        ("t.txt", "1\nsoon\n", None, "line 2: 'soon' is no timestamp"),
        ("t.txt", "1\nnan\n", None, "line 2: 'nan' is no timestamp"),
        ("t.txt", "soon\n", None, "line 1: 'soon' is no timestamp"),
        ("t.txt", "2026-01-31T12:00:00Z\n1790000000\n", None, "line 2: '1790000000' is no timestamp"),
        ("t.csv", "a,b\n1,2\n", None, "say which column holds the time; it has a, b"),
        ("t.csv", "a,b\n1,2\n", "c", "there is no column 'c'; it has a, b"),
        ("t.csv", "a,b\n1,2\n1\n", "b", "line 3: there is no 'b'"),
        ("t.jsonl", '{"a": 1}\n', None, "say which key holds the time"),
        ("t.jsonl", '{"a": 1}\n{"b": 1}\n', "a", "line 2: there is no 'a'"),
        ("t.jsonl", "{\n", "a", "line 1: this is not JSON"),
        ("t.jsonl", '{"a": null}\n', "a", "line 1: 'None' is no timestamp"),
    ],
)
def test_what_is_none_is_refused_with_its_line(
    tmp_path: Path, name: str, content: str, column: str | None, words: str
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(UsageError) as refused:
        traces.read(tmp_path / name, column)
    assert words in str(refused.value)
    assert name in str(refused.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"\xe9\n")
    for path, words in ((tmp_path / "none.txt", "does not exist"), (tmp_path, "cannot be read")):
        with pytest.raises(UsageError, match=words):
            traces.read(path)
    with pytest.raises(UsageError, match="not UTF-8"):
        traces.read(tmp_path / "latin.txt")
    os.mkfifo(tmp_path / "pipe")
    for endless in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(UsageError, match="is no file: save what it holds in one"):
            traces.read(endless)
    with (tmp_path / "large.txt").open("wb") as file:
        file.truncate(2**30 + 1)
    with pytest.raises(UsageError, match="larger than 1 GiB"):
        traces.read(tmp_path / "large.txt")


@given(st.lists(st.floats(0, 1e10), min_size=1, max_size=50))
def test_times_are_in_order_and_count_from_the_first(times: list[float]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.txt"
        path.write_text("\n".join(map(repr, times)))
        found = list(traces.read(path).times)
    assert found == sorted(found)
    assert found[0] == 0
    assert found[-1] == pytest.approx(max(times) - min(times))


def test_a_trace_that_changed_since_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text("0\n1\n")
    recorded = traces.read(path)
    trace = Trace(file=str(path), sha256=recorded.sha256, count=2, lasts=1.0)
    arrivals, phases = load_of([Part(phase="measure", seconds=3, arrivals=Arrivals.along(trace))])
    plan = Plan(arrivals=arrivals, phases=phases)
    assert {key: list(times) for key, times in traces.recorded_of(plan).items()} == {
        (recorded.sha256, None): [0, 1]
    }
    path.write_text("0\n2\n")
    with pytest.raises(UsageError, match="has changed since the plan was made"):
        traces.recorded_of(plan)


def test_two_columns_of_one_file_are_two_traces(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("first,second\n0,0\n1,2\n2,4\n")
    parts = []
    for column in ("first", "second"):
        recorded = traces.read(path, column)
        trace = Trace(
            file=str(path), column=column, sha256=recorded.sha256, count=3, lasts=recorded.times[-1]
        )
        parts.append(Part(phase="measure", seconds=5, arrivals=Arrivals.along(trace)))
    arrivals, phases = load_of(parts)
    plan = Plan(arrivals=arrivals, phases=phases)
    schedule = open_schedule(arrivals, phases, 1, 1, traces.recorded_of(plan))
    assert [one.due for one in schedule] == [0, 1, 2, 5, 7, 9]
