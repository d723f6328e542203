"""KATO's uvicorn workers: as many as the measured demand asks for, and no more connections than they bear."""

from __future__ import annotations

import math
from dataclasses import replace

from advisor.bottleneck import LEAST_REQUESTS, SATURATED, busiest_worker
from advisor.evidence import Evidence
from advisor.findings import Change, Finding, Prediction
from advisor.rules.base import known, rule
from bench import words
from bench.knobs.fixed import SAFE_CONNECTIONS as _SAFE_LIMIT
from bench.knobs.fixed import SESSION_POOL

_WORKERS = "uvicorn.workers"
_LIMIT = "uvicorn.limit_concurrency"
_UVICORN = "KATO from 3.0 under uvicorn --workers"

#: A worker is planned to be this busy: at 70 % an M/M/1 queue's p99 is 15 service times, at 90 % it is 46.
TARGET_USE = 0.70
#: The kernel hands connections to workers unevenly: this share of what all could do together is safe to
#: count on (kato: with 4 workers and 8 connections, shares from 0 to 4 connections were seen).
EVENNESS = 0.60
#: Another worker needs a core to run on; less than this share of the machine idle is no room for one.
LEAST_IDLE = 0.15


def _demand_is_known(evidence: Evidence) -> bool:
    return bool(
        evidence.counts.requests >= LEAST_REQUESTS
        and evidence.cores
        and evidence.cpu_seconds.get("kato")
        and evidence.number(_WORKERS)
    )


def _others(evidence: Evidence) -> float:
    """CPU seconds per request of everything but KATO that runs on its cores, the load generator included."""
    parts = sum(used for name, used in evidence.cpu_seconds.items() if name != "kato")
    return (parts + sum(evidence.own_cpu_seconds.values())) / evidence.counts.requests


def _ceilings(evidence: Evidence, workers: float) -> tuple[float, float]:
    """Requests per second that so many workers answer at least and at most, by the utilisation law.

    At most: every worker full, or every core of the machine. At least: `EVENNESS` of the workers, or three
    quarters of the machine, as CPU time costs more where all cores are busy."""
    kato = evidence.cpu_seconds["kato"] / evidence.counts.requests
    machine = (evidence.cores or 1.0) / (kato + _others(evidence))
    most = min(workers / kato, machine)
    least = min(max(1.0, EVENNESS * workers) / kato, 0.75 * machine)
    return min(least, most), most


