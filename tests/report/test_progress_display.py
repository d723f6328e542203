from __future__ import annotations

import io
from typing import Any

from bench.plan import Phases
from bench.report.progress import ProgressDisplay

PHASES = Phases(warmup=5, measure=30)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def line(t: float, phase: str | None = "measure", **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"t": t, "phase": phase, "rate_due": 20.1, "rate_done": 19.96, "errors": 0}
    values |= {"in_flight": 2, "p50": 0.0123, "p95": 1.5, "p99": None}
    return values | changes


def test_plain_lines_come_every_five_seconds_and_with_each_phase() -> None:
    file = io.StringIO()
    with ProgressDisplay(PHASES, file) as display:
        display.feed(line(0.2, None))
        display.feed(line(0.5, "preload", rate_due=None, rate_done=None, p50=None, p95=None))
        for second in range(1, 12):
            display.feed(line(second, "warmup"))
        display.feed(line(12, "measure", errors=1))
        display.feed(line(13, "measure"))
        display.feed({"final": True, "rows": 10})
    written = file.getvalue().splitlines()
    assert [text.split(":")[0] for text in written] == [
        "preload 0 s",
        "warmup 0 of 5 s",
        "warmup 5 of 5 s",
        "warmup 5 of 5 s",
        "measure 0 of 30 s",
    ]
    assert written[0].endswith("due n/a, done n/a, response p50 n/a, p95 n/a, p99 n/a, 0 errors, 2 in flight")
    assert written[-1] == (
        "measure 0 of 30 s: due 20.1/s, done 20.0/s, response p50 12.3 ms, p95 1.50 s, p99 n/a, 1 error, "
        "2 in flight"
    )
    assert "\x1b" not in file.getvalue()


def test_a_terminal_is_drawn_on_in_place(monkeypatch: Any) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    file = Terminal()
    with ProgressDisplay(PHASES, file) as display:
        display.feed(line(6, "measure"))
        display.feed(line(18, "measure", errors=12))
    assert "\x1b[" in file.getvalue()
    for words in ("measure 12 of 30 s", "due 20.1/s", "12 errors", "p50 12.3 ms, p95 1.50 s, p99 n/a"):
        assert words in file.getvalue()


def test_a_phase_without_a_planned_length_shows_the_time_only() -> None:
    file = io.StringIO()
    with ProgressDisplay(PHASES, file) as display:
        display.feed(line(3, "preload"))
        display.feed(line(9, "preload"))
    assert [text.split(":")[0] for text in file.getvalue().splitlines()] == ["preload 0 s", "preload 6 s"]
