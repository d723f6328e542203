"""How much of a run a dead process leaves unsent, and what that makes of the run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from bench.gate.soundness import Loss, Measurements, judge
from bench.loadgen.arrivals import open_schedule
from bench.losses import lost_processes, missing
from bench.plan import Arrivals, LoadersPlan, Phases, Plan
from bench.record.manifest import Phase

PHASES = Phases(warmup=2, measure=10)
MEASURE = Phase(name="measure", start=5.0, end=15.0)
OPEN = Plan(arrivals=Arrivals(rate=60.0), phases=PHASES, loaders=LoadersPlan(number=3), data={"sessions": 12})
CLOSED = OPEN.model_copy(update={"arrivals": Arrivals(kind="closed", users=7)})
DIED = 6.0


class Record:
    """As much of a run record as losses are read from."""

    folder = Path()


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put these (process, due, phase) in the place of the rows of a run."""

    def put(found: list[tuple[int, float, str]]) -> None:
        def batches(folder: Path, columns: object) -> Iterator[pa.RecordBatch]:
            for half in (found[::2], found[1::2]):
                process, due, phase = zip(*half, strict=True)
                values = {"process": process, "due": due, "done": [t + 0.01 for t in due], "phase": phase}
                yield pa.RecordBatch.from_pydict(values)

        monkeypatch.setattr("bench.losses.iterate_requests", batches)

    return put


def test_of_an_open_schedule_the_rest_of_the_share_is_lost(rows: Any) -> None:
    """Process 1 dies 6 s into the load, 4 s into the measurement."""
    start = MEASURE.start - PHASES.warmup
    schedule = list(open_schedule(OPEN.arrivals, PHASES, 12, OPEN.seed))
    sent = [
        (one.session % 3, start + one.due, "warmup" if one.due < 2 else "measure")
        for one in schedule
        if one.session % 3 != 1 or one.due < DIED
    ]
    rows(sent)
    (lost,) = lost_processes(OPEN, Record(), [1], MEASURE)  # type: ignore[arg-type]
    share = [one.due for one in schedule if one.session % 3 == 1 and one.due >= 2]
    assert (lost.process, lost.due) == (1, len(share))
    assert lost.unsent == sum(due >= DIED for due in share)
    assert lost.at == pytest.approx(start + DIED, abs=1.0)


def test_a_run_that_was_stopped_lost_no_more_than_it_would_have_sent(rows: Any) -> None:
    rows([(0, 6.0, "measure"), (2, 6.0, "measure")])
    cut = Phase(name="measure", start=5.0, end=6.5)
    (lost,) = lost_processes(OPEN, Record(), [1], cut)  # type: ignore[arg-type]
    assert 0 < lost.due < 60


def test_of_users_without_a_schedule_it_is_what_the_others_did(rows: Any) -> None:
    """Seven users: three of process 0, two each of 1 and 2. Each of those that live sent 40."""
    rows(
        [(number % 5 // 3 * 2, 5.0 + number / 100, "measure") for number in range(200)]
        + [(1, 5.5, "measure")]
    )
    (lost,) = lost_processes(CLOSED, Record(), [1], MEASURE)  # type: ignore[arg-type]
    assert (lost.due, lost.unsent) == (80, 79)


def test_who_is_missing() -> None:
    assert missing(OPEN, [{"process": 0}, {"process": 2}, {"samples": 3}]) == [1]
    assert missing(OPEN, []) == [0, 1, 2]


@pytest.mark.parametrize(("unsent", "level"), [(0, "qualified"), (10, "qualified"), (11, "unsound")])
def test_a_loss_marks_the_run(unsent: int, level: str) -> None:
    """The share that a dead process left unsent counts as the generator's own drops: limit 1 %."""
    run = Measurements(due=1000, lost=(Loss(1, 3, 333, unsent),), dropped_by_generator=unsent)
    judged = judge(run)
    assert judged.level == level
    sentences = {reason.code: reason.sentence for reason in judged.reasons}
    assert f"load process 2 of 3 died: {unsent} of the 333 requests" in sentences["load_lost"]
    if level == "unsound":
        assert "11 of them because load process 2 of 3 died" in sentences["generator_dropped"]
    assert (
        judge(replace(run, lost=(Loss(0, 3, 5, 0), Loss(2, 3, 5, 0))))
        .reasons[-1]
        .sentence.startswith("load processes 1, 3 of 3 died")
    )