@rule(
    "workers.too-few",
    holds_for=_UVICORN,
    precondition=_demand_is_known,
    source="Utilisation law U = X·D (Denning and Buzen 1978); in KATO 3.10.1 all but session I/O blocks",
)
def too_few(evidence: Evidence) -> Finding | None:
    """A worker does one thing at a time: once it is full, requests queue up while other cores idle."""
    workers, cores = int(evidence.number(_WORKERS) or 0), evidence.cores or 0.0
    kato = evidence.cpu_seconds["kato"] / evidence.counts.requests
    used = max(busiest_worker(evidence) or 0.0, evidence.cpu_seconds["kato"] / evidence.seconds / workers)
    if used < SATURATED:
        return None
    wished = max(evidence.load.offered or 0.0, evidence.throughput)
    left = (
        cores
        - (sum(evidence.cpu_seconds.values()) + sum(evidence.own_cpu_seconds.values())) / evidence.seconds
    )
    needed = math.ceil(wished * kato / TARGET_USE)
    new = min(needed, max(workers, math.floor(cores)))
    if new <= workers or left < LEAST_IDLE * cores:
        return None
    low, high = _ceilings(evidence, new)
    now = evidence.throughput
    low = max(low, now)
    if high < 1.05 * now:
        return None
    offered = evidence.load.offered or math.inf
    model = (
        f"utilisation law: a request costs {words.seconds(kato)} of KATO's CPU time and "
        f"{words.seconds(_others(evidence))} of the rest; at least {words.percent(EVENNESS)} of the workers' "
        "sum, as connections are spread unevenly, at most all of it or of the machine"
    )
    predicted = [Prediction("ceiling", "1/s", "interval", model, now=workers / kato, low=low, high=high)]
    if math.isfinite(offered):
        predicted.append(
            Prediction(
                "rate", "1/s", "interval", f"{model}; no more than is offered",
                now=now, low=min(low, offered) * 0.97, high=min(high, offered) * 1.03,
            )
        )  # fmt: skip
    answered = min(high, max(offered if math.isfinite(offered) else now, now))

    def effect(after: Evidence) -> Evidence:
        share = answered * kato * evidence.seconds / new
        return replace(
            after,
            workers=new,
            cpu_seconds={**after.cpu_seconds, "kato": share * new},
            worker_cpu_seconds={str(number): share for number in range(new)},
            counts=replace(after.counts, requests=round(answered * evidence.seconds), backlog_grows=False),
        )

    return Finding(
        "workers.too-few",
        "warning" if evidence.counts.backlog_grows else "advice",
        "Too few KATO workers",
        f"{_workers(workers)} answered {words.requests(now)} of {words.requests(wished)} wished for, and the "
        f"busiest used {words.cores(used)} of its one, while {words.cores(left)} of {words.cores(cores)} "
        "idled. "
        f"At {words.seconds(kato)} of CPU time a request, {needed} workers would be "
        f"{words.percent(TARGET_USE)} busy" + (f"; there are cores for {new}." if needed > new else "."),
        {
            "workers": workers,
            "busiest_worker_cores": used,
            "cpu_seconds_per_request": kato,
            "requests_per_second": now,
            "requests_per_second_wished": wished,
            "cores_idle": left,
            "workers_needed": needed,
        },
        (
            Change(
                _WORKERS,
                workers,
                new,
                purpose="objective",
                risk="Each worker takes about 236 MB and keeps caches of its own; concurrent requests on one "
                "session over several connections lose updates once there is more than one worker.",
                verify="run the same load again: the rate rises into the interval, and each worker is below "
                f"{words.percent(SATURATED)} of a core.",
                predicted=tuple(predicted),
                effect=effect,
            ),
        ),
    )


@rule(
    "workers.too-many",
    holds_for=_UVICORN,
    precondition=lambda evidence: bool(evidence.cores) and known(_WORKERS)(evidence),
    source="KATO 3.10.1: a worker is one Python interpreter, which uses one core; 236 MB each as measured",
)
def too_many(evidence: Evidence) -> Finding | None:
    """Workers beyond the cores share them: nothing gets faster, each costs memory, and each has caches of
    its own to fill."""
    workers, cores = int(evidence.number(_WORKERS) or 0), evidence.cores or 0.0
    new = max(1, math.floor(cores))
    if workers <= new:
        return None
    resident = evidence.rss_bytes.get("kato")
    each = resident / workers if resident else 236e6

    def effect(after: Evidence) -> Evidence:
        kato = after.cpu_seconds.get("kato")
        shared = {str(number): kato / new for number in range(new)} if kato is not None else {}
        return replace(
            after,
            workers=new,
            worker_cpu_seconds=shared,
            rss_bytes={**after.rss_bytes, "kato": each * new},
        )

    return Finding(
        "workers.too-many",
        "advice",
        "More KATO workers than cores",
        f"{_workers(workers)} share {words.cores(cores)}: no more than {new} can run at once, and each takes "
        f"about {words.size(each)} of memory.",
        {"workers": workers, "cores": cores, "rss_bytes_per_worker": each},
        (
            Change(
                _WORKERS,
                workers,
                new,
                purpose="cost",
                risk="With fewer workers one slow request holds up a larger share of the others.",
                verify="run the same load again: rate and p95 are no worse, KATO's memory is lower.",
                predicted=(
                    Prediction(
                        "rss(kato)", "bytes", "interval",
                        "resident memory per worker as measured, a fifth either way"
                        if resident else "236 MB a worker, as KATO 3.10.1 takes",
                        now=each * workers, low=0.8 * each * new, high=1.2 * each * new,
                    ),
                ),
                effect=effect,
            ),
        ),
    )  # fmt: skip


