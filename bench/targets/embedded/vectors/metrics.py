"""What `/metrics` says: Qdrant's metric names, in Prometheus' text format."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import accumulate
from time import time

from . import VERSION
from .collection import Collection

# The server's histogram bounds, in seconds.
BUCKETS = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 2, 5, 10, 20, 50)

_MICROSECONDS = 1_000_000

_Samples = Iterable[tuple[dict[str, str], float]]


class Durations:
    """Count and durations of the answers of one endpoint with one status."""

    __slots__ = ("buckets", "count", "high", "last", "low", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.low = float("inf")
        self.high = 0.0
        self.last = 0.0
        self.buckets = [0] * (len(BUCKETS) + 1)

    def add(self, seconds: float) -> None:
        self.count += 1
        self.last = time()
        self.total += seconds
        if seconds < self.low:
            self.low = seconds
        if seconds > self.high:
            self.high = seconds
        self.buckets[bisect_left(BUCKETS, seconds)] += 1


class RestMetrics:
    """Answers by (method, endpoint, status)."""

    def __init__(self) -> None:
        self._responses: dict[tuple[str, str, int], Durations] = {}

    def add(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        key = (method, endpoint, status)
        durations = self._responses.get(key)
        if durations is None:
            durations = self._responses[key] = Durations()
        durations.add(seconds)

    def describe(self) -> dict[str, dict[str, dict[str, object]]]:
        """By endpoint and status, in the form of the telemetry; durations are in microseconds."""
        told: dict[str, dict[str, dict[str, object]]] = {}
        for (method, endpoint, status), durations in sorted(self._responses.items()):
            told.setdefault(f"{method} {endpoint}", {})[str(status)] = {
                "count": durations.count,
                "avg_duration_micros": durations.total / durations.count * _MICROSECONDS,
                "min_duration_micros": durations.low * _MICROSECONDS,
                "max_duration_micros": durations.high * _MICROSECONDS,
                "total_duration_micros": round(durations.total * _MICROSECONDS),
                "last_responded": datetime.fromtimestamp(durations.last, UTC).isoformat(),
            }
        return told

    def render(self) -> str:
        """As the server does, durations are told of answers with status 200 only."""
        answers = [
            ({"method": method, "endpoint": endpoint, "status": str(status)}, status, durations)
            for (method, endpoint, status), durations in sorted(self._responses.items())
        ]
        timed = [(labels, durations) for labels, status, durations in answers if status == 200]
        text = _family(
            "rest_responses_total",
            "counter",
            "total number of responses",
            ((a, d.count) for a, _, d in answers),
        )
        text += _family(
            "rest_responses_fail_total",
            "counter",
            "total number of failed responses",
            ((labels, durations.count if status >= 400 else 0) for labels, status, durations in answers),
        )
        aggregates: tuple[tuple[str, str, Callable[[Durations], float]], ...] = (
            ("avg", "average response duration", lambda d: d.total / d.count),
            ("min", "minimum response duration", lambda d: d.low),
            ("max", "maximum response duration", lambda d: d.high),
        )
        for name, meaning, value in aggregates:
            text += _family(
                f"rest_responses_{name}_duration_seconds",
                "gauge",
                meaning,
                ((labels, value(durations)) for labels, durations in timed),
            )
        return text + _histogram("rest_responses_duration_seconds", "response duration histogram", timed)


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    quoted = (
        '{}="{}"'.format(name, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))
        for name, value in labels.items()
    )
    return "{" + ",".join(quoted) + "}"


def _header(name: str, kind: str, meaning: str) -> str:
    return f"# HELP {name} {meaning}\n# TYPE {name} {kind}\n"


def _family(name: str, kind: str, meaning: str, samples: _Samples) -> str:
    lines = "".join(f"{name}{_labels(labels)} {value!r}\n" for labels, value in samples)
    return _header(name, kind, meaning) + lines if lines else ""


def _histogram(name: str, meaning: str, samples: list[tuple[dict[str, str], Durations]]) -> str:
    if not samples:
        return ""
    lines = [_header(name, "histogram", meaning)]
    for labels, durations in samples:
        bounds = [f"{bound:g}" for bound in BUCKETS] + ["+Inf"]
        for bound, count in zip(bounds, accumulate(durations.buckets), strict=True):
            lines.append(f"{name}_bucket{_labels(labels | {'le': bound})} {count}\n")
        lines.append(f"{name}_sum{_labels(labels)} {durations.total!r}\n")
        lines.append(f"{name}_count{_labels(labels)} {durations.count}\n")
    return "".join(lines)


def render(collections: list[Collection], rest: RestMetrics) -> str:
    """The whole page."""
    points = {collection.name: collection.points for collection in collections}
    vectors = [
        (collection.name, vector, count)
        for collection in collections
        for vector, count in collection.vector_counts().items()
    ]
    gauges: list[tuple[str, str, _Samples]] = [
        ("app_info", "information about qdrant server", [({"name": "qdrant", "version": VERSION}, 1)]),
        ("app_status_recovery_mode", "is the server in recovery mode", [({}, 0)]),
        ("cluster_enabled", "is cluster support enabled", [({}, 0)]),
        ("collections_total", "number of collections", [({}, len(collections))]),
        (
            "collection_points",
            "approximate amount of points per collection",
            [({"id": name}, count) for name, count in points.items()],
        ),
        (
            "collection_vectors",
            "amount of vectors grouped by vector name",
            [({"collection": name, "vector": vector}, count) for name, vector, count in vectors],
        ),
        (
            "collections_vector_total",
            "total number of vectors in all collections",
            [({}, sum(count for _, _, count in vectors))],
        ),
        (
            "collection_running_optimizations",
            "number of currently running optimization tasks per collection",
            [({"id": collection.name}, int(collection.building)) for collection in collections],
        ),
    ]
    text = "".join(_family(name, "gauge", meaning, samples) for name, meaning, samples in gauges)
    return text + rest.render() + _process()


def _process() -> str:
    import psutil

    process = psutil.Process()
    with process.oneshot():
        gauges = (
            ("memory_resident_bytes", "resident memory of the process", process.memory_info().rss),
            ("process_threads", "count of active threads", process.num_threads()),
            ("process_open_fds", "count of currently open file descriptors", process.num_fds()),
        )
    return "".join(_family(name, "gauge", meaning, [({}, value)]) for name, meaning, value in gauges)
