from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.record.folder import create, find_run, list_runs, run_id

MOMENT = datetime(2026, 11, 24, 7, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("scenario", "name"),
    [("chat", "chat"), ("my/own mix-2.py", "own_mix_2"), ("../..", "run"), ("übung", "bung")],
)
def test_an_id_is_utc_scenario_and_four_letters(scenario: str, name: str) -> None:
    assert re.fullmatch(f"2026-11-24T07-05-12Z-{name}-[a-z]{{4}}", run_id(scenario, MOMENT))
    there = MOMENT.astimezone(timezone(timedelta(hours=5)))
    assert run_id(scenario, there)[:20] == "2026-11-24T07-05-12Z"


def made(base: Path, *names: str) -> list[Path]:
    folders = [base / name for name in names]
    for age, folder in enumerate(folders):
        folder.mkdir(parents=True)
        (folder / "run.json").write_text("{}")
        os.utime(folder, (1000 + age, 1000 + age))
    return folders


def test_the_folder_is_made_below_the_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert create("chat", tmp_path / "a" / "b").parent == tmp_path / "a" / "b"
    monkeypatch.chdir(tmp_path)
    assert create("chat").parent == Path("results/runs")
    assert len(list_runs()) == 1


def test_a_base_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for base in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UsageError, match="is not a folder; name one with --out"):
            create("chat", base)


def test_runs_are_found_by_id_prefix_letters_path_and_latest(tmp_path: Path) -> None:
    old, first, second = made(
        tmp_path,
        "2026-11-23T09-00-00Z-train-qqqq",
        "2026-11-24T07-05-12Z-chat-zzzz",
        "2026-11-24T07-05-12Z-chat-aaaa",
    )
    (tmp_path / "notes").mkdir()
    assert list_runs(tmp_path) == [second, first, old]
    assert find_run("latest", tmp_path) == second
    assert find_run(first.name, tmp_path) == first
    assert find_run("2026-11-23", tmp_path) == old
    assert find_run("zzzz", tmp_path) == first
    assert find_run(str(old)) == old
    with pytest.raises(UsageError, match=r"`2026-11-24` means 2 runs .*chat-aaaa.*write more of the id"):
        find_run("2026-11-24", tmp_path)
    with pytest.raises(UsageError, match=r"no run `2026-11-23T09-00-00Z-train-qqqz`.*nearest is .*qqqq"):
        find_run("2026-11-23T09-00-00Z-train-qqqz", tmp_path)


def test_a_run_may_be_named_by_the_path_of_its_manifest(tmp_path: Path) -> None:
    (folder,) = made(tmp_path, "2026-11-23T09-00-00Z-train-qqqq")
    assert find_run(str(folder / "run.json")) == folder


@pytest.mark.parametrize("runs", [(), ("2026-11-23T09-00-00Z-train-qqqq",)])
def test_a_path_without_a_run_is_called_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: tuple[str, ...]
) -> None:
    made(tmp_path / "runs", *runs)
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("folder", "./folder", str(tmp_path / "folder")):
        with pytest.raises(UsageError, match=r"folder is no run: it has no run\.json"):
            find_run(name, tmp_path / "runs")
    with pytest.raises(UsageError, match=r"There is no no/where; name the folder of a run"):
        find_run("no/where", tmp_path / "runs")
    for name in ("x" * 5000, "x/" + "y" * 5000):
        with pytest.raises(UsageError) as told:
            find_run(name, tmp_path / "runs")
        assert len(str(told.value)) < 400


def test_no_run_at_all(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "nothing") == []
    with pytest.raises(UsageError, match="There is no run in"):
        find_run("latest", tmp_path)
    with pytest.raises(UsageError, match="must be named"):
        find_run("", tmp_path)
