"""How the signature of each fault is looked for, in a deployment that has it and in one that has not.

Tests and the table (`make fault-table`) share these: a probe measures, and says whether what it measured is
the signature."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from bench.targets.embedded.faults import FAULTS, parse, values

from .bed import Bed, has_ended, until


@dataclass(frozen=True)
class Seen:
    """`shown`: whether it is the signature; `text`: the figures, for people."""

    shown: bool
    text: str


@dataclass(frozen=True)
class Probe:
    """`measure(bed, value)` looks for the fault as if it were planted with `value`. `quick` is the value in
    tests, where the default takes too long to show."""

    measure: Callable[[Bed, str], Seen]
    workers: int = 1
    quick: str | None = None
    shown_at: str | None = None
    """The value in the table, where it is not the default."""

    def value(self, name: str, quick: bool) -> str:
        chosen = (self.quick if quick else None) or self.shown_at
        return parse([f"{name}={chosen}" if chosen else name])[name]


PROBES: dict[str, Probe] = {}


def probe(
    name: str, *, workers: int = 1, quick: str | None = None, shown_at: str | None = None
) -> Callable[[Callable[[Bed, str], Seen]], Callable[[Bed, str], Seen]]:
    """Registers the function as the probe of this fault."""

    def register(measure: Callable[[Bed, str], Seen]) -> Callable[[Bed, str], Seen]:
        assert name in FAULTS
        PROBES[name] = Probe(measure, workers, quick, shown_at)
        return measure

    return register


@probe("deadlock", workers=2)
def deadlock(bed: Bed, _: str) -> Seen:
    """Pairs of observations of one node, until one of a pair stays without answer."""
    node = bed.node()
    bed.learn(bed.session(node), 20)
    sessions = [bed.session(node, process_predictions=True) for _ in range(2)]
    body = {"strings": ["common", "w1", "w2"]}
    unanswered = rounds = 0
    while not unanswered and rounds < 12:
        rounds += 1
        answers = bed.burst([("POST", f"{session}/observe", body) for session in sessions], patience=2.0)
        unanswered = sum(status is None for status, _ in answers)
    workers = bed.workers()
    before = [cpu_seconds(worker) for worker in workers]
    answering = [one for one in bed.fingerprints(16) if one is not None]
    used = [cpu_seconds(worker) - start for worker, start in zip(workers, before, strict=True)]
    idle = sum(seconds == 0 for seconds in used)
    return Seen(
        unanswered > 0 and len(set(answering)) == 1 and len(answering) == 16 and idle == 1,
        f"{unanswered} observations unanswered after {rounds} pairs; then {len(answering)} of 16 /health "
        f"answered, by {len(set(answering))} of {len(workers)} workers",
    )


@probe("session-pool")
def session_pool(bed: Bed, value: str) -> Seen:
    sessions = [bed.session() for _ in range(10)]
    requests = 3 * (values.count(value) or 0)
    answers = [
        answer
        for _ in range(3)
        for answer in bed.burst(
            [("POST", f"{sessions[n % 10]}/observe", {"strings": ["a"]}) for n in range(requests)]
        )
    ]
    missing = sum(status == 404 and b"SESSION_NOT_FOUND" in body for status, body in answers)
    failed = sum(status == 500 for status, _ in answers)
    alive = sum(bed.http.get(f"{session}/exists").json()["exists"] for session in sessions)
    return Seen(
        missing > 0 and alive == len(sessions),
        f"{requests} at once, three times: {missing} × 404 SESSION_NOT_FOUND, {failed} × 500; {alive} of "
        f"{len(sessions)} sessions alive",
    )


@probe("lost-updates", workers=2)
def lost_updates(bed: Bed, _: str) -> Seen:
    session = bed.session()
    sent = answered = 0
    for _ in range(8):
        answers = bed.burst([("POST", f"{session}/observe", {"strings": ["a"]})] * 20)
        sent += len(answers)
        answered += sum(status == 200 for status, _ in answers)
    kept = bed.http.get(f"{session}/stm").json()["length"]
    return Seen(answered == sent and kept < sent, f"{answered} of {sent} answered 200, {kept} kept")


@probe("unbounded-streams")
def unbounded_streams(bed: Bed, _: str) -> Seen:
    session = bed.session()
    begin = length = bed.redis.xlen("stm:global")
    body = {"observations": [{"strings": ["a"]}] * 1000, "clear_stm_between": True}
    for _ in range(12):
        bed.http.post(f"{session}/observe-sequence", json=body).raise_for_status()
    length = bed.redis.xlen("stm:global")
    return Seen(
        length >= begin + 12_000, f"{length} entries in stm:global after {begin + 12_000} observations"
    )


@probe("endless-predictions")
def endless_predictions(bed: Bed, _: str) -> Seen:
    node = bed.node()
    bed.learn(bed.session(node), 3)
    bed.observe(bed.session(node, process_predictions=True), "common", "w1").raise_for_status()
    key = next(bed.redis.scan_iter(f"{node}_kato:prediction:*"))
    ttl = bed.redis.ttl(key)
    return Seen(ttl == -1, f"TTL of the prediction key: {ttl}")


@probe("node-eviction")
def node_eviction(bed: Bed, value: str) -> Seen:
    nodes = [bed.node() for _ in range(3)]
    for number, node in enumerate(nodes):
        session = bed.session(node)
        bed.observe(session, "a", vectors=[[1.0, 0.0, number]]).raise_for_status()
        bed.observe(session, "b").raise_for_status()
        bed.http.post(f"{session}/learn").raise_for_status()
    more = (values.count(value) or 0) + 5
    for _ in range(more):
        bed.observe(bed.session(), "a").raise_for_status()

    def left() -> int:
        found = httpx.get(f"{bed.address('qdrant')}/collections", trust_env=False).json()["result"]
        names = {one["name"] for one in found["collections"]}
        return sum(f"vectors_{node}_kato" in names for node in nodes)

    until(lambda: left() == 0, within=1.0)  # they go in the background
    kb = f"{nodes[0]}_kato"
    rows = bed.sql(f"SELECT count() FROM kato.patterns_data WHERE kb_id = '{kb}'")
    return Seen(
        left() == 0 and rows == "1",
        f"{left()} of 3 collections left after {more} more nodes; the patterns are still there",
    )


@probe("stall", quick="1s", shown_at="2s")
def stall(bed: Bed, value: str) -> Seen:
    period = values.seconds(value) or 0.0
    slow = []
    requests, began = 0, time.monotonic()
    while time.monotonic() < began + 3.3 * period:
        seconds = bed.seconds_of(lambda: bed.http.get("/"), 1)[0]
        requests += 1
        slow += [seconds] if seconds > 0.09 else []
    longest = 1000 * max(slow, default=0)
    return Seen(
        len(slow) >= 3,
        f"{len(slow)} of {requests} requests over 90 ms in {3.3 * period:g} s, at most {longest:.0f} ms",
    )


@probe("process-pool", quick="100")
def process_pool(bed: Bed, value: str) -> Seen:
    limit = values.count(value) or 0
    few, many = round(0.9 * limit), round(1.2 * limit)
    node = bed.node()
    teacher, asking = bed.session(node), bed.session(node)
    bed.observe(asking, "common", "w1", "x1").raise_for_status()
    bed.learn(teacher, few)
    below = statistics.median(bed.seconds_of(lambda: bed.predictions(asking)))
    bed.learn(teacher, many - few, few)
    with Children(bed.worker()) as children:
        above = statistics.median(bed.seconds_of(lambda: bed.predictions(asking)))
    return Seen(
        above > 1.8 * below and len(children.seen) >= 7,
        f"{few} patterns {1000 * below:.0f} ms, {many} patterns {1000 * above:.0f} ms; "
        f"{len(children.seen)} child processes in 7 requests",
    )


@probe("quote")
def quote(bed: Bed, value: str) -> Seen:
    node = bed.node()
    session = bed.session(node)
    bed.learn(session, 1, prefix="it's")
    filtered = bed.session(node, filter_pipeline=["jaccard"], jaccard_threshold=0.01, jaccard_min_overlap=1)
    bed.observe(filtered, "it's", "w0").raise_for_status()
    found = len(bed.predictions(filtered))
    bed.observe(session, "it's").raise_for_status()
    before = bed.syntax_errors()
    with Watch(bed) as watch:
        began = time.perf_counter()
        answer = bed.http.get(f"{session}/predictions")
        seconds = time.perf_counter() - began
    failed = bed.syntax_errors() - before
    return Seen(
        found == 0 and answer.status_code == 500 and failed >= (values.count(value) or 0),
        f"jaccard finds {found}; one symbol: {answer.status_code} after {seconds:.2f} s and {failed} failed "
        f"queries, the worker silent for {watch.longest:.2f} s",
    )


@probe("store-hang", quick="1s@3s", shown_at="3s@5s")
def store_hang(bed: Bed, value: str) -> Seen:
    hang = values.hang(value)
    assert hang is not None
    node = bed.node()
    session = bed.session(node)
    bed.learn(session, 2)
    bed.observe(session, "common", "w1").raise_for_status()
    if "store-hang" in bed.planted:
        until(lambda: bed.process("clickhouse").status() == psutil.STATUS_STOPPED, hang.start + 2)
    with Watch(bed) as watch:
        began = time.perf_counter()
        answer = bed.http.get(f"{session}/predictions")
        seconds = time.perf_counter() - began
    count = answer.json()["count"] if answer.is_success else None
    return Seen(
        count == 0 and seconds >= hang.patience and watch.longest > 0.8 * hang.patience,
        f"{answer.status_code} with {count} predictions after {seconds:.2f} s, the worker silent for "
        f"{watch.longest:.2f} s",
    )


@probe("ram-index", quick="200kB")
def ram_index(bed: Bed, value: str) -> Seen:
    size = values.size(value) or 0
    patterns = 60 if size > 50_000 else 1000
    session = bed.session()
    bed.learn(session, 20)
    before = bed.worker().memory_info().rss
    bed.learn(session, patterns, 20)
    grown = (bed.worker().memory_info().rss - before) / patterns
    return Seen(grown > 0.8 * size, f"{grown / 1000:.1f} kB of worker memory per learned pattern")


@probe("lying-metrics")
def lying_metrics(bed: Bed, value: str) -> Seen:
    def counted() -> float:
        return float(bed.http.get("/metrics").json()["performance"]["total_requests"])

    before = counted()
    for _ in range(99):
        bed.http.get("/status").raise_for_status()
    told = counted() - before
    health = bed.http.get("/health").json()
    expected = 100 * (values.share(value) or 0)
    return Seen(
        abs(told - expected) <= 2 and health["status"] == "healthy",
        f"/metrics tells of {told:.0f} of 100 requests, /health is {health['status']}",
    )


@probe("latency")
def latency(bed: Bed, value: str) -> Seen:
    added = values.latency(value)
    assert added is not None
    seconds = statistics.median(bed.seconds_of(lambda: bed.http.get("/"), 15))
    return Seen(added.mean <= seconds < added.mean + 0.06, f"GET / takes {1000 * seconds:.1f} ms (median)")


@probe("leak", quick="100kB")
def leak(bed: Bed, value: str) -> Seen:
    size = values.size(value) or 0
    requests = 150 if size > 50_000 else 1500
    for _ in range(50):
        bed.http.get("/")
    before = bed.worker().memory_info().rss
    for _ in range(requests):
        bed.http.get("/")
    grown = (bed.worker().memory_info().rss - before) / requests
    return Seen(0.8 * size < grown < 1.5 * size, f"{grown / 1000:.1f} kB of worker memory per request")


@probe("cpu", quick="5ms", shown_at="5ms")
def cpu(bed: Bed, value: str) -> Seen:
    burnt = values.cpu(value)
    assert burnt is not None
    bed.http.get("/")
    before = cpu_seconds(bed.worker())
    for _ in range(60):
        bed.http.get("/")
    each = (cpu_seconds(bed.worker()) - before) / 60
    return Seen(burnt.seconds * 0.9 < each < burnt.seconds + 0.01, f"{1000 * each:.1f} ms of CPU for a GET /")


@probe("slow-redis")
def slow_redis(bed: Bed, value: str) -> Seen:
    """Two round trips at least: KATO reads a session once to check it and once to use it."""
    session = bed.session()
    path = f"{session}/stm"
    seconds = statistics.median(bed.seconds_of(lambda: bed.http.get(path), 9))
    began = time.perf_counter()
    answers = bed.burst([("GET", path, None)] * 30)
    together = time.perf_counter() - began
    answered = sum(status == 200 for status, _ in answers)
    delay = values.seconds(value) or 0.0
    return Seen(
        seconds > 2 * delay and answered == 30 and together < 10 * seconds,
        f"GET stm takes {1000 * seconds:.1f} ms; 30 at once {1000 * together:.0f} ms in all",
    )


@probe("slow-qdrant")
def slow_qdrant(bed: Bed, value: str) -> Seen:
    session = bed.session()
    bed.observe(session, "a", vectors=[[1.0, 2.0]])
    plain = statistics.median(bed.seconds_of(lambda: bed.observe(session, "a"), 9))
    near = statistics.median(bed.seconds_of(lambda: bed.observe(session, vectors=[[1.0, 2.0]]), 9))
    return Seen(
        near - plain > 2 * (values.seconds(value) or 0.0),
        f"an observation takes {1000 * (near - plain):.1f} ms longer with a vector",
    )


@probe("slow-clickhouse")
def slow_clickhouse(bed: Bed, value: str) -> Seen:
    session = bed.session()
    bed.learn(session, 2)
    bed.observe(session, "common", "w1")
    plain = statistics.median(bed.seconds_of(lambda: bed.http.get(f"{session}/stm"), 9))
    predicted = statistics.median(bed.seconds_of(lambda: bed.predictions(session), 9))
    redis_trips = 4 * 2 * (values.seconds(bed.planted.get("slow-redis", "0s")) or 0.0)
    return Seen(
        predicted - plain - redis_trips > 2 * (values.seconds(value) or 0.0),
        f"GET predictions takes {1000 * (predicted - plain):.1f} ms longer than GET stm",
    )


@probe("kill-redis", quick="1.5s", shown_at="2s")
def kill_redis(bed: Bed, value: str) -> Seen:
    gone = _await_death(bed, "redis", value)
    created = bed.http.post("/sessions", json={"node_id": "n"}).status_code
    return Seen(gone and created == 500, f"{_is(gone)}; POST /sessions answers {created}")


@probe("kill-qdrant", quick="3s", shown_at="3s")
def kill_qdrant(bed: Bed, value: str) -> Seen:
    session = bed.session()
    gone = _await_death(bed, "qdrant", value)
    observed = bed.observe(session, "a", vectors=[[1.0, 2.0]]).status_code
    try:
        httpx.get(bed.address("qdrant"), trust_env=False)
        refused = False
    except httpx.ConnectError:
        refused = True
    return Seen(
        gone and refused and observed == 200,
        f"{_is(gone)}; an observed vector is answered {observed}" + (" and lost" if refused else ""),
    )


@probe("kill-clickhouse", quick="3s", shown_at="3s")
def kill_clickhouse(bed: Bed, value: str) -> Seen:
    session = bed.session()
    gone = _await_death(bed, "clickhouse", value)
    for word in ("a", "b"):
        bed.observe(session, word).raise_for_status()
    learned = bed.http.post(f"{session}/learn").status_code
    return Seen(gone and learned == 500, f"{_is(gone)}; learn answers {learned}")


@probe("kill-kato-worker", workers=2, quick="1.5s", shown_at="2s")
def kill_kato_worker(bed: Bed, value: str) -> Seen:
    """A worker that is killed is replaced, and the new one has a fingerprint of its own."""
    first = {one for one in bed.fingerprints(24) if one is not None}
    pids = {worker.pid for worker in bed.workers()}
    wait = (values.seconds(value) or 0.0) + 1.0 if "kill-kato-worker" in bed.planted else 0.3
    new = until(lambda: {worker.pid for worker in bed.workers()} - pids, wait) or set()
    later = until(lambda: {one for one in bed.fingerprints(24) if one} - first, 5.0 if new else 0.0) or set()
    return Seen(
        len(new) == 1 and len(later) == 1,
        f"{len(new)} of {len(pids)} workers replaced, {len(later)} new value of last_collection",
    )


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _await_death(bed: Bed, part: str, value: str) -> bool:
    planted = f"kill-{part}" in bed.planted
    wait = (values.seconds(value) or 0.0) + 2.0 if planted else 0.0
    gone = (
        bool(until(lambda: has_ended(bed.process(part)), wait)) if planted else has_ended(bed.process(part))
    )
    bed.deployment.check()
    return gone


def _is(gone: bool) -> str:
    return "its process is gone" if gone else "its process runs"


class Watch:
    """Asks for `/` all the while; `longest` is the longest time without an answer, in seconds."""

    def __init__(self, bed: Bed) -> None:
        self._url = bed.facts.base_url
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.longest = 0.0

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        with httpx.Client(base_url=self._url, timeout=60, trust_env=False) as http:
            while not self._over.wait(0.01):
                began = time.perf_counter()
                http.get("/")
                self.longest = max(self.longest, time.perf_counter() - began)


class Children:
    """Notes every child that a process has while this is entered."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.seen: set[int] = set()

    def __enter__(self) -> Children:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        path = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        while not self._over.wait(0.001):
            with suppress(OSError):
                self.seen.update(map(int, path.read_text().split()))
