"""The run while it runs, from the recorder's progress lines (`bench.record.live`)."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bench import words
from bench.report import digits

if TYPE_CHECKING:
    from bench.plan import Phases

#: Seconds between two lines where there is no terminal to draw on.
PLAIN_EVERY = 5.0

Line = Mapping[str, Any]


class ProgressDisplay:
    """Feed it the lines between `with` and its end. On a terminal it draws in place, elsewhere it writes a
    line now and then: the first of each phase, and one every `PLAIN_EVERY` seconds."""

    def __init__(self, phases: Phases, file: TextIO) -> None:
        """`phases`: the planned lengths."""
        self._console = Console(file=file, highlight=False)
        self._lengths = {"warmup": phases.warmup, "measure": phases.measure}
        self._live = (
            Live(console=self._console, auto_refresh=False, transient=True)
            if self._console.is_terminal
            else None
        )
        self._phase: str | None = None
        self._phase_began = 0.0
        self._last_written = -PLAIN_EVERY

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def feed(self, line: Line) -> None:
        """Show one progress line, once the load has begun; the recorder's last line (`final` or `error`) is
        not for this display."""
        if line.get("phase") is None:
            return
        new_phase = line.get("phase") != self._phase
        if new_phase:
            self._phase, self._phase_began = line.get("phase"), line["t"]
        if self._live is not None:
            self._live.update(self._drawn(line), refresh=True)
        elif new_phase or line["t"] - self._last_written >= PLAIN_EVERY:
            self._last_written = line["t"]
            self._console.print(Text(self._written(line)), soft_wrap=True)

    def _elapsed(self, line: Line) -> tuple[float, float | None]:
        """Seconds in this phase, and its planned length if it has one."""
        length = self._lengths.get(self._phase or "")
        elapsed = line["t"] - self._phase_began
        return (min(elapsed, length) if length is not None else elapsed), length

    def _clock(self, line: Line) -> str:
        elapsed, length = self._elapsed(line)
        total = f" of {length:.0f}" if length is not None else ""
        return f"{self._phase} {elapsed:.0f}{total} s"

    def _written(self, line: Line) -> str:
        errors = line["errors"]
        return (
            f"{self._clock(line)}: due {_rate(line['rate_due'])}, done {_rate(line['rate_done'])}, response "
            f"{_percentiles(line)}, {_errors(errors)}, {line['in_flight']} in flight"
        )

    def _drawn(self, line: Line) -> RenderableType:
        elapsed, length = self._elapsed(line)
        head = Table.grid(padding=(0, 2))
        bar = [ProgressBar(total=length, completed=elapsed, width=30)] if length else []
        head.add_row(Text(self._clock(line), style="bold"), *bar)
        errors = Text(_errors(line["errors"]), style="red" if line["errors"] else "")
        rates = f"due {_rate(line['rate_due'])}   done {_rate(line['rate_done'])}   "
        counts = Text(rates).append(errors).append(f"   {line['in_flight']} in flight")
        return Group(head, counts, Text(f"response of the last seconds: {_percentiles(line)}"))


def _percentiles(line: Line) -> str:
    """Percentiles that the last seconds carry; the others read n/a."""
    return ", ".join(f"{name} {_time(line[name])}" for name in ("p50", "p95", "p99"))


def _time(seconds: float | None) -> str:
    text = digits.milliseconds(seconds)
    return text if text == digits.UNKNOWN or text.endswith("s") else f"{text} ms"


def _rate(per_second: float | None) -> str:
    return digits.UNKNOWN if per_second is None else f"{digits.number(per_second)}/s"


def _errors(number: int) -> str:
    return "1 error" if number == 1 else f"{words.count(number)} errors"
