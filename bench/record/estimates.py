"""Statistics of one phase of a run, each with its interval: one source for tables, objectives and advice."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bench.record.manifest import Phase, Totals
from bench.record.reader import RunRecord
from bench.record.recall import as_kato_asks, recall_of
from bench.record.verified import share_of, verification_of
from bench.stats import quantiles
from bench.stats.histogram import MAX_VALUE
from bench.stats.quantiles import Estimate
from bench.stats.ratios import wilson

NOTHING = Estimate(None, None, None, 0)

#: What percentiles are made of.
_TIMED = ("ok", "lost")


@dataclass(frozen=True)
class Estimates:
    """What `record` measured in `phase`. Operation None means all of them together.

    Times are seconds and those of requests that succeeded: a fast refusal is no fast answer. A request that
    nobody answered counts as slower than every answer: infinitely slow, as nothing else is known of it."""

    record: RunRecord
    phase: str = "measure"

    def percentile(self, q: float, operation: str | None = None, kind: str = "response") -> Estimate:
        """Quantile `q` of a kind of duration (`tables.KINDS`)."""
        return _beyond(quantiles.percentile(self.record.per_second(operation, self.phase, kind, _TIMED), q))

    def mean(self, operation: str | None = None, kind: str = "response") -> Estimate:
        """Infinite where a request got no answer."""
        answered = self.answered_mean(operation, kind)
        lost = self.record.histogram(operation, self.phase, kind, "lost").count
        return Estimate(math.inf, answered.value, math.inf, answered.n + lost) if lost else answered

    def answered_mean(self, operation: str | None = None, kind: str = "response") -> Estimate:
        """Of the successful requests alone."""
        return quantiles.mean(self.record.per_second(operation, self.phase, kind))

    def maximum(self, operation: str | None = None) -> Estimate:
        """The longest response time, within the histogram's relative error; it is its own interval."""
        histogram = self.record.histogram(operation, self.phase, "response", _TIMED)
        longest = histogram.quantile(1.0)
        return _beyond(Estimate(longest, longest, longest, histogram.count))

    def errors(self, operation: str | None = None) -> Estimate:
        """Share of requests that did not succeed, for whatever reason."""
        totals = self.count(operation)
        return wilson(totals.errors, totals.requests)

    def dropped(self, operation: str | None = None) -> Estimate:
        """Share of due requests that were never sent."""
        totals = self.count(operation)
        return wilson(totals.dropped, totals.requests)

    def rate(self, operation: str | None = None) -> Estimate:
        """Successful answers per second, counted when they came: an overloaded target's queue of the phase
        before it counts, its own queue after the end does not."""
        width, answers = self._completions
        chosen = [counts for name, counts in answers.items() if operation in (None, name)]
        counts = sum(chosen, np.zeros(self._bins, np.int64))
        return _scaled(quantiles.rate(counts.tolist()), 1 / width)

    def recall(self, k: int) -> Estimate | None:
        """Share of the true `k` nearest vectors that a search finds which is asked as KATO asks, in the worst
        collection; None where the run did not probe it."""
        probe = as_kato_asks(recall_of(self.record), k)
        return None if probe is None else probe.recall

    def wrong(self) -> Estimate | None:
        """Share of the predictions asked again that one user gets otherwise; None if none was asked again."""
        return share_of(verification_of(self.record.events()))

    def count(self, operation: str | None = None) -> Totals:
        return self.record.count(operation, self.phase)

    @cached_property
    def span(self) -> Phase | None:
        """The phase; None if the run did not come so far."""
        phase = self.record.phase(self.phase)
        return phase if phase is not None and phase.end is not None and phase.end > phase.start else None

    @property
    def seconds(self) -> float:
        """Length of the phase; 0 if the run did not come so far."""
        return self.span.end - self.span.start if self.span and self.span.end is not None else 0.0

    def estimate(self, statistic: str, operation: str | None) -> Estimate | None:
        """By the names that objectives use: `p95`, `p99.9`, `mean`, `max`, `errors`, `dropped`, `rate`,
        `wrong`, `recall@10`.

        None where the run had no such operation or recall probe, or asked no prediction again. Raises
        KeyError for another name."""
        if operation is not None and operation not in self.record.operations():
            return None
        if statistic == "wrong":
            return self.wrong()
        if statistic.startswith("recall@"):
            return self.recall(int(statistic.removeprefix("recall@")))
        if statistic.startswith("p") and statistic[1:2].isdigit():
            return self.percentile(round(float(statistic[1:]) / 100, 12), operation)
        return {
            "mean": self.mean,
            "max": self.maximum,
            "errors": self.errors,
            "dropped": self.dropped,
            "rate": self.rate,
        }[statistic](operation)

    @cached_property
    def _completions(self) -> tuple[float, dict[str, NDArray[np.int64]]]:
        if self.span is None or self.span.end is None:
            return 1.0, {}
        return self.record.completions(self.span.start, self.span.end)

    @property
    def _bins(self) -> int:
        return max(1, int(self.seconds)) if self.seconds else 0


def _beyond(estimate: Estimate) -> Estimate:
    """What lies in the histogram's top bucket has no number."""
    value, low, high = (
        math.inf if number is not None and number >= MAX_VALUE else number
        for number in (estimate.value, estimate.low, estimate.high)
    )
    return Estimate(value, low, high, estimate.n)


def _scaled(estimate: Estimate, factor: float) -> Estimate:
    value, low, high = (
        None if number is None else number * factor
        for number in (estimate.value, estimate.low, estimate.high)
    )
    return Estimate(value, low, high, estimate.n)
