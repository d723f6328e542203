"""The loop around one collector: an absolute schedule, and silence while its source is gone."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from bench.collectors.base import Collector, describe
from bench.record import frames

Emit = Callable[[bytes, object], None]

#: Pauses after failures in a row, in seconds; the last one repeats.
BACKOFF = (1.0, 2.0, 4.0, 8.0)


def next_slot(now: float, first: float, interval: float) -> float:
    """The first of `first`, `first + interval`, … that lies after `now`.

    Slots that passed while a sample hung are skipped: samples never bunch up and never drift."""
    if now < first:
        return first
    slot = first + interval * (math.floor((now - first) / interval) + 1)
    return slot if slot > now else slot + interval


class Sampler:
    """Runs one collector in a thread of its own until `stop` is set, and once more then if it counts: what
    ended the run may have happened since the last sample. A source that is gone is not asked again.

    `emit(kind, value)` takes METRICS and EVENT frames; times are seconds since `origin` (CLOCK_MONOTONIC).
    A row's time is the middle of its sample: a counter was read somewhere between question and answer."""

    def __init__(
        self,
        collector: Collector,
        *,
        origin: float,
        interval: float,
        offset: float,
        stop: threading.Event,
        emit: Emit,
    ) -> None:
        self.collector = collector
        self.rows = 0
        self._origin = origin
        # The first sample waits for a slot of the run's interval only, however rare the others are.
        self._first = next_slot(time.monotonic(), origin + offset, interval)
        self._interval = max(interval, collector.min_interval)
        self._stop = stop
        self._emit = emit
        self._failures = 0
        self._failed_at = 0.0
        self._thread = threading.Thread(target=self._run, name=f"collect-{collector.source}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout: float) -> None:
        """Wait for the thread; one that hangs in its source is left behind (it is a daemon)."""
        self._thread.join(timeout)

    def _run(self) -> None:
        earliest = time.monotonic()
        while True:
            due = next_slot(earliest, self._first, self._interval)
            if self._stop.wait(max(0.0, due - time.monotonic())):
                break
            pause = self._sample_once()
            earliest = time.monotonic() + pause
        counts = any(metric.kind == "counter" for metric in self.collector.metrics.values())
        if counts and not self._failures:
            self._sample_once()
        try:
            self.collector.close()
        except Exception as error:
            self._event("collector_failed", self._now(), error=describe(error))

    def _sample_once(self) -> float:
        """Take one sample and send it; seconds to stay quiet afterwards."""
        begin = time.monotonic()
        try:
            rows = self.collector.sample()
        except Exception as error:
            if not self._failures:
                self._failed_at = self._now()
                self._event("collector_failed", self._failed_at, error=describe(error))
            self._failures += 1
            return BACKOFF[min(self._failures, len(BACKOFF)) - 1]
        end = time.monotonic()
        if self._failures:
            back = self._now()
            self._event("collector_back", back, after_seconds=round(back - self._failed_at, 4))
            self._failures = 0
        if rows:
            t = round((begin + end) / 2 - self._origin, 4)
            source = self.collector.source
            self._emit(
                frames.METRICS, [[t, source, instance, metric, value] for metric, instance, value in rows]
            )
            self.rows += len(rows)
        return 0.0

    def _now(self) -> float:
        return round(time.monotonic() - self._origin, 4)

    def _event(self, kind: str, t: float, **fields: object) -> None:
        self._emit(frames.EVENT, {"t": t, "kind": kind, "source": self.collector.source, **fields})
