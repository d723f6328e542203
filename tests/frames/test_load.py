"""Runs as pandas frames."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pages import FINDINGS, troubled_run
from runs import make_run, rows

import bench
from bench.errors import UsageError
from bench.frames import Run
from bench.record.vocabulary import ERRORS


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return bench.load(troubled_run(tmp_path_factory.mktemp("runs") / "run").folder)


def test_requests_are_tidy(run: Run) -> None:
    frame = run.requests
    assert len(frame) == 33 * 45
    assert list(frame.columns[:8]) == ["due", "picked", "sent", "done", "response", "service", "wait", "lag"]
    assert frame["due"].is_monotonic_increasing
    for name in ("operation", "phase", "error"):
        assert isinstance(frame[name].dtype, pd.CategoricalDtype)
    assert set(frame["operation"].cat.categories) == {"observe", "predict", "clear"}
    assert set(frame["error"].cat.categories) == {"", "timeout"}
    good = frame[frame["error"] == ""]
    total = good["lag"] + good["wait"] + good["service"]
    np.testing.assert_allclose(total, good["response"], atol=1e-9)
    assert frame.loc[frame["error"] == "timeout", "response"].isna().all()
    by_phase = frame.groupby("phase", observed=True).size()
    assert by_phase.to_dict() == {"warmup": 3 * 45, "measure": 30 * 45}


def test_operations_have_intervals(run: Run) -> None:
    frame = run.operations
    assert list(frame.index) == ["observe", "predict", "clear"]
    assert frame.index.name == "operation"
    predict = frame.loc["predict"]
    assert (predict["requests"], predict["answered"], predict["errors"]) == (630, 600, 30)
    assert predict["response_p50_low"] < predict["response_p50"] < predict["response_p50_high"]
    assert predict["response_p99"] == math.inf
    assert math.isnan(frame.loc["clear", "response_p99"])
    assert math.isnan(predict["response_p99.9"])
    assert all(kind == "float64" for name, kind in frame.dtypes.items() if "_p" in str(name))
    exact = run.requests.query("operation == 'observe' and phase == 'measure'")["response"].median()
    assert frame.loc["observe", "response_p50"] == pytest.approx(exact, rel=0.01)


def test_a_histogram_counts_every_duration(run: Run) -> None:
    frame = run.histogram("observe")
    assert frame["count"].sum() == 600
    assert frame["share"].iloc[-1] == 1
    assert frame["seconds"].is_monotonic_increasing
    median = frame.loc[frame["share"].searchsorted(0.5), "seconds"]
    assert median == pytest.approx(run.operations.loc["observe", "response_p50"])
    assert run.histogram("stm").empty
    assert run.histogram("predict", outcome="lost")["count"].sum() == 30


def test_metrics_come_long_and_one_by_one(run: Run) -> None:
    assert list(run.metrics.columns) == ["t", "source", "instance", "metric", "value"]
    assert run.metrics["t"].is_monotonic_increasing
    cores = run.metric("process", "cpu_seconds_total", per_second=True)
    assert cores.index.name == "t"
    assert {"kato", "redis", "load-0"} <= set(cores.columns)
    assert cores["kato"].iloc[0:1].isna().all()
    np.testing.assert_allclose(cores["kato"].iloc[1:], 0.9)
    used = run.metric("redis", "used_memory_bytes")
    assert list(used.columns) == ["redis"]
    assert used["redis"].iloc[-1] == 55 * 2**20
    with pytest.raises(KeyError, match="the nearest are redis used_memory_bytes"):
        run.metric("redis", "used_memory")


def test_a_counter_that_falls_has_restarted(tmp_path: Path) -> None:
    samples = [
        [float(t), "kato", "", "requests_total", value] for t, value in enumerate((5.0, 7.0, 1.0, 2.0))
    ]
    run = Run(make_run(tmp_path / "run", [rows("predict", 1)], samples))
    grown = run.metric("kato", "requests_total", per_second=True)["kato"]
    assert grown.iloc[1:].to_list() == [2.0, 1.0, 1.0]


def test_phases_events_findings_and_plan(run: Run) -> None:
    assert run.phases.loc["measure"].to_dict() == {"start": 5.0, "end": 35.0, "seconds": 30.0}
    events = run.events
    assert events["t"].dtype == "float64"
    restarted = events[events["kind"] == "restarted"].iloc[0]
    assert restarted["facts"] == {"source": "redis", "uptime_seconds": 1}
    findings = run.findings
    assert list(findings["id"]) == [finding.id for finding in FINDINGS]
    assert (findings.loc[0, "knob"], findings.loc[0, "old"], findings.loc[0, "new"]) == (
        "redis.maxmemory-policy", "allkeys-lru", "noeviction",
    )  # fmt: skip
    assert pd.isna(findings.loc[2, "knob"])
    assert run.plan.arrivals.rate == 45
    assert repr(run) == "<Run run: finished, qualified, 1485 requests>"


def test_a_run_without_anything_has_empty_frames(tmp_path: Path) -> None:
    run = Run(make_run(tmp_path / "run", status="interrupted", phases=[]))
    assert all(len(frame) == 0 for frame in (run.requests, run.operations, run.metrics, run.phases))
    assert all(len(frame) == 0 for frame in (run.events, run.findings, run.histogram()))
    assert set(ERRORS) >= set(run.requests["error"].cat.categories)


def test_a_run_is_found_by_its_names(tmp_path: Path) -> None:
    name = "2026-11-24T07-05-12Z-chat-abcd"
    make_run(tmp_path / name, [rows("predict", 1)])
    for said in ("latest", name, "abcd", "2026-11-24T07"):
        assert bench.load(said, tmp_path).record.folder == tmp_path / name
    assert bench.load(tmp_path / name).manifest.run == name
    with pytest.raises(UsageError, match="no run"):
        bench.load("wxyz", tmp_path)


def test_importing_bench_is_light() -> None:
    script = (
        "import sys, bench; print([name for name in ('numpy', 'pandas', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
