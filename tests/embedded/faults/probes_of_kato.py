"""Faults that imitate KATO 3.10.1: how the signature of each is looked for."""

from __future__ import annotations

import time

import psutil

from bench.targets.embedded.faults import values
from tests.deployed import cpu_seconds, seconds_of, until

from .bed import Bed
from .probing import Seen, probe
from .watching import Children, Watch


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
    heard = bed.fingerprints(len(workers))
    answering = {one for one in heard if one is not None}
    used = [cpu_seconds(worker) - start for worker, start in zip(workers, before, strict=True)]
    silent = heard.count(None)
    return Seen(
        unanswered > 0 and len(answering) == 1 and not silent and min(used) == 0 < max(used),
        f"{unanswered} observations unanswered after {rounds} pairs; then {silent} of {len(heard)} /health "
        f"calls unanswered, the others answered by {len(answering)} of {len(workers)} workers",
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
    alive = sum(bed.kato.get(f"{session}/exists").json()["exists"] for session in sessions)
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
    kept = bed.kato.get(f"{session}/stm").json()["length"]
    return Seen(answered == sent and kept < sent, f"{answered} of {sent} answered 200, {kept} kept")


@probe("unbounded-streams")
def unbounded_streams(bed: Bed, _: str) -> Seen:
    session = bed.session()
    begin = bed.redis.xlen("stm:global")
    body = {"observations": [{"strings": ["a"]}] * 1000, "clear_stm_between": True}
    for _ in range(12):
        bed.kato.post(f"{session}/observe-sequence", json=body).raise_for_status()
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


@probe("node-eviction", quick="20")
def node_eviction(bed: Bed, value: str) -> Seen:
    nodes, tested = [bed.node() for _ in range(3)], f"test_{bed.node()}"
    for number, node in enumerate([*nodes, tested]):
        session = bed.session(node)
        bed.observe(session, "a", vectors=[[1.0, 0.0, number]]).raise_for_status()
        bed.observe(session, "b").raise_for_status()
        bed.kato.post(f"{session}/learn").raise_for_status()
    more = (values.count(value) or 0) + 5
    for _ in range(more):
        bed.observe(bed.session(), "a").raise_for_status()

    def left() -> int:
        names = bed.collections()
        return sum(f"vectors_{node}_kato" in names for node in nodes)

    def patterns(node: str) -> int:
        counted = bed.sql(f"SELECT count() FROM kato.patterns_data WHERE kb_id = '{node}_kato'")
        return int(counted.raise_for_status().text)

    until(lambda: not left() and not patterns(tested), within=1.0)  # they go in the background
    kept = sum(map(patterns, nodes))
    return Seen(
        (left(), kept, patterns(tested)) == (0, 3, 0),
        f"{left()} of 3 collections and {kept} of 3 patterns left after {more} more nodes; "
        f"{patterns(tested)} of 1 pattern of a test_ node",
    )


@probe("stall", quick="1s", shown_at="2s")
def stall(bed: Bed, value: str) -> Seen:
    period = values.seconds(value) or 0.0
    slow = []
    requests, began = 0, time.monotonic()
    while time.monotonic() < began + 4.5 * period:
        seconds = seconds_of(lambda: bed.kato.get("/"), 1)[0]
        requests += 1
        slow += [seconds] if seconds > 0.09 else []
    longest = 1000 * max(slow, default=0)
    return Seen(
        len(slow) >= 5,
        f"{len(slow)} of {requests} requests over 90 ms in {4.5 * period:g} s, at most {longest:.0f} ms",
    )


@probe("process-pool", quick="60")
def process_pool(bed: Bed, value: str) -> Seen:
    limit = values.count(value) or 0
    few, many = round(0.9 * limit), round(1.2 * limit)
    node = bed.node()
    teacher, asking = bed.session(node), bed.session(node)
    bed.observe(asking, "common", "w1", "x1").raise_for_status()
    bed.learn(teacher, few)
    below = seconds_of(lambda: bed.predictions(asking), 7)[0]
    bed.learn(teacher, many - few, few)
    with Children(bed.worker()) as children:
        above = seconds_of(lambda: bed.predictions(asking), 7)[0]
    return Seen(
        above > 1.5 * below and len(children.seen) >= 7,
        f"{few} patterns {1000 * below:.0f} ms, {many} patterns {1000 * above:.0f} ms; "
        f"{len(children.seen)} child processes in 7 requests",
    )


@probe("quote", quick="40")
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
        answer = bed.kato.get(f"{session}/predictions")
        seconds = time.perf_counter() - began
    failed = bed.syntax_errors() - before
    return Seen(
        found == 0 and answer.status_code == 500 and failed >= (values.count(value) or 0),
        f"jaccard finds {found}; one symbol: {answer.status_code} after {seconds:.2f} s and {failed} failed "
        f"queries, the worker silent for {watch.longest:.2f} s",
    )


@probe("store-hang", quick="1s@6s", shown_at="3s@6s")
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
        answer = bed.kato.get(f"{session}/predictions")
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
        return float(bed.kato.get("/metrics").json()["performance"]["total_requests"])

    before = counted()
    for _ in range(99):
        bed.kato.get("/status").raise_for_status()
    told = counted() - before
    health = bed.kato.get("/health").json()
    expected = 100 * (values.share(value) or 0)
    return Seen(
        abs(told - expected) <= 2 and health["status"] == "healthy",
        f"/metrics tells of {told:.0f} of 100 requests, /health is {health['status']}",
    )
