"""Which resource binds: service demands by the utilisation law, and what they allow to conclude.

The service demand of a resource is D = U·m/X: the CPU seconds that it spends on a request (Denning and
Buzen, The Operational Analysis of Queueing Network Models, 1978). Throughput cannot exceed min m/D over all
resources, m being the cores that a resource can use at most. That holds as far as D stays what it was: for
this mix of operations, and with background work counted as work for requests, which makes D and so the
ceiling pessimistic at low load.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from advisor.evidence import Evidence
from advisor.findings import Finding, Scalar, Severity
from bench import words

#: Below this utilisation nothing binds; from SATURATED on a queue at the resource is all but certain.
BUSY = 0.70
SATURATED = 0.85

#: Share of time in which tasks waited for a CPU, from which on the machine's CPUs are short.
CPU_STALLED = 0.20
#: Share of time in which nothing could run for want of memory, or of the disk: more than chance.
MEMORY_STALLED, IO_STALLED = 0.01, 0.05

#: With fewer answered requests the CPU time of a request is mostly background work.
LEAST_REQUESTS = 30

ID = "bottleneck.binding-resource"


@dataclass(frozen=True)
class Demand:
    """One resource. `demand`: CPU seconds per request. `capacity`: cores that it can use at most.
    `used`: cores that it used. `ceiling`: requests per second at which all of them are used."""

    resource: str
    label: str
    demand: float
    capacity: float
    used: float

    @property
    def utilisation(self) -> float:
        return self.used / self.capacity

    @property
    def ceiling(self) -> float:
        return self.capacity / self.demand


def rank(evidence: Evidence) -> tuple[Demand, ...]:
    """The resources whose CPU time is known, the one that would bind first in front.

    KATO's workers can use a core each (one interpreter lock each), or all cores where they have been seen to
    use more, in processes of their own; Redis executes commands on one thread; Qdrant, ClickHouse and the
    machine can use all cores. The machine's demand is that of all parts together. kato-bench's own
    processes are left out: they are no part of the deployment. Empty if no request was answered."""
    requests, seconds = evidence.counts.requests, evidence.seconds
    if not requests:
        return ()
    demands = [
        Demand(resource, label, cpu / requests, capacity, cpu / seconds)
        for resource, label, cpu, capacity in _resources(evidence)
        if cpu > 0
    ]
    return tuple(sorted(demands, key=lambda demand: demand.ceiling))


def _resources(evidence: Evidence) -> Iterator[tuple[str, str, float, float]]:
    """(resource, label, CPU seconds, capacity in cores)."""
    cpu, cores, workers = evidence.cpu_seconds, evidence.cores, evidence.workers
    if "kato" in cpu and workers:
        label = "KATO's worker" if workers == 1 else f"KATO's {workers} workers"
        own = float(workers) if cores is None else min(float(workers), cores)
        beyond = cpu["kato"] > workers * evidence.seconds and cores is not None and cores > workers
        yield "kato", label, cpu["kato"], cores if beyond and cores is not None else own
    thread = evidence.redis.main_thread_cpu_seconds
    if thread is not None or "redis" in cpu:
        yield "redis", "Redis' command thread", cpu["redis"] if thread is None else thread, 1.0
    if cores is not None:
        for part, label in (("qdrant", "Qdrant"), ("clickhouse", "ClickHouse")):
            if part in cpu:
                yield part, label, cpu[part], cores
        if "kato" in cpu:
            yield "machine", f"the machine's {words.cores(cores)}", sum(cpu.values()), cores


def busiest_worker(evidence: Evidence) -> float | None:
    """Share of its core that the busiest of KATO's processes used; None if unknown."""
    if not evidence.worker_cpu_seconds:
        return None
    return max(evidence.worker_cpu_seconds.values()) / evidence.seconds


def signals(evidence: Evidence) -> tuple[str, ...]:
    """What else, apart from CPU use, says that something is saturated."""
    found = []
    if evidence.counts.backlog_grows:
        found.append("requests came faster than they were answered")
    stalled = evidence.stalls.get("cpu_some", 0.0)
    if stalled >= CPU_STALLED:
        found.append(f"tasks waited for a CPU {words.percent(stalled)} of the time")
    waited = run_queue(evidence)
    if waited is not None and waited >= CPU_STALLED:
        found.append(f"KATO's workers were ready to run but had no CPU {words.percent(waited)} of the time")
    for kind, least, what in (
        ("memory_full", MEMORY_STALLED, "memory"),
        ("io_full", IO_STALLED, "the disk"),
    ):
        if (share := evidence.stalls.get(kind, 0.0)) >= least:
            found.append(f"all work stood still for want of {what} {words.percent(share)} of the time")
    return tuple(found)


def run_queue(evidence: Evidence) -> float | None:
    """Share of time in which a worker of KATO's, on average, was ready to run while no CPU was free."""
    waited = evidence.run_delay_seconds.get("kato")
    return waited / evidence.seconds / evidence.workers if waited is not None and evidence.workers else None


