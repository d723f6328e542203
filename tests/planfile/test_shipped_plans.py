"""The plans that come with kato-bench load, and are what their names say."""

from __future__ import annotations

import io
import os
import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from bench.errors import UsageError
from bench.flags import RunFlags
from bench.loadgen.arrivals import open_schedule
from bench.plan import Plan
from bench.planfile import shipped
from bench.previewing import plan_from

NAMES = ("nightly", "ramp", "smoke", "soak", "spike", "steady", "step")


def plan(name: str) -> Plan:
    return plan_from(None, RunFlags(environment={}), name)


def per_second(name: str, width: int = 1) -> np.ndarray:
    """Requests due in each stretch of the measured load, per second."""
    made = plan(name)
    schedule = open_schedule(made.arrivals, made.phases, 20, made.seed)
    due = np.array([arrival.due for arrival in schedule]) - made.phases.warmup
    return np.histogram(due[due >= 0], np.arange(0, made.phases.measure + 1, width))[0] / width


def test_there_are_these() -> None:
    assert tuple(shipped.names()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_has_a_warm_up_and_ends(name: str) -> None:
    made = plan(name)
    assert made.phases.warmup > 0
    assert made.phases.measure <= 2 * 3600
    assert not made.closed


def test_smoke_is_short_and_allows_no_error() -> None:
    made = plan("smoke")
    assert made.scenario == "smoke"
    assert made.phases.warmup + made.phases.measure <= 30
    assert made.objectives == ["errors <= 0%"]


@pytest.mark.parametrize("name", ["steady", "soak", "smoke"])
def test_what_does_not_change(name: str) -> None:
    assert plan(name).stationary


def test_soak_is_long_and_watched_less_often() -> None:
    assert plan("soak").phases.measure == 7200
    assert plan("soak").collectors.interval == 5


def test_ramp_rises() -> None:
    rates = per_second("ramp", 20)
    assert all(a < b for a, b in pairwise(rates))
    assert rates[0] == pytest.approx(26, rel=0.25)
    assert rates[-1] == pytest.approx(184, rel=0.1)


def test_step_has_seven_levels() -> None:
    assert per_second("step", 20) == pytest.approx([20, 40, 60, 80, 100, 120, 140], rel=0.2)


def test_spike_is_ten_times_as_high_for_five_seconds() -> None:
    rates = per_second("spike", 5)
    assert rates.argmax() == 4
    assert rates[4] == pytest.approx(200, rel=0.15)
    assert np.delete(rates, 4).max() < 40


def test_nightly_has_a_busy_minute_between_ordinary_ones() -> None:
    made = plan("nightly")
    assert [part.name for part in made.measured] == ["ordinary", "busy", "ordinary again"]
    assert per_second("nightly", 60) == pytest.approx([20, 20, 60, 20, 20], rel=0.2)
    assert {text.split("(")[0].split()[0] for text in made.objectives} == {"p95", "errors"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("rmap", "There is no plan 'rmap'. Did you mean ramp? There are nightly, ramp"),
        ("chat", "chat is a scenario: say --scenario chat"),
        ("nowhere.toml", "There is no plan file nowhere.toml"),
        ("no/where", "There is no plan file no/where"),
        ("folder", "folder is a folder; name a plan file"),
        ("latin.toml", "latin.toml is not UTF-8"),
        ("large.toml", "larger than 1 MiB"),
    ],
)
def test_what_is_no_plan(name: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("latin.toml").write_bytes(b"# \xe9")
    Path("large.toml").write_bytes(b"#" * 2_000_000)
    with pytest.raises(UsageError) as refused:
        shipped.load(name)
    assert words in str(refused.value)


def test_a_wrong_scenario_is_told_with_its_line(tmp_path: Path) -> None:
    text = (shipped.FOLDER / "ramp.toml").read_text().replace('"chat"', '"chta"')
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"mine\.toml, line 2: There is no scenario 'chta'\. Did you mean"):
        plan_from(None, RunFlags(), str(path))
    assert plan_from("train", RunFlags(), str(path)).scenario == "train"


def test_a_plan_may_come_on_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    content = io.BytesIO((shipped.FOLDER / "spike.toml").read_bytes())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(content))
    assert plan("-") == plan("spike")


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_standard_input_is_utf_8_wherever_it_is_read(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (shipped.FOLDER / "spike.toml").read_text(encoding="utf-8") + '\n[tags]\nplace = "Zürich"\n'

    def sent(content: bytes) -> Plan:
        # In the C locale Python reads what is not UTF-8 as surrogates, which no record can hold.
        stream = io.TextIOWrapper(io.BytesIO(content), encoding=encoding, errors="surrogateescape")
        monkeypatch.setattr("sys.stdin", stream)
        return plan("-")

    assert sent(text.encode()).tags == {"place": "Zürich"}
    with pytest.raises(UsageError, match="standard input is not UTF-8"):
        sent(text.encode("latin-1"))
    with pytest.raises(UsageError, match="standard input is larger than 1 MiB"):
        sent(b"#" * 2_000_000)
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(UsageError, match="standard input is closed"):
        plan("-")


def test_a_plan_may_come_through_a_pipe_with_a_name(tmp_path: Path) -> None:
    """As the shell's `<(...)` does."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writing = threading.Thread(target=pipe.write_bytes, args=[(shipped.FOLDER / "spike.toml").read_bytes()])
    writing.start()
    assert plan(str(pipe)) == plan("spike")
    writing.join()


def test_a_name_that_no_file_can_have() -> None:
    with pytest.raises(UsageError, match="cannot be read: File name too long"):
        shipped.load("a" * 300)
