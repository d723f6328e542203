"""What is still warm-up in the measure phase is found, said, and in no number; the record keeps it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from manifests import PLAN
from runs import make_run, rows

from bench.gate.measurements import measurements, settling
from bench.gate.soundness import judge
from bench.gate.values import ALL, run_values
from bench.judging import judge as judge_run
from bench.plan import Arrivals
from bench.record import manifest as manifests
from bench.record.estimates import Estimates
from bench.record.manifest import LoadEnds, Settling
from bench.record.reader import RunRecord
from bench.report.model import summarise

#: The measured phase of the made runs.
START, END = 5.0, 35.0


def slow_until(until: float, factor: float = 3.0) -> dict[str, np.ndarray]:
    columns = rows("predict", 20)
    early = columns["due"] < until
    columns["done"] = np.where(
        early, columns["sent"] + factor * (columns["done"] - columns["sent"]), columns["done"]
    )
    return columns


@pytest.fixture
def run(tmp_path: Path) -> RunRecord:
    """Slow for the first ten of its thirty seconds, and judged so."""
    record = make_run(tmp_path / "run", [slow_until(15.0), rows("observe", 2, error="overload")])
    found = settling(record)
    assert found == Settling(cut=10.0, start=15.0, settled=True)
    manifests.write(record.folder, record.manifest.model_copy(update={"settling": found}))
    return RunRecord(record.folder)


def test_numbers_begin_where_it_had_settled(run: RunRecord) -> None:
    estimates = Estimates(run)
    assert (estimates.span.start, estimates.span.end) == (15.0, END)  # type: ignore[union-attr]
    assert estimates.count("predict").requests == 400
    assert estimates.count("observe").by_error == {"overload": 40}
    assert [second for second, _ in run.per_second("predict")] == list(range(15, 35))
    p95 = estimates.percentile(0.95, "predict")
    assert p95.n == 400
    assert p95.value is not None
    assert p95.value < 0.025
    assert Estimates(RunRecord(run.folder, Settling())).percentile(0.95, "predict").value > 0.03  # type: ignore[operator]
    assert estimates.rate("predict").value == pytest.approx(20, rel=0.02)


def test_nothing_is_thrown_away(run: RunRecord) -> None:
    assert run.verify() == []
    raw = pq.read_table(run.folder / "requests.parquet").to_pandas()
    assert (raw["phase"] == "measure").sum() == 660
    rows_ = run.requests().to_pandas()
    assert len(rows_) == len(raw)
    assert (rows_["phase"] == "measure").sum() == 440
    assert rows_[rows_["phase"] == "warmup"]["due"].max() < 15.0
    assert run.count(None, None).requests == len(raw)
    warmup = run.phase("warmup")
    assert warmup is not None
    assert (warmup.start, warmup.end) == (2.0, 15.0)
    assert run.count("predict", "warmup").requests == 260
    columns = run.requests(["phase", "operation"])
    assert columns.column_names == ["operation", "phase"]
    assert run.count("predict", "preload").requests == 0


def test_a_run_without_a_warm_up_gets_one(tmp_path: Path) -> None:
    columns = slow_until(15.0)
    measured = {name: column[columns["due"] >= START] for name, column in columns.items()}
    record = make_run(
        tmp_path / "run",
        [measured],
        phases=[manifests.Phase(name="measure", start=START, end=END)],
        settling=Settling(cut=10.0, start=15.0, settled=True),
    )
    warmup = record.phase("warmup")
    assert warmup is not None
    assert (warmup.start, warmup.end) == (START, 15.0)


def test_it_is_said(run: RunRecord) -> None:
    notes = summarise(run).notes
    assert notes[0].startswith("The first 10 s of the 30 s measured were still warm-up (MSER-5)")
    assert summarise(run).seconds == 20.0


def test_what_a_comparison_takes_is_the_settled_part(run: RunRecord) -> None:
    values = run_values(run)
    assert values.requests == {"observe": 40, "predict": 400, ALL: 440}
    assert values.value("predict", "response_p95") < 0.025  # type: ignore[operator]


def test_a_steady_run_is_not_cut(tmp_path: Path) -> None:
    found = settling(make_run(tmp_path / "run", [rows("predict", 20)]))
    assert found == Settling(cut=0.0, start=None, settled=True)


def test_a_run_that_never_settles_is_qualified_and_not_cut(tmp_path: Path) -> None:
    columns = rows("predict", 20)
    slower = np.interp(columns["due"], [START, END], [3.0, 1.0])
    columns["done"] = columns["sent"] + slower * (columns["done"] - columns["sent"])
    record = make_run(tmp_path / "run", [columns])
    found = settling(record)
    assert found == Settling(cut=0.0, start=None, settled=False)
    believed = judge(measurements(RunRecord(record.folder, found), LoadEnds()))
    (reason,) = [one for one in believed.reasons if one.code == "not_steady"]
    assert "never settled; measure or warm up longer" in reason.sentence
    assert judge_run(record).settling == found


@pytest.mark.parametrize("arrivals", [Arrivals(kind="closed", users=4)])
def test_only_stationary_arrivals_have_to_settle(tmp_path: Path, arrivals: Arrivals) -> None:
    plan = PLAN.model_copy(update={"arrivals": arrivals})
    assert settling(make_run(tmp_path / "run", [slow_until(15.0)], plan=plan)) is None


def test_the_slowest_operation_decides_and_rare_ones_do_not(tmp_path: Path) -> None:
    late = slow_until(15.0)
    late["operation"][:] = rows("observe", 20)["operation"]
    found = settling(make_run(tmp_path / "both", [slow_until(10.0), late]))
    assert found is not None
    assert found.start == 15.0
    rare = {name: column[::20] for name, column in late.items()}
    found = settling(make_run(tmp_path / "rare", [slow_until(10.0), rare]))
    assert found is not None
    assert found.start == 10.0


def test_a_judgement_is_of_the_settled_part(tmp_path: Path) -> None:
    plan = PLAN.model_copy(update={"objectives": ["p95(predict) < 25ms"]})
    judged = judge_run(make_run(tmp_path / "run", [slow_until(15.0)], plan=plan))
    assert judged.settling == Settling(cut=10.0, start=15.0, settled=True)
    assert judged.objectives[0].measured is not None
    assert judged.objectives[0].measured < 0.025
    assert judged.objectives[0].n == 400
