"""`--fault` and `--list-faults` on the command line, and faults in the record of a run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.errors import UsageError
from bench.flags import RunFlags, make_plan, target_plan
from bench.loadgen.catalogue import find
from bench.sides import parse as parse_side
from bench.targets.embedded.faults import FAULTS, parse, warnings


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, cwd=cwd)


def test_they_are_listed_for_people_and_for_scripts() -> None:
    shown = run("up", "--list-faults")
    assert (shown.returncode, shown.stderr) == (0, "")
    listed = json.loads(run("up", "--list-faults", "--json").stdout)
    assert [one["name"] for one in listed] == list(FAULTS)
    for one in listed:
        assert one["name"] in shown.stdout
        assert parse([one["example"]])
        assert all(one[key] for key in ("value", "meaning", "carrier", "signature"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--fault", "deadlok"], "deadlock"),
        (["up", "--fault", "slow-redis=20"], "slow-redis=20ms"),
        (["up", "--fault", "unbounded-streams", "--set", "kato.KATO_BENCH_STREAM_MAXLEN=9"], "leave one"),
        (["run", "--target", "http://127.0.0.1:1", "--fault", "stall"], "embedded target"),
        (["gate", "--baseline", "", "--candidate", "--fault stal"], "stall"),
    ],
)
def test_wrong_ones_end_with_one_sentence(arguments: list[str], words: str, tmp_path: Path) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert words in done.stderr


def test_a_gates_side_may_have_several() -> None:
    side = parse_side("candidate", "--fault stall --fault latency=exp:5ms")
    assert side.faults == {"stall": "10s", "latency": "exp:5ms"}


def test_each_is_told_before_it_does_harm() -> None:
    told = warnings(parse(["deadlock", "leak=1MB"]))
    assert ["deadlock=on" in told[0], "leak=1MB" in told[1]] == [True, True]


def test_who_plants_the_deadlock_may_provoke_it() -> None:
    def plan(*faults: str) -> Any:
        flags = RunFlags(fault=faults, session=["process_predictions=true"], data=["sessions=8", "nodes=4"])
        return make_plan(find("chat"), flags)

    with pytest.raises(UsageError, match="stop a KATO worker for ever"):
        plan()
    assert plan("deadlock").target.faults == {"deadlock": "on"}


def test_a_plan_and_its_target_know_them() -> None:
    target = target_plan(RunFlags(fault=["slow-qdrant", "kill-redis=3s"]))
    assert target.faults == {"slow-qdrant": "20ms", "kill-redis": "3s"}


def test_a_run_goes_on_when_a_store_is_killed_and_its_record_says_why(tmp_path: Path) -> None:
    faults = ["--fault", "kill-qdrant=500ms", "--fault", "latency=5ms"]
    done = run(
        *("run", "--duration", "2", "--warmup", "0", "--rate", "20", "--json", "--out", str(tmp_path)),
        *("--data", "patterns=20", *faults),
    )
    assert "made worse on purpose: kill-qdrant=500ms" in done.stderr
    summary = json.loads(done.stdout)
    record = json.loads((tmp_path / summary["run"] / "run.json").read_text())
    assert record["status"] == "finished"
    assert record["plan"]["target"]["faults"] == {"kill-qdrant": "500ms", "latency": "5ms"}
    assert not list(tmp_path.glob("*/parts"))
