"""Commands on runs whose files are gone, changed or foreign: one sentence, exit code 2, no traceback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import bench
from bench.errors import UsageError

from .conftest import COMMAND, environment, run

# The whole run folders of the report's tests, and the manifests of the record's.
sys.path += [str(Path(__file__).parents[1] / name) for name in ("report", "record")]

from pages import troubled_run

Damage = Callable[[Path], object]
NAME = "2026-11-24T07-05-12Z-chat-abcd"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder: Path = troubled_run(tmp_path / NAME).folder
    return folder


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_path_with_a_comma_is_one_run(folder: Path) -> None:
    place = folder.parent / "a,b"
    place.mkdir()
    moved = folder.rename(place / folder.name)
    done = run("compare", str(moved), str(moved))
    assert "stands on both sides" in done.stderr or "is qualified" in done.stderr


@pytest.mark.parametrize(
    "world",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=lambda world: "-".join(world.values()),
)
def test_a_terminal_that_lacks_a_letter_gets_the_others(folder: Path, world: dict[str, str]) -> None:
    done = subprocess.run(
        [*COMMAND, "show", str(folder)], capture_output=True, env={**environment(), **world}, check=True
    )
    assert b"redis.maxmemory-policy" in done.stdout
    assert b"?" in done.stdout
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not valid advice"),
        ("[" * 200_000, "is not valid advice"),
        ('{"schema_version": 2, "findings": "elsewhere"}', "has schema version 2"),
    ],
)
def test_what_was_measured_is_told_without_advice_that_cannot_be_read(
    folder: Path, content: str, said: str
) -> None:
    (folder / "derived" / "advice.json").write_text(content)
    shown = run("show", str(folder))
    assert (shown.returncode, shown.stderr) == (0, "")
    assert said in " ".join(shown.stdout.split())
    reported = run("report", str(folder))
    assert (reported.returncode, reported.stderr) == (0, "")
    assert said in (folder / "derived" / "report.html").read_text()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: flip(folder / "requests.parquet"), "requests.parquet does not match its checksum"),
        (lambda folder: (folder / "requests.parquet").unlink(), "requests.parquet is missing"),
        (lambda folder: (folder / "metrics.parquet").unlink(), "metrics.parquet is missing"),
        (lambda folder: (folder / "events.jsonl").write_text("garbage\n"), "events.jsonl does"),
    ],
)
@pytest.mark.parametrize("command", [("advise",), ("report",), ("compare", NAME)])
def test_a_run_is_not_believed_whose_files_are_not_its_own(
    folder: Path, damage: Damage, said: str, command: tuple[str, ...]
) -> None:
    damage(folder)
    done = run(*command, NAME, "--out", str(folder.parent))
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
    with pytest.raises(UsageError, match=said):
        bench.load(folder)
