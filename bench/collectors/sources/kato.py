"""KATO's own endpoints: `/health` over fresh connections, `/metrics` of whichever worker answers."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, ClassVar, Self

from bench.collectors import http
from bench.collectors.base import WHOLE, Collector, Context, Discovery, Metric, Row, counter, gauge
from bench.targets.base import PartFacts

#: KATO caches `/metrics` for 5 s, and every poll costs a worker a turn of its event loop.
_INTERVAL = 5.0

#: `/health` polls a minute for each worker, so that each is met although the kernel hands connections out
#: unevenly; never more than this many in one sample.
_POLLS_PER_WORKER_MINUTE = 8
_MOST_POLLS = 4

#: A worker that has not answered for this long is no longer counted as seen.
_SEEN_SECONDS = 60.0

_JSON = dict[str, Any]

#: (metric, worker) -> value: several polls of a sample may meet the same worker.
_Found = dict[tuple[str, str], float]


class KatoCollector:
    """Workers are told apart by `last_collection` of `/health`, the moment when the worker started; it is
    the instance of a worker's rows. An answer other than 200, or none in time, is a measurement here."""

    source: ClassVar[str] = "kato"
    metrics: ClassVar[Mapping[str, Metric]] = {
        "health_seconds": gauge(
            "slowest /health poll of the sample: how long an event loop was busy", "seconds"
        ),
        "polls_total": counter("polls of /health and /metrics"),
        "poll_failures_total": counter("polls that failed; instance = status, timeout, reset or invalid"),
        "workers_seen": gauge("different workers that answered within a minute; no worker is counted twice"),
        "uptime_seconds": gauge("since the worker started; instance = worker", "seconds"),
        "healthy": gauge(
            "1 if the worker calls itself healthy (host-wide CPU and memory); instance = worker"
        ),
        "active_sessions": gauge("entries of the session index, expired ones included; instance = worker"),
        "requests_total": counter("requests that the worker counted; instance = worker"),
        "requests_per_second": gauge("as the worker smooths it; instance = worker", "1/s"),
        "response_seconds_mean": gauge("mean over the worker's last minute; instance = worker", "seconds"),
        "nodes_loaded": gauge("node processors in the worker, at most 100; instance = worker"),
    }
    min_interval: ClassVar[float] = _INTERVAL

    def __init__(self, context: Context) -> None:
        self._address = context.facts.base_url
        self._site = http.Site(self._address)
        polls = _POLLS_PER_WORKER_MINUTE * (context.facts.workers or 1) * _INTERVAL / 60
        self._polls = min(_MOST_POLLS, max(1, round(polls)))
        self._note = context.note
        self._polled = 0
        self._failed: Counter[str] = Counter()
        self._failing: str | None = None
        self._seen: dict[str, float] = {}

    @classmethod
    def create(cls, context: Context) -> Self | None:
        return cls(context)

    def discover(self) -> Discovery:
        with self._site.connect() as connection:
            status, body = connection.get("/")
        if status != HTTPStatus.OK:
            raise OSError(f"{self._address} answered {status}")
        version = json.loads(body).get("version")
        return Discovery(
            PartFacts("kato", engine="KATO", version=version, address=self._address), kato_version=version
        )

    def sample(self) -> list[Row]:
        found: _Found = {}
        slowest = 0.0
        for poll in range(self._polls):
            with self._site.connect() as connection:
                begin = time.monotonic()
                worker = self._health(found, connection)
                slowest = max(slowest, time.monotonic() - begin)
                # /metrics does not say who answers, so it is asked where /health just did.
                if poll == 0 and worker is not None and connection.open:
                    self._worker_metrics(found, connection, worker)
        now = time.monotonic()
        self._seen = {worker: seen for worker, seen in self._seen.items() if now - seen <= _SEEN_SECONDS}
        return [
            *((metric, instance, value) for (metric, instance), value in found.items()),
            ("health_seconds", WHOLE, round(slowest, 5)),
            ("polls_total", WHOLE, float(self._polled)),
            ("workers_seen", WHOLE, float(len(self._seen))),
            *(("poll_failures_total", reason, float(count)) for reason, count in self._failed.items()),
        ]

    def close(self) -> None: ...

    def _health(self, found: _Found, connection: http.Connection) -> str | None:
        """Poll once; the worker that answered, or None. Raises if nothing listens."""
        answer = self._poll(connection, "/health")
        if answer is None:
            return None
        worker = str(answer.get("last_collection"))
        if worker not in self._seen:
            self._note("worker_seen", source=self.source, worker=worker)
        self._seen[worker] = time.monotonic()
        found.update(_health_values(worker, answer))
        return worker

    def _worker_metrics(self, found: _Found, connection: http.Connection, worker: str) -> None:
        if (answer := self._poll(connection, "/metrics")) is not None:
            found.update(_metrics_values(worker, answer))

    def _poll(self, connection: http.Connection, path: str) -> _JSON | None:
        """The answer; None for a failure, which is counted. An event only where a spell of them begins or
        ends. Raises if nothing listens."""
        answer = _ask(connection, path)
        self._polled += 1
        if isinstance(answer, str):
            self._failed[answer] += 1
            if self._failing is None:
                self._note("kato_fails", source=self.source, reason=answer)
            self._failing = answer
            return None
        if self._failing is not None:
            self._note("kato_answers", source=self.source, after=self._failing)
            self._failing = None
        return answer


def _ask(connection: http.Connection, path: str) -> _JSON | str:
    """The answer, or why there is none: its status, `timeout`, `reset` (closed without an answer), or
    `invalid`. Raises if nothing listens."""
    try:
        status, content = connection.get(path)
        if status != HTTPStatus.OK:
            return str(status)
        body = json.loads(content)
    except TimeoutError:
        return "timeout"
    except (HTTPException, ConnectionResetError, BrokenPipeError):
        return "reset"
    except ValueError:
        return "invalid"
    return body if isinstance(body, dict) else "invalid"


def _health_values(worker: str, health: _JSON) -> _Found:
    values = {name: health.get(name) for name in ("uptime_seconds", "active_sessions")}
    return _numbers(worker, {"healthy": float(health.get("status") == "healthy"), **values})


def _metrics_values(worker: str, metrics: _JSON) -> _Found:
    performance, rates = metrics.get("performance") or {}, metrics.get("rates") or {}
    processors = metrics.get("processor_manager") or {}
    return _numbers(
        worker,
        {
            "requests_total": performance.get("total_requests"),
            "response_seconds_mean": performance.get("average_response_time"),
            "requests_per_second": rates.get("requests_per_second"),
            "nodes_loaded": processors.get("total_processors"),
        },
    )


def _numbers(worker: str, values: Mapping[str, object]) -> _Found:
    """The values that are numbers: KATO leaves some fields null."""
    return {
        (metric, worker): float(value) for metric, value in values.items() if isinstance(value, int | float)
    }


COLLECTOR: type[Collector] = KatoCollector
