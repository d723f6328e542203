from __future__ import annotations

import numpy as np
import pytest
from recorder_process import payload, random_rows

from bench.record.live import Live
from bench.record.tables import Columns, rows_from_frame


def answered(count: int, response: float) -> Columns:
    rows = random_rows(count)
    rows["done"] = rows["due"] + response
    rows["error"][:] = 0
    return rows_from_frame(payload(rows))


def test_before_anything_came() -> None:
    line = Live().line(0.5)
    assert (line["phase"], line["due"], line["answered"], line["errors"]) == (None, 0, 0, 0)
    assert {line[name] for name in ("p50", "p95", "p99", "rate_due", "rate_done", "generator_cpu")} == {None}


def test_rates_and_percentiles_look_back_five_seconds() -> None:
    live = Live()
    for second in range(20):
        live.take_rows(answered(10, 0.1 if second < 12 else 0.3), second + 0.5)
        live.take_progress(0, {"t": second + 0.5, "phase": "measure", "due": 12 * (second + 1)})
        line = live.line(second + 1.0)
    assert (line["rate_due"], line["rate_done"]) == (12.0, 10.0)
    assert line["p50"] == pytest.approx(0.3, rel=0.006)
    assert line["window"] == 50
    assert (line["answered"], line["due"]) == (200, 240)


def test_percentiles_only_as_far_as_the_window_carries_them() -> None:
    live = Live()
    live.take_rows(answered(100, 0.1), 1.0)
    line = live.line(1.5)
    assert line["p95"] == pytest.approx(0.1, rel=0.006)
    assert line["p99"] is None


def test_a_new_phase_starts_with_an_empty_window() -> None:
    live = Live()
    live.take_progress(0, {"t": 1.0, "phase": "preload", "due": 10_000})
    live.take_rows(answered(10_000, 0.1), 1.0)
    live.line(1.0)
    live.take_progress(0, {"t": 2.0, "phase": "measure", "due": 10_000})
    live.line(2.0)
    live.take_rows(answered(10, 0.2), 2.5)
    live.take_progress(0, {"t": 3.0, "phase": "measure", "due": 10_010})
    line = live.line(3.0)
    assert (line["rate_due"], line["rate_done"]) == (10.0, 10.0)
    assert line["p50"] == pytest.approx(0.2, rel=0.006)


def test_several_load_processes_add_up() -> None:
    live = Live()
    for source, cores in enumerate((0.2, 0.6)):
        for t in (1.0, 2.0):
            progress = {"t": t, "phase": "measure", "due": 50 * t, "in_flight": 3, "cpu_seconds": cores * t}
            live.take_progress(source, progress)
    line = live.line(2.0)
    assert (line["due"], line["in_flight"], line["sent"]) == (200, 6, 6)
    assert line["generator_cpu"] == pytest.approx(0.6)


def test_rows_that_were_never_sent_are_dropped_and_not_sent() -> None:
    live = Live()
    rows = random_rows(1000)
    live.take_rows(rows_from_frame(payload(rows)), 1.0)
    line = live.line(1.0)
    assert line["dropped"] == np.isnan(rows["sent"]).sum()
    assert line["sent"] == 1000 - line["dropped"]


def test_the_phase_is_the_furthest_that_a_load_process_has_come_to() -> None:
    live = Live()
    live.take_progress(0, {"t": 1.0, "phase": "warmup", "due": 10})
    live.take_progress(1, {"t": 1.1, "phase": "preload", "due": 10})
    assert live.line(1.5)["phase"] == "warmup"


def test_of_a_process_that_has_died_nothing_is_under_way() -> None:
    live = Live()
    for source in (0, 1):
        live.take_progress(source, {"t": 1.0, "phase": "measure", "due": 50, "in_flight": 4})
    live.end(1)
    live.end(2)
    line = live.line(2.0)
    assert (line["due"], line["in_flight"]) == (100, 4)
