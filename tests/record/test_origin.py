"""Which runs a user made, and which of them `latest` means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.record.folder import find_run
from bench.record.origin import is_inner

MEASURED = [{"name": "warmup"}, {"name": "measure"}]


def write(base: Path, second: int, **facts: Any) -> Path:
    folder = base / f"2026-11-24T07-05-{second:02}Z-chat-abcd"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"status": "finished", "phases": MEASURED, **facts}))
    return folder


def tagged(**tags: str) -> dict[str, Any]:
    return {"plan": {"tags": tags}}


@pytest.mark.parametrize(
    ("tags", "inner"),
    [
        ({}, False),
        ({"commit": "abc", "side": "left"}, False),
        ({"side": "baseline", "pair": "3"}, True),
        ({"capacity": "2026-11-24T07-05-12Z-search-abcd"}, True),
    ],
)
def test_steps_of_other_commands_are_known_by_their_tags(
    tmp_path: Path, tags: dict[str, str], inner: bool
) -> None:
    assert is_inner(write(tmp_path, 1, **tagged(**tags))) is inner


@pytest.mark.parametrize(
    "passed_over",
    [
        {"status": "interrupted", "phases": []},
        {"status": "interrupted", "phases": [{"name": "preload"}]},
        tagged(capacity="x"),
        tagged(side="candidate", pair="1"),
    ],
)
def test_latest_passes_over_what_nobody_means(tmp_path: Path, passed_over: dict[str, Any]) -> None:
    meant = write(tmp_path, 1)
    newest = write(tmp_path, 2, **passed_over)
    assert find_run("latest", tmp_path) == meant
    assert find_run(newest.name, tmp_path) == newest


@pytest.mark.parametrize("facts", [{"status": "running", "phases": []}, {"status": "interrupted"}])
def test_a_killed_and_a_damaged_run_are_not_passed_over(tmp_path: Path, facts: dict[str, Any]) -> None:
    write(tmp_path, 1)
    newest = write(tmp_path, 2, **facts)
    if "phases" not in facts:
        (newest / "run.json").write_text("{broken")
    assert find_run("latest", tmp_path) == newest


def test_where_nothing_was_measured_latest_is_the_newest(tmp_path: Path) -> None:
    write(tmp_path, 1, status="interrupted", phases=[])
    newest = write(tmp_path, 2, status="interrupted", phases=[])
    assert find_run("latest", tmp_path) == newest
