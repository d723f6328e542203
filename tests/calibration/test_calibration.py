"""What the load generator can do here: measured, remembered, told, and held against a plan."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from bench import calibration, measuring
from bench.calibration import Round, cached, remember, require_room, summarise
from bench.errors import PartFailedError, UsageError
from bench.flags import RunFlags
from bench.plan import Arrivals, Plan
from bench.record.manifest import Generator
from bench.running import run_plan

KNOWN = Generator(
    ceiling=8000.0,
    cpu_per_request=0.00012,
    floor_rate=400.0,
    floor_p50=0.0003,
    floor_p99=0.0009,
    measured=datetime(2026, 11, 24, 7, 0, tzinfo=UTC),
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KATO_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def a_round(kind: str, rate: float, response: float, used: float = 0.5) -> Round:
    """Two seconds at an even rate, the second one measured."""
    due = 100 + np.arange(int(2 * rate)) / rate
    return Round(kind, 101.0, 102.0, used, due, due + response, due >= 101.0)


def test_the_best_round_counts() -> None:
    found = summarise(
        [
            a_round("closed", 5000, 0.0, used=1.0),
            a_round("closed", 8000, 0.0, used=2.0),
            a_round("open", 400, 0.0004),
            a_round("open", 400, 0.0003),
        ]
    )
    assert found is not None
    assert found.ceiling == pytest.approx(8000, rel=0.01)
    assert found.cpu_per_request == pytest.approx(1.0 / 10_000)
    assert found.floor_rate == pytest.approx(400)
    assert (found.floor_p50, found.floor_p99) == pytest.approx((0.0003, 0.0003), rel=1e-6)


@pytest.mark.parametrize("kinds", [(), ("closed",), ("open",)])
def test_without_a_round_of_each_kind_nothing_is_known(kinds: tuple[str, ...]) -> None:
    assert summarise([a_round(kind, 100, 0.001) for kind in kinds]) is None


@pytest.mark.parametrize(("rate", "processes"), [(4000.0, 1), (8000.0, 2), (10.0, 1)])
def test_up_to_half_of_the_ceiling_is_accepted(rate: float, processes: int) -> None:
    require_room(Plan(arrivals=Arrivals(rate=rate)), KNOWN, processes)


def test_more_is_refused_with_the_fix() -> None:
    with pytest.raises(
        UsageError, match=r"A rate of 4001/s: .*8 000 requests/s.*give at most 4000"
    ) as caught:
        require_room(Plan(arrivals=Arrivals(rate=4001.0)), KNOWN)
    assert "kato-bench calibrate" in str(caught.value)


def test_the_rate_that_is_named_is_accepted() -> None:
    known = KNOWN.model_copy(update={"ceiling": 8001.6})
    with pytest.raises(UsageError, match="give at most 4000,"):
        require_room(Plan(arrivals=Arrivals(rate=4001.0)), known)


def test_users_have_no_rate_to_refuse() -> None:
    require_room(Plan(arrivals=Arrivals(kind="closed", users=500)), KNOWN)


def test_what_was_measured_is_remembered(cache: Path) -> None:
    assert cached() is None
    assert remember(KNOWN, calibration.cache_file())
    assert cached() == KNOWN
    assert calibration.of_this_machine(lambda sentence: pytest.fail(sentence)) == KNOWN


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 50_000, b'{"ceiling": -1}', b"\xff"])
def test_a_broken_memory_is_none(cache: Path, content: bytes) -> None:
    path = calibration.cache_file()
    assert path is not None
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert cached() is None


def test_another_machine_version_or_python_has_a_memory_of_its_own(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = calibration.cache_file()
    assert first == calibration.cache_file()
    for name, value in (
        ("__version__", "9.9"),
        ("cpu_model", lambda: "another"),
        ("usable_cores", lambda: 99),
    ):
        with monkeypatch.context() as other:
            other.setattr(calibration, name, value)
            assert calibration.cache_file() != first


def test_where_nothing_can_be_kept_it_is_measured_each_time(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.write_text("a file where the folder would be")
    monkeypatch.setattr(calibration, "measure", lambda: KNOWN)
    said: list[str] = []
    assert calibration.of_this_machine(said.append) == KNOWN
    assert calibration.of_this_machine(said.append) == KNOWN
    assert len(said) == 2


def test_a_calibration_that_fails_stops_no_run(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Generator:
        raise PartFailedError("it died")

    monkeypatch.setattr(calibration, "measure", fail)
    said: list[str] = []
    assert calibration.of_this_machine(said.append) is None
    assert "it died" in said[-1]


def test_without_room_to_calibrate_a_run_goes_on(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(calibration.tempfile, "TemporaryDirectory", fail)
    said: list[str] = []
    assert calibration.of_this_machine(said.append) is None
    assert "No usable temporary directory" in said[-1]


def test_workers_elsewhere_are_not_judged_by_this_machine(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Reached(Exception):  # noqa: N818
        pass

    def make(*_: object, generator: Generator | None, **__: object) -> None:
        assert generator is None
        raise Reached

    remember(KNOWN, calibration.cache_file())
    monkeypatch.setattr(measuring, "Runner", make)
    with pytest.raises(Reached):
        run_plan("chat", RunFlags(rate=9000.0, expect_workers=2), None, as_json=True)
    with pytest.raises(UsageError, match="give at most 8000"):
        run_plan("chat", RunFlags(rate=9000.0, processes=2), None, as_json=True)


def test_the_real_one_is_quick_and_plausible(tmp_path: Path, cache: Path) -> None:
    """Its own numbers agree: a process that needs so much CPU a request cannot send more than one in it.

    It takes no modules from where the user stands."""
    other = tmp_path / "project"
    for name in ("bench", "json"):
        (other / name).mkdir(parents=True)
        (other / name / "__init__.py").write_text("raise SystemExit('another package of that name')")
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-P", "-m", "bench.cli", "calibrate", "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=other,
    )
    seconds = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert Path(facts.pop("kept")).parent == cache
    found = Generator.model_validate(facts)
    assert cached() == found
    assert 300 < found.ceiling < 1_000_000
    assert 1e-6 < found.cpu_per_request < 0.005
    assert found.ceiling * found.cpu_per_request < 1.6
    assert 10e-6 < found.floor_p50 <= found.floor_p99 < 0.5
    # Six seconds on a machine that is otherwise idle.
    assert seconds < 20


def test_a_run_prints_it_refuses_by_it_and_records_it(tmp_path: Path, cache: Path) -> None:
    remember(KNOWN, calibration.cache_file())
    command = [sys.executable, "-m", "bench.cli", "run", "--out", str(tmp_path / "runs")]
    refused = subprocess.run([*command, "--rate", "4100"], capture_output=True, text=True, timeout=60)
    assert refused.returncode == 2
    assert "give at most 4000" in refused.stderr
    assert not (tmp_path / "runs").exists()
    flags = ("--duration", "1", "--warmup", "0", "--data", "patterns=2", "--json")
    done = subprocess.run([*command, *flags], capture_output=True, text=True, timeout=60)
    assert "generator: up to 8 000 requests/s a process, 120 µs of CPU each, floor p50 300 µs" in done.stderr
    assert json.loads(done.stdout)["generator"]["ceiling"] == 8000.0
