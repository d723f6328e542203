"""`kato-bench advise` on a real run of KATO as it is shipped, and on what cannot be advised on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bench.record.schema import schemas

from .conftest import run

Edit = Callable[[dict[str, Any]], None]

SHORT = ("--data", "patterns=20", "--data", "sessions=12", "--warmup", "1", "--duration", "4")


def edited(folder: Path, change: Edit) -> None:
    path = folder / "run.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def believed(manifest: dict[str, Any]) -> None:
    manifest["soundness"] = {"level": "sound", "reasons": [], "unknown": []}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run, taken for sound: how busy this machine is does not matter here."""
    base = tmp_path_factory.mktemp("runs")
    done = run("run", "--json", "--out", str(base), "--profile", "shipped", "--workers", "1", *SHORT)
    assert done.returncode in (0, 5), done.stderr
    folder = Path(json.loads(done.stdout)["folder"])
    edited(folder, believed)
    return folder


@pytest.fixture
def copy(shipped: Path, tmp_path: Path) -> Path:
    folder = tmp_path / shipped.name
    shutil.copytree(shipped, folder)
    return folder


def test_advice_is_told_kept_and_repeated_at_the_end_of_the_run(shipped: Path) -> None:
    told = run("advise", "--json", "--out", str(shipped.parent))
    assert told.returncode == 0, told.stderr
    advised = json.loads(told.stdout)
    jsonschema.validate(advised, json.loads(schemas()["advice.schema.json"]))
    assert advised["runs"] == [shipped.name]
    assert advised["findings"][0]["severity"] == "critical"
    wanted = {
        change["knob"]: change["new"] for one in advised["findings"] for change in one["recommendations"]
    }
    assert wanted["redis.maxmemory-policy"] == "noeviction"
    assert wanted["redis.appendonly"] == "yes"
    assert json.loads((shipped / "derived/advice.json").read_text()) == advised
    patches = {path.name: path.read_text() for path in (shipped / "derived/patches").iterdir()}
    assert patches == advised["files"]
    assert "CONFIG SET maxmemory-policy noeviction\n" in patches["redis.txt"]

    page = run("advise", shipped.name[-4:], "--out", str(shipped.parent)).stdout
    assert "redis.maxmemory-policy: allkeys-lru → noeviction (acts at once)" in page
    assert "--set redis.maxmemory-policy=noeviction" in page
    assert str(shipped / "derived/patches") in page.replace("\n", "")

    screen = run("show", "--out", str(shipped.parent)).stdout
    assert "What to change first:" in screen
    assert "1. redis." in screen
    assert f"kato-bench advise {shipped.name}" in screen


def test_several_runs_are_one_advice_kept_with_the_last(shipped: Path, copy: Path) -> None:
    edited(copy, lambda manifest: manifest.update(run="another"))
    advised = json.loads(run("advise", "--json", str(shipped), str(copy)).stdout)
    assert advised["runs"] == [shipped.name, "another"]
    assert all(finding["runs"] == advised["runs"] for finding in advised["findings"])
    identities = [finding["id"] for finding in advised["findings"]]
    assert len(identities) == len(set(identities))
    assert json.loads((copy / "derived/advice.json").read_text()) == advised


def unsound(manifest: dict[str, Any]) -> None:
    reason = {"code": "lag", "sentence": "the generator was 80 ms late."}
    manifest["soundness"] = {"level": "unsound", "reasons": [reason], "unknown": []}


def cut_off(manifest: dict[str, Any]) -> None:
    manifest.update(status="interrupted", reason="Ctrl-C")
    manifest["phases"] = [phase for phase in manifest["phases"] if phase["name"] != "measure"]


@pytest.mark.parametrize(
    ("change", "code", "sentence"),
    [
        (
            unsound,
            5,
            "unsound, and a broken measurement advises nothing: the generator was 80 ms late; measure",
        ),
        (lambda manifest: manifest.update(target=None), 2, "does not say what it measured"),
    ],
)
def test_what_cannot_be_advised_on_gets_its_sentence_and_code(
    copy: Path, change: Edit, code: int, sentence: str
) -> None:
    edited(copy, change)
    before = (copy / "derived/advice.json").read_bytes()

    done = run("advise", str(copy))

    assert done.returncode == code
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert not done.stdout
    assert (copy / "derived/advice.json").read_bytes() == before


def test_a_run_without_a_measure_phase(copy: Path) -> None:
    tables = ("requests.parquet", "histograms.parquet")

    def never_began(manifest: dict[str, Any]) -> None:
        cut_off(manifest)
        for table in tables:
            del manifest["files"][table]

    edited(copy, never_began)
    for table in tables:
        (copy / table).unlink()
    done = run("advise", str(copy))
    assert done.returncode == 2
    assert "ended before anything was measured (Ctrl-C)" in done.stderr


def test_no_such_run(tmp_path: Path) -> None:
    done = run("advise", "nope", "--out", str(tmp_path))
    assert done.returncode == 2
    assert "There is no run in" in done.stderr
