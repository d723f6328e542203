"""The screen shows what the summary says; how it is laid out is free."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console
from runs import JUDGED, make_run, rows, usage

from bench import words
from bench.report import digits
from bench.report.model import ListRow, Summary, summarise
from bench.report.terminal import print_list, print_summary, render_list, render_summary
from bench.stats.quantiles import Estimate


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    requests = [
        rows("predict", 20, service=0.012, wait=0.05),
        rows("observe", 20, service=0.003),
        rows("create", 1, service=1.4),
        rows("predict", 1, error="overload"),
    ]
    samples = [*usage("kato", 0.5), *usage("redis", 0.01), *usage("load", 0.1)]
    folder = tmp_path_factory.mktemp("runs") / "2026-11-24T07-05-12Z-chat-abcd"
    return summarise(make_run(folder, requests, samples, tags={"commit": "abc1234"}, **JUDGED))


def drawn(summary: Summary, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(render_summary(summary, width))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_everything_is_on_one_plain_screen(summary: Summary) -> None:
    file = io.StringIO()
    print_summary(summary, file)
    text = file.getvalue()
    assert "\x1b" not in text
    assert all(len(line) <= 80 for line in text.splitlines())
    assert len(text.splitlines()) < 45
    for word in (
        "2026-11-24T07-05-12Z-chat-abcd, finished",
        "poisson 20/s",
        "pydoc topics",
        "commit=abc1234",
        "Errors: 30 refused by admission (503).",
        "free session or connection",
        "reference API 1",
        "Valkey 9.1.0",
        "Measurement: qualified",
        "drifts by 12 %",
        "p95(predict) < 50ms: pass",
        "Finding, info: kato binds",
    ):
        assert word in text
    assert summary.folder in text.replace("\n", "")
    create = next(line for line in text.splitlines() if line.startswith("create"))
    assert re.search(r"1\.\d\d s +n/a +n/a", create)


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_number_is_broken_where_there_is_room(summary: Summary, width: int) -> None:
    text = drawn(summary, width)
    shown = [estimate for operation in summary.operations for estimate in operation.response.values()]
    for estimate in shown:
        for part in digits.duration(estimate, stacked=True).split("\n"):
            assert part in text
    beside = digits.duration(summary.operations[1].response["p95"])
    assert (beside in text) == (width == 120)


def test_a_narrow_terminal_breaks_numbers_but_loses_no_digit(summary: Summary) -> None:
    text = drawn(summary, 40)
    assert all(len(line) <= 40 for line in text.splitlines())
    assert "…" not in text
    for digit in "0123456789":
        assert drawn(summary, 80).count(digit) == text.count(digit)


def test_nothing_measured_is_said(tmp_path: Path) -> None:
    text = drawn(summarise(make_run(tmp_path / "run", phases=[], target=None, corpus=None)), 80)
    assert "No request was made in the measure phase." in text
    assert "nan" not in text.lower()


def test_only_errors_are_said(tmp_path: Path) -> None:
    refused = rows("predict", 20, error="connect", answered=False, sent=False)
    text = drawn(summarise(make_run(tmp_path / "run", [refused], status="interrupted", reason="Ctrl-C")), 80)
    assert "interrupted: Ctrl-C" in text
    assert "Errors: 600 without a connection." in text
    assert "100 %" in text
    assert text.count("n/a") >= 5


def test_colour_is_only_added_to_words(summary: Summary) -> None:
    console = Console(file=io.StringIO(), width=120, force_terminal=True, color_system="standard")
    console.print(render_summary(summary, 120))
    assert isinstance(console.file, io.StringIO)
    coloured = console.file.getvalue()
    assert "\x1b" in coloured
    assert "qualified" in coloured
    assert "pass" in coloured


ROWS = [
    ListRow("2026-11-24T07-05-12Z-chat-abcd", "finished", "chat", "poisson 20/s", 12_345, 3, "sound", "pass"),
    ListRow(
        "2026-11-24T06-00-00Z-train-abce", "interrupted", "train", "5 users", 10, 0, tags={"commit": "abc"}
    ),
    ListRow("2026-11-23T06-00-00Z-train-abcf", "unreadable", problem="run.json is not a valid manifest."),
]


def test_the_list_has_a_line_per_run() -> None:
    file = io.StringIO()
    print_list(ROWS, file)
    text = file.getvalue()
    for row in ROWS:
        line = next(line for line in text.splitlines() if line.startswith(row.run))
        assert row.status in line
    assert "12 345" in text
    assert "sound" in text
    assert "run.json is not a valid manifest." in text
    console = Console(file=io.StringIO(), width=120)
    console.print(render_list(ROWS, 120))
    assert isinstance(console.file, io.StringIO)
    assert "poisson 20/s" in console.file.getvalue()
    assert "commit=abc" in console.file.getvalue()


def test_an_empty_list_says_what_to_do() -> None:
    file = io.StringIO()
    print_list([], file)
    assert "kato-bench run" in file.getvalue()


@pytest.mark.parametrize(
    ("estimate", "shown"),
    [
        (Estimate(0.0123, 0.0119, 0.0128, 100), "12.3 (11.9–12.8)"),
        (Estimate(0.00085, 0.0008, 0.0009, 100), "0.85 (0.80–0.90)"),
        (Estimate(0.0000123, None, None, 100), "0.012"),
        (Estimate(0.4567, 0.4, 0.5, 100), "457 (400–500)"),
        (Estimate(0.9999, 0.9, 1.1, 100), "1.00 s (0.90–1.10)"),
        (Estimate(12.34, 11.9, 12.8, 100), "12.3 s (11.9–12.8)"),
        (Estimate(0.0, 0.0, 0.0, 100), "0.000 (0.000–0.000)"),
        (Estimate(None, None, None, 10), "n/a"),
    ],
)
def test_durations_have_the_digits_that_make_sense(estimate: Estimate, shown: str) -> None:
    assert digits.duration(estimate) == shown
    assert digits.duration(estimate, stacked=True) == shown.replace(" (", "\n").replace(")", "")


@pytest.mark.parametrize(
    ("share", "shown"), [(0.048, "4.8 %"), (0.0004, "0.04 %"), (0.999, "100 %"), (0.5, "50 %")]
)
def test_shares(share: float, shown: str) -> None:
    assert words.percent(share) == shown
