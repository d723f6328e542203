"""KATO's workers: whether all answer, whether the machine has room for them, and what they do not share."""

from __future__ import annotations

from collections.abc import Iterator

from bench import words
from bench.inspection.checks.base import check
from bench.inspection.findings import Finding
from bench.inspection.seen import Seen, WorkerProcess
from bench.knobs import fixed

_WORKERS, _LIMIT = "uvicorn.workers", "uvicorn.limit_concurrency"
_PREDICTS = "kato.PROCESS_PREDICTIONS"
#: Fresh connections for each worker from which on one that was not met counts as missing: three were enough.
_POLLS_PER_WORKER = 8


@check(
    "workers.dead", source="KATO 3.10.1 [V]: a deadlocked worker accepts nothing, and all others are healthy"
)
def dead(seen: Seen) -> Iterator[Finding]:
    """A worker that has stopped for ever takes no connections: KATO's health stays good, uvicorn does not
    notice, and what was open on that worker never answers."""
    workers = seen.workers
    if workers.expected is None or workers.answering >= workers.expected:
        return
    if workers.polls < _POLLS_PER_WORKER * workers.expected:
        return  # Too few to have met each of them.
    # A limit or a slow moment keeps workers from being met, and so does the kernel's preference.
    if workers.refused or (workers.processes is not None and not _stuck(seen)):
        return
    missing = workers.expected - workers.answering
    stuck = _stuck(seen)
    who = f": process {', '.join(f'{one.pid} ({_is(one)})' for one in stuck)}" if stuck else ""
    yield Finding(
        "workers.dead",
        "critical",
        f"{_number(missing)} of {workers.expected} workers {'does' if missing == 1 else 'do'} not answer",
        f"{words.count(workers.polls)} fresh connections met {_number(workers.answering)} of "
        f"{workers.expected}{who}. Requests that are open there never end.",
        "Restart KATO; with predictions at observe time off (PROCESS_PREDICTIONS=false) it does not come "
        "back.",
        (_WORKERS, _PREDICTS),
        {"expected": workers.expected, "answering": workers.answering, "polls": workers.polls},
    )


def _stuck(seen: Seen) -> list[WorkerProcess]:
    return [
        one
        for one in seen.workers.processes or ()
        if one.state in ("waits for a lock", "stopped") and one.cpu_seconds == 0.0
    ]


def _is(process: WorkerProcess) -> str:
    return "stopped" if process.state == "stopped" else "waits for a lock, and uses no CPU"


def _number(count: int) -> str:
    return "none" if count == 0 else str(count)


@check("workers.silent", source="KATO 3.10.1: store calls and matching block a worker's event loop")
def silent(seen: Seen) -> Iterator[Finding]:
    """A poll that is never answered met a worker that took the connection and is busy with something else."""
    workers = seen.workers
    if not workers.silent or workers.answering == 0:
        return
    yield Finding(
        "workers.silent",
        "info",
        "Some polls were not answered in time",
        f"{words.count(workers.silent)} of {words.count(workers.polls)} polls of /health had no answer "
        "within 2 s: a worker was busy with a prediction or with a store that does not answer.",
        "Look again when the load is over.",
        (),
        {"silent": workers.silent, "polls": workers.polls},
    )


@check(
    "workers.more-than-cores", source="KATO 3.10.1: a worker is one Python interpreter, which uses one core"
)
def more_than_cores(seen: Seen) -> Iterator[Finding]:
    """Workers beyond the cores share them: nothing gets faster, each costs memory, and in a container with a
    CPU limit they are throttled together."""
    workers, cores = seen.number(_WORKERS), seen.number("container.kato.cpus") or seen.kato.cores
    if workers is None or cores is None or workers <= max(1.0, cores):
        return
    limited = seen.number("container.kato.cpus") is not None
    yield Finding(
        "workers.more-than-cores",
        "warning" if limited else "advice",
        "More KATO workers than cores",
        f"{workers:g} workers share {words.cores(cores)}"
        + (" of its container's limit: it is throttled while they all work." if limited else "."),
        f"KATO_WORKERS={max(1, int(cores))}, or more cores.",
        (_WORKERS, "container.kato.cpus") if limited else (_WORKERS,),
        {"workers": workers, "cores": cores},
    )


@check("workers.memory", source="KATO 3.10.1: 12 MB and 236 MB a worker when it has started, as measured")
def memory(seen: Seen) -> Iterator[Finding]:
    """A container that is smaller than its workers is killed by the kernel, at the latest when they learn."""
    workers, limit = seen.number(_WORKERS), seen.number("container.kato.memory")
    if workers is None or limit is None or "kato" in _stand_ins(seen):
        return
    needed = fixed.SUPERVISOR_BYTES + workers * fixed.WORKER_BYTES
    if needed < limit:
        return
    yield Finding(
        "workers.memory",
        "critical",
        "KATO's container is smaller than its workers",
        f"{workers:g} workers take about {words.size(needed)} when they have started, and the container may "
        f"hold {words.size(limit)}: the kernel ends them.",
        "Raise the container's memory limit, or lower KATO_WORKERS.",
        (_WORKERS, "container.kato.memory"),
        {"needed_bytes": needed, "limit_bytes": limit},
    )


