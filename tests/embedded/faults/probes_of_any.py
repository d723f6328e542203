"""Faults that any service can have: how the signature of each is looked for."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import httpx

from bench.targets.embedded.faults import values
from tests.deployed import cpu_seconds, seconds_of, until

from .bed import Bed, has_ended
from .probing import Seen, probe


@probe("latency", quick="150ms")
def latency(bed: Bed, value: str) -> Seen:
    added = values.latency(value)
    assert added is not None
    seconds = statistics.median(seconds_of(lambda: bed.kato.get("/"), 15))
    return Seen(added.mean <= seconds < added.mean + 0.3, f"GET / takes {1000 * seconds:.1f} ms (median)")


@probe("leak", quick="100kB")
def leak(bed: Bed, value: str) -> Seen:
    size = values.size(value) or 0
    requests = 150 if size > 50_000 else 1500
    for _ in range(50):
        bed.kato.get("/")
    before = bed.worker().memory_info().rss
    for _ in range(requests):
        bed.kato.get("/")
    grown = (bed.worker().memory_info().rss - before) / requests
    return Seen(0.8 * size < grown < 1.5 * size, f"{grown / 1000:.1f} kB of worker memory per request")


@probe("cpu", quick="5ms", shown_at="5ms")
def cpu(bed: Bed, value: str) -> Seen:
    burnt = values.cpu(value)
    assert burnt is not None
    bed.kato.get("/")
    before = cpu_seconds(bed.worker())
    for _ in range(60):
        bed.kato.get("/")
    each = (cpu_seconds(bed.worker()) - before) / 60
    return Seen(burnt.seconds * 0.9 < each < burnt.seconds + 0.01, f"{1000 * each:.1f} ms of CPU for a GET /")


@probe("slow-redis", quick="20ms")
def slow_redis(bed: Bed, value: str) -> Seen:
    """Two round trips at least: KATO reads a session once to check it and once to use it."""
    session = bed.session()
    path = f"{session}/stm"
    seconds = _least(lambda: bed.kato.get(path))
    answers: list[tuple[int | None, bytes]] = []
    together = _least(lambda: answers.extend(bed.burst([("GET", path, None)] * 30)))
    answered = all(status == 200 for status, _ in answers)
    delay = values.seconds(value) or 0.0
    return Seen(
        seconds > 2 * delay and answered and together < 10 * seconds,
        f"GET stm takes {1000 * seconds:.1f} ms; 30 at once {1000 * together:.0f} ms in all",
    )


@probe("slow-qdrant", quick="20ms")
def slow_qdrant(bed: Bed, value: str) -> Seen:
    session = bed.session()
    bed.observe(session, "a", vectors=[[1.0, 2.0]])
    plain = _least(lambda: bed.observe(session, "a"))
    near = _least(lambda: bed.observe(session, vectors=[[1.0, 2.0]]))
    return Seen(
        near - plain > 2 * (values.seconds(value) or 0.0),
        f"an observation takes {1000 * (near - plain):.1f} ms longer with a vector",
    )


@probe("slow-clickhouse", quick="20ms")
def slow_clickhouse(bed: Bed, value: str) -> Seen:
    session = bed.session()
    bed.learn(session, 2)
    bed.observe(session, "common", "w1")
    plain = _least(lambda: bed.kato.get(f"{session}/stm"))
    predicted = _least(lambda: bed.predictions(session))
    redis_trips = 4 * 2 * (values.seconds(bed.planted.get("slow-redis", "0s")) or 0.0)
    return Seen(
        predicted - plain - redis_trips > 2 * (values.seconds(value) or 0.0),
        f"GET predictions takes {1000 * (predicted - plain):.1f} ms longer than GET stm",
    )


@probe("kill-redis", quick="2s", shown_at="3s")
def kill_redis(bed: Bed, value: str) -> Seen:
    session = bed.session()
    gone = _await_death(bed, "redis", value)
    read = bed.kato.get(f"{session}/stm").status_code
    health = bed.kato.get("/health").status_code
    created = bed.kato.post("/sessions", json={"node_id": "n"}).status_code
    return Seen(
        gone and (created, read, health) == (500, 404, 200),
        f"{_is(gone)}; POST /sessions answers {created}, a session {read}, /health {health}",
    )


@probe("kill-qdrant", quick="2s", shown_at="3s")
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


@probe("kill-clickhouse", quick="2s", shown_at="3s")
def kill_clickhouse(bed: Bed, value: str) -> Seen:
    session = bed.session()
    gone = _await_death(bed, "clickhouse", value)
    for word in ("a", "b"):
        bed.observe(session, word).raise_for_status()
    predicted = bed.kato.get(f"{session}/predictions").status_code
    learned = bed.kato.post(f"{session}/learn").status_code
    return Seen(
        gone and (predicted, learned) == (200, 500),
        f"{_is(gone)}; learn answers {learned}, GET predictions {predicted}",
    )


@probe("kill-kato-worker", workers=2, quick="2s", shown_at="3s")
def kill_kato_worker(bed: Bed, value: str) -> Seen:
    """A worker that is killed is replaced, and the new one has a fingerprint of its own: when it began."""
    pids = {worker.pid for worker in bed.workers()}
    wait = (values.seconds(value) or 0.0) + 10.0 if "kill-kato-worker" in bed.planted else 0.3
    new = until(lambda: [one for one in bed.workers() if one.pid not in pids], wait) or []
    began = min((one.create_time() for one in new), default=0.0)

    def later() -> set[float]:
        return {one for one in bed.fingerprints(len(pids)) if one is not None and one > began}

    heard = (until(later) or set()) if new else set()
    return Seen(
        len(new) == len(heard) == 1,
        f"{len(new)} of {len(pids)} workers replaced, {len(heard)} new value of last_collection",
    )


def _least(call: Callable[[], object]) -> float:
    """The quickest of a few, in seconds: what else the machine does can only slow a call down."""
    return seconds_of(call, 7)[0]


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
