"""What the recorder says once a second, so that somebody can watch a run."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from bench.record.tables import Columns
from bench.record.vocabulary import ERRORS, OPERATIONS, PHASES
from bench.stats.histogram import Histogram
from bench.stats.quantiles import required

#: Seconds that the rates and percentiles of the live display look back.
WINDOW = 5.0

_DROPPED = ERRORS.index("dropped")


class Live:
    """Counts since the start, and response times of the last seconds."""

    def __init__(self) -> None:
        self._rows = self._answered = self._sent = self._errors = self._dropped = 0
        self._by_operation = np.zeros((len(OPERATIONS), 2), np.int64)
        self._recent: deque[tuple[float, Histogram]] = deque()
        self._progress: dict[int, dict[str, Any]] = {}
        self._before: dict[int, dict[str, Any]] = {}
        self._phase: str | None = None
        self._ticks: deque[tuple[float, int, int]] = deque()

    @property
    def rows(self) -> int:
        return self._rows

    def take_rows(self, columns: Columns, now: float) -> None:
        """Count the rows of one frame that came at `now` (seconds since the origin)."""
        done, error = columns["done"], columns["error"]
        answered = ~np.isnan(done)
        self._rows += len(done)
        self._answered += int(answered.sum())
        self._sent += int((~np.isnan(columns["sent"])).sum())
        self._errors += int((error != 0).sum())
        self._dropped += int((error == _DROPPED).sum())
        for place, which in enumerate((answered, error != 0)):
            self._by_operation[:, place] += np.bincount(
                columns["operation"][which], minlength=len(OPERATIONS)
            )
        self._recent.append((now, Histogram.from_values((done - columns["due"])[answered])))

    def take_progress(self, source: int, progress: dict[str, Any]) -> None:
        """Take a PROGRESS frame of one load child."""
        if source in self._progress:
            self._before[source] = self._progress[source]
        self._progress[source] = progress
        phase = self._furthest()
        if phase != self._phase:
            # Preload is another load: its rates and times would pass for those of the phase after it.
            self._recent.clear()
            self._ticks.clear()
        self._phase = phase

    def end(self, source: int) -> None:
        """A source has ended: nothing of it is under way any more."""
        if source in self._progress:
            self._progress[source] = {**self._progress[source], "in_flight": 0}
            self._before.pop(source, None)

    def line(self, now: float) -> dict[str, Any]:
        """The progress line for `now`; null where there is nothing to tell yet.

        Times are seconds; `window` is the number of answers that the percentiles are of; `generator_cpu` is
        the cores used by the busiest load process."""
        while self._recent and self._recent[0][0] < now - WINDOW:
            self._recent.popleft()
        due = sum(int(progress.get("due", 0)) for progress in self._progress.values())
        in_flight = sum(int(progress.get("in_flight", 0)) for progress in self._progress.values())
        self._ticks.append((now, due, self._answered))
        while self._ticks[0][0] < now - WINDOW:
            self._ticks.popleft()
        then, due_then, answered_then = self._ticks[0]
        span = now - then
        responses = Histogram.merged(histogram for _, histogram in self._recent)
        return {
            "t": round(now, 3),
            "phase": self._phase,
            "due": due,
            "sent": self._sent + in_flight,
            "answered": self._answered,
            "errors": self._errors,
            "dropped": self._dropped,
            "rate_due": _ratio(due - due_then, span),
            "rate_done": _ratio(self._answered - answered_then, span),
            "in_flight": in_flight,
            "window": responses.count,
            "p50": _percentile(responses, 0.50),
            "p95": _percentile(responses, 0.95),
            "p99": _percentile(responses, 0.99),
            "operations": {
                name: {"answered": int(answered), "errors": int(errors)}
                for name, (answered, errors) in zip(OPERATIONS, self._by_operation, strict=True)
                if answered or errors
            },
            "generator_cpu": self._generator_cpu(),
        }

    def _furthest(self) -> str | None:
        """The phase that the first of the load processes has come to: they enter it together, but do not tell
        of it in the same moment."""
        phases = {progress.get("phase", self._phase) for progress in self._progress.values()}
        return next((phase for phase in reversed(PHASES) if phase in phases), self._phase)

    def _generator_cpu(self) -> float | None:
        used = [
            _ratio(new["cpu_seconds"] - old["cpu_seconds"], new["t"] - old["t"])
            for source, new in self._progress.items()
            if (old := self._before.get(source)) and {"cpu_seconds", "t"} <= old.keys() & new.keys()
        ]
        return max((value for value in used if value is not None), default=None)


def _ratio(amount: float, seconds: float) -> float | None:
    return round(amount / seconds, 3) if seconds > 0 else None


def _percentile(responses: Histogram, q: float) -> float | None:
    """None where the window holds too few answers to tell."""
    value = responses.quantile(q) if responses.count >= required(q) else None
    return None if value is None else round(value, 6)