def _stand_ins(seen: Seen) -> set[str]:
    """Parts that are kato-bench's own, for which KATO's figures do not hold."""
    return {part.name for part in seen.parts if part.engine is not None and "kato-bench" in part.engine}


@check("kato.limit-above-session-pool", source="KATO 3.10.1 [V]: 60 clients of one worker got false 404s")
def limit_above_pool(seen: Seen) -> Iterator[Finding]:
    """Above about 50 requests in flight a worker runs out of Redis connections for sessions and answers 404
    SESSION_NOT_FOUND for sessions that live; below, uvicorn refuses with an honest 503."""
    limit = seen.number(_LIMIT)
    setting = seen.settings.get(_LIMIT)
    if setting is None or (limit is None and setting.set_by is None):
        return
    if limit is not None and limit <= fixed.SESSION_POOL:
        return
    takes = f"up to {limit:g}" if limit is not None else "any number of"
    yield Finding(
        "kato.limit-above-session-pool",
        "warning",
        "Live sessions may be answered 404",
        f"A worker takes {takes} connections at once, and its sessions share {fixed.SESSION_POOL} "
        "connections to Redis: beyond those KATO answers 404 for sessions that exist.",
        f"KATO_LIMIT_CONCURRENCY={fixed.SAFE_CONNECTIONS}: then uvicorn refuses with 503.",
        (_LIMIT,),
        {"limit_concurrency": limit, "session_pool": fixed.SESSION_POOL},
    )


@check(
    "kato.locks-per-process", source="KATO 3.10.1 [V]: 46 to 60 % of parallel updates of a session were lost"
)
def locks_per_process(seen: Seen) -> Iterator[Finding]:
    """Locks of sessions hold within one worker: parallel requests on one session through several workers are
    all answered 200, and some of their updates are lost."""
    workers = seen.number(_WORKERS) or float(seen.workers.answering)
    if workers <= 1 or "lost-updates" not in seen.kato.defects:
        return
    yield Finding(
        "kato.locks-per-process",
        "warning",
        "Parallel requests on one session lose updates",
        f"{workers:g} workers lock sessions each for itself: of parallel requests on one session over "
        "several connections some updates are lost, and all are answered 200.",
        "Send the requests of a session one after the other, or KATO_WORKERS=1 and more instances with hash "
        "routing by session.",
        (_WORKERS,),
        {"workers": workers},
    )


@check("kato.predicts-at-observe", source="KATO 3.10.1 [V]: a process lock is held across an await")
def predicts_at_observe(seen: Seen) -> Iterator[Finding]:
    """Two sessions of one node that observe at once with predictions on stop their worker for ever."""
    if seen.value(_PREDICTS) is not True or "deadlock" not in seen.kato.defects:
        return
    yield Finding(
        "kato.predicts-at-observe",
        "warning",
        "Two observations at once can stop a worker for ever",
        "PROCESS_PREDICTIONS is true: clients that do not send process_predictions false stop a worker when "
        "two sessions of one node observe at the same time.",
        "PROCESS_PREDICTIONS=false; GET predictions still answers.",
        (_PREDICTS,),
        {"PROCESS_PREDICTIONS": True},
    )


@check(
    "kato.nodes-near-limit",
    source="KATO 3.10.1 [V]: the 101st node of a worker evicts one and its collection",
)
def nodes_near_limit(seen: Seen) -> Iterator[Finding]:
    """A worker keeps 100 nodes; one more evicts the node used longest ago and deletes its Qdrant
    collection."""
    collections = seen.qdrant.number if seen.qdrant else None
    loaded = seen.kato.nodes_loaded
    if "node-eviction" not in seen.kato.defects:
        return
    most = max(collections or 0, loaded or 0)
    if most < 0.9 * fixed.MOST_NODES:
        return
    yield Finding(
        "kato.nodes-near-limit",
        "critical",
        "Vectors of nodes are about to be deleted",
        (f"A worker has {loaded} nodes loaded" if loaded == most else f"{collections} nodes have vectors")
        + f", and one that touches more than {fixed.MOST_NODES} deletes the vectors of those used longest "
        "ago.",
        "Spread the nodes over more instances, each with at most 90, by a hash of the node.",
        (),
        {"nodes_loaded": loaded, "collections": collections},
    )