def binding_resource(evidence: Evidence) -> Finding:
    """What holds the throughput back, or would first, and how sure that is (`verdict` in its evidence).

    `confirmed`: at least 85 % of the resource is used, and a signal other than CPU use agrees. `likely`: at
    least 70 % is used. `none`: less is used, nothing binds at this load. `unknown`: too few requests; KATO's
    CPU time cannot be seen; the machine is full of other work; or requests queue up while no CPU is short."""
    requests = evidence.counts.requests
    if requests < LEAST_REQUESTS:
        return _unknown(
            evidence, "info", f"only {requests} requests were answered, and it takes {LEAST_REQUESTS} to tell"
        )
    ranked = rank(evidence)
    if ranked and ranked[0].utilisation >= BUSY:
        return _binds(evidence, ranked[0])
    if (share := busiest_worker(evidence)) is not None and share >= SATURATED:
        return _one_worker_binds(evidence, share)
    if evidence.machine_busy is not None and evidence.machine_busy >= SATURATED:
        return _crowded(evidence, evidence.machine_busy)
    if "kato" not in {demand.resource for demand in ranked}:
        return _unknown(
            evidence, "info", "the CPU time of KATO's workers, or their number, is not visible here"
        )
    if evidence.counts.backlog_grows:
        return _unknown(
            evidence,
            "warning",
            f"requests came faster than they were answered, but no CPU is short ({_usage(ranked[0])}). They "
            "wait for something else: a lock, a connection, or the answer of a part",
            ranked[0],
        )
    return _nothing_binds(evidence, ranked[0])


def _nothing_binds(evidence: Evidence, first: Demand) -> Finding:
    return Finding(
        ID,
        "info",
        "Nothing binds at this load",
        f"Nothing binds at {words.requests(evidence.throughput)}; {first.label} would bind first, at about "
        f"{words.requests(first.ceiling)}, {_assumption(first)} ({_usage(first)} now).{_own_share(evidence)}",
        _numbers(evidence, "none", first),
    )


def _binds(evidence: Evidence, top: Demand) -> Finding:
    agreeing = signals(evidence)
    confirmed = top.utilisation >= SATURATED and bool(agreeing)
    return Finding(
        ID,
        "warning" if confirmed else "advice",
        f"Binding resource: {top.label}",
        f"The binding resource is {'' if confirmed else 'likely '}{top.label}: {_usage(top)}"
        f"{_also(agreeing)}. The ceiling is about {words.requests(top.ceiling)}, {_assumption(top)}."
        f"{_own_share(evidence)}",
        _numbers(evidence, "confirmed" if confirmed else "likely", top),
    )


def _one_worker_binds(evidence: Evidence, share: float) -> Finding:
    """A uvicorn worker keeps the connections that it accepted, so that one may be full while others idle."""
    agreeing = signals(evidence)
    together = evidence.cpu_seconds.get("kato", 0.0) / evidence.seconds
    return Finding(
        ID,
        "warning" if agreeing else "advice",
        "Binding resource: one of KATO's workers",
        f"The binding resource is {'' if agreeing else 'likely '}one of KATO's workers: it used "
        f"{words.cores(share)}, all of them together {words.cores(together)}{_also(agreeing)}. "
        "Connections are spread unevenly over the workers.",
        {
            **_numbers(evidence, "confirmed" if agreeing else "likely", None),
            "resource": "kato",
            "busiest_worker_cores": share,
        },
    )


def _crowded(evidence: Evidence, busy: float) -> Finding:
    parts = sum(evidence.cpu_seconds.values()) / evidence.seconds
    return _unknown(
        evidence,
        # Other work is no fault of the deployment as long as that keeps up.
        "warning" if evidence.counts.backlog_grows else "info",
        f"the machine is {words.percent(busy)} busy, of which the target takes no more than "
        f"{words.cores(parts)}. Other work leaves it no room to show its own ceiling",
    )


def _unknown(evidence: Evidence, severity: Severity, reason: str, top: Demand | None = None) -> Finding:
    return Finding(
        ID,
        severity,
        "Binding resource unknown",
        f"What binds is unknown: {reason}.{_own_share(evidence)}",
        _numbers(evidence, "unknown", top),
    )


def _usage(demand: Demand) -> str:
    return f"{demand.used:.2g} of {words.cores(demand.capacity)} used"


def _assumption(demand: Demand) -> str:
    cost = f"if a request keeps costing {words.seconds(demand.demand)} of CPU time"
    return f"{cost} there" if demand.resource != "machine" else f"{cost} and nothing else runs on it"


def _also(agreeing: tuple[str, ...]) -> str:
    return "".join(f", and {one}" for one in agreeing)


def _own_share(evidence: Evidence) -> str:
    own = sum(evidence.own_cpu_seconds.values()) / evidence.seconds
    return f" kato-bench itself used {words.cores(own)}, not counted here." if own >= 0.005 else ""


def _numbers(evidence: Evidence, verdict: str, top: Demand | None) -> dict[str, Scalar]:
    numbers: dict[str, Scalar] = {
        "verdict": verdict,
        "requests_per_second": evidence.throughput,
        "machine_busy": evidence.machine_busy,
        "backlog_grows": evidence.counts.backlog_grows,
        "own_cores": sum(evidence.own_cpu_seconds.values()) / evidence.seconds,
    }
    if top is not None:
        numbers |= {
            "resource": top.resource,
            "cpu_seconds_per_request": top.demand,
            "cores_used": top.used,
            "cores_usable": top.capacity,
            "ceiling_requests_per_second": top.ceiling,
        }
    return numbers