@rule(
    "workers.limit-above-session-pool",
    holds_for="KATO 3.10",
    precondition=known(_LIMIT),
    source="KATO 3.10.1: 50 Redis connections for the sessions of a worker; measured with 60 clients",
)
def limit_above_session_pool(evidence: Evidence) -> Finding | None:
    """Above about 50 requests in flight a worker runs out of Redis connections for sessions and answers 404
    SESSION_NOT_FOUND for sessions that live; below it, uvicorn refuses with an honest 503."""
    limit = int(evidence.number(_LIMIT) or 0)
    if limit <= SESSION_POOL:
        return None
    lost = evidence.counts.errors.get("lost_session", 0)
    open_each = (evidence.load.connections or 0) / (evidence.number(_WORKERS) or 1.0)
    # An evicted session is answered the same way, and `redis.keys-evicted` says so.
    seen = lost > 0 and open_each > SESSION_POOL and not evidence.redis.evicted_keys
    return Finding(
        "workers.limit-above-session-pool",
        "critical" if seen else "warning",
        "Live sessions may be answered 404",
        f"A worker takes up to {limit} connections at once, but its sessions share {SESSION_POOL} "
        f"connections to Redis: beyond those KATO answers 404 for sessions that exist."
        + (f" {words.count(lost)} requests of this run were answered so." if seen else ""),
        {"limit_concurrency": limit, "session_pool": SESSION_POOL, "lost_session": lost},
        (
            Change(
                _LIMIT,
                limit,
                _SAFE_LIMIT,
                purpose="correctness",
                risk="More requests are refused with 503 at a peak; clients must retry these.",
                verify="run with more than 50 connections a worker: 503s (overload) instead of lost_session.",
                predicted=(
                    Prediction(
                        "in_flight_per_worker", "1", "at_most",
                        "uvicorn refuses above the limit, so that the pool of 50 always has a connection",
                        high=float(_SAFE_LIMIT),
                    ),
                ),
            ),
        ),
    )  # fmt: skip


@rule(
    "workers.refuse-requests",
    holds_for=_UVICORN,
    precondition=lambda evidence: evidence.counts.due > 0,
    source="uvicorn --limit-concurrency: 503 while as many connections are open, idle ones included",
)
def refuse_requests(evidence: Evidence) -> Finding | None:
    """uvicorn counts open connections, idle ones too, and refuses every request above its limit."""
    refused = evidence.counts.errors.get("overload", 0)
    if refused == 0:
        return None
    limit, workers = evidence.number(_LIMIT), int(evidence.number(_WORKERS) or 1)
    share = refused / evidence.counts.due
    sentence = (
        f"{words.count(refused)} of {words.count(evidence.counts.due)} requests ({words.percent(share)}) "
        f"were refused with 503"
        + (f" at a limit of {int(limit)} connections a worker" if limit else "")
        + "."
    )
    numbers = {"overload": refused, "share": share, "limit_concurrency": limit, "workers": workers}
    # Whoever finds a worker full is refused; the kernel does not spread connections evenly.
    room = _SAFE_LIMIT * workers * (EVENNESS if workers > 1 else 1.0)
    open_connections = evidence.load.connections
    if limit is None or limit >= _SAFE_LIMIT or open_connections is None or open_connections > room:
        return Finding(
            "workers.refuse-requests",
            "warning",
            "KATO refuses requests",
            f"{sentence} A higher limit would end in false 404s; fewer connections or more workers help.",
            numbers,
        )
    return Finding(
        "workers.refuse-requests",
        "warning",
        "KATO refuses requests",
        f"{sentence} A worker bears {_SAFE_LIMIT}.",
        numbers,
        (
            Change(
                _LIMIT,
                int(limit),
                _SAFE_LIMIT,
                purpose="objective",
                risk="More requests wait in a worker at a peak, so that p95 may rise where 503s were before.",
                verify="run the same load again: fewer overload errors.",
                predicted=(
                    Prediction(
                        "errors(overload)", "1", "at_most",
                        f"the {open_connections} connections of this run then fit, if spread at least "
                        f"{words.percent(EVENNESS)} evenly",
                        now=float(refused), high=0.0,
                    ),
                ),
                effect=lambda after: replace(
                    after,
                    counts=replace(after.counts, errors={**after.counts.errors, "overload": 0}),
                ),
            ),
        ),
    )  # fmt: skip


def _workers(number: int) -> str:
    return "1 worker" if number == 1 else f"{number} workers"
