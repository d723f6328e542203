"""Redis holds the only copy of pattern frequencies, emotives and metadata: what may lose them."""

from __future__ import annotations

import math
from collections.abc import Iterator

from bench import words
from bench.inspection.checks.base import check
from bench.inspection.findings import Finding
from bench.inspection.seen import Seen

_POLICY, _MAXMEMORY = "redis.maxmemory-policy", "redis.maxmemory"
_APPENDONLY, _SAVE, _LIMIT = "redis.appendonly", "redis.save", "container.redis.memory"
_DOCUMENTATION = (
    "Redis documentation, key eviction and persistence; KATO 3.10.1: pattern keys have no time to live"
)
#: Share of maxmemory from which on it is as good as full.
_FULL = 0.9


def _evicts_any_key(seen: Seen) -> bool:
    return str(seen.value(_POLICY) or "").startswith("allkeys-")


def _persists(seen: Seen) -> bool | None:
    """None where it is not known."""
    appendonly, save = seen.value(_APPENDONLY), seen.value(_SAVE)
    if appendonly is None or save is None:
        return None
    return appendonly == "yes" or save != ""


@check("redis.may-evict-patterns", source=_DOCUMENTATION)
def may_evict_patterns(seen: Seen) -> Iterator[Finding]:
    """With an allkeys policy Redis throws away any key once it is full, pattern frequencies and metadata
    included: nothing else holds them, no request fails, and learning a pattern again stores it twice."""
    limit = seen.number(_MAXMEMORY)
    if not limit or not _evicts_any_key(seen):
        return
    used = seen.redis.number("used_memory") if seen.redis else None
    policy = seen.value(_POLICY)
    yield Finding(
        "redis.may-evict-patterns",
        "critical",
        "Redis may evict learned patterns",
        f"At {words.size(limit)}{'' if used is None else f' ({words.size(used)} in use)'} it begins to throw "
        f"away any key (maxmemory-policy is {policy}), the only copy of pattern frequencies and metadata "
        "included.",
        "CONFIG SET maxmemory-policy noeviction, and the same in redis.conf; writes then fail instead.",
        (_POLICY, _MAXMEMORY),
        {"policy": policy, "maxmemory_bytes": limit, "used_memory_bytes": used},
    )


@check("redis.keys-evicted", source="INFO stats, evicted_keys")
def keys_evicted(seen: Seen) -> Iterator[Finding]:
    """An evicted key is data lost: learned patterns under an allkeys policy, sessions under a volatile
    one."""
    evicted = seen.redis.number("evicted_keys") if seen.redis else None
    if not evicted:
        return
    patterns = _evicts_any_key(seen)
    what = "pattern metadata may be among them" if patterns else "sessions and caches"
    yield Finding(
        "redis.keys-evicted",
        "critical" if patterns else "warning",
        "Redis has evicted keys",
        f"It was full and threw away {words.count(evicted)} keys since it started: {what}.",
        "Give it more memory (redis.maxmemory), and look for duplicate patterns before the next training.",
        (_MAXMEMORY, _POLICY),
        {"evicted_keys": evicted, "policy": seen.value(_POLICY)},
    )


@check("redis.not-persistent", source=_DOCUMENTATION)
def not_persistent(seen: Seen) -> Iterator[Finding]:
    """Without snapshots and without an append-only file a restart of Redis empties it: sessions are gone, and
    so are frequencies, emotives and metadata of every learned pattern, while ClickHouse keeps the
    patterns."""
    if _persists(seen) is not False:
        return
    used = seen.redis.number("used_memory") if seen.redis else None
    held = "" if used is None else f" {words.size(used)} of"
    yield Finding(
        "redis.not-persistent",
        "critical",
        "A restart of Redis loses learned patterns",
        f"It keeps{held} sessions and pattern metadata in memory only (appendonly is no, save is empty).",
        "CONFIG SET appendonly yes, and the same in redis.conf; in KATO's compose files "
        "REDIS_PERSISTENCE=true.",
        (_APPENDONLY, _SAVE),
        {"appendonly": "no", "save": "", "used_memory_bytes": used},
    )


@check("redis.writing-failed", source="INFO persistence")
def writing_failed(seen: Seen) -> Iterator[Finding]:
    """Where the latest write to disk failed, a restart finds less than was acknowledged."""
    if seen.redis is None or _persists(seen) is not True:
        return
    fields = {
        "aof_last_write_status": "the latest append to its file",
        "aof_last_bgrewrite_status": "the latest rewrite of its file",
        "rdb_last_bgsave_status": "the latest snapshot",
    }
    failed = [what for name, what in fields.items() if seen.redis.info.get(name, "ok") != "ok"]
    if failed:
        yield Finding(
            "redis.writing-failed",
            "critical",
            "Redis cannot write to its disk",
            f"{' and '.join(failed).capitalize()} failed: a restart finds less than was acknowledged.",
            "Look into its log and at the room on its disk.",
            (_APPENDONLY, _SAVE),
            {name: str(seen.redis.info[name]) for name in fields if name in seen.redis.info},
        )


@check("redis.full", source="INFO memory; KATO 3.10.1 fails on writes under noeviction")
def full(seen: Seen) -> Iterator[Finding]:
    """Under noeviction a full Redis refuses writes: sessions cannot be made, nothing is learned."""
    limit = seen.number(_MAXMEMORY)
    used = seen.redis.number("used_memory") if seen.redis else None
    if not limit or used is None or used < _FULL * limit or _evicts_any_key(seen):
        return
    yield Finding(
        "redis.full",
        "warning",
        "Redis is almost full",
        f"{words.size(used)} of {words.size(limit)} are in use; then "
        + (
            "writes fail, and KATO answers 500."
            if seen.value(_POLICY) == "noeviction"
            else "sessions and caches are thrown away."
        ),
        "Raise redis.maxmemory, or trim stm:global and delete prediction keys.",
        (_MAXMEMORY,),
        {"used_memory_bytes": used, "maxmemory_bytes": limit},
    )


@check(
    "redis.container-limit",
    source="Docker documentation, memory limits; KATO 3.10.1 deployment: limit and maxmemory are both 8 GB",
)
def container_limit(seen: Seen) -> Iterator[Finding]:
    """A container that may hold no more than maxmemory is killed by the kernel before Redis itself would
    refuse a write or evict: buffers, fragmentation and copied pages come on top of the data."""
    limit, maxmemory = _memory_limit(seen), seen.number(_MAXMEMORY)
    if limit is None or maxmemory is None or 0 < maxmemory < limit:
        return
    persists = _persists(seen)
    holds = f"Redis may hold {words.size(maxmemory)} of data" if maxmemory else "Redis has no maxmemory"
    yield Finding(
        "redis.container-limit",
        "critical" if persists is False else "warning",
        "The kernel kills Redis before it is full",
        f"{holds}, and its container {words.size(limit)} of anything: the kernel ends it first"
        + (", and all of it is lost then." if persists is False else "."),
        f"Limit the container to {'twice' if persists else '1.5 times'} maxmemory, or lower maxmemory.",
        (_MAXMEMORY, _LIMIT),
        {"container_limit_bytes": limit, "maxmemory_bytes": maxmemory, "persistent": persists},
    )


def _memory_limit(seen: Seen) -> float | None:
    declared = seen.number(_LIMIT)
    measured = seen.redis.container_limit if seen.redis else None
    limits = [limit for limit in (declared, measured) if limit is not None]
    return min(limits, default=None)


@check("redis.maxmemory-beyond-memory", source="Redis documentation, maxmemory; Linux, out-of-memory killer")
def beyond_memory(seen: Seen) -> Iterator[Finding]:
    """A limit that the machine's memory ends before is none: what it promises, refused writes in place of a
    killed server, never comes to pass."""
    maxmemory = seen.number(_MAXMEMORY)
    memory = seen.redis.number("total_system_memory") if seen.redis else None
    if not maxmemory or not memory or maxmemory < memory:
        return
    if (_memory_limit(seen) or math.inf) <= maxmemory:
        return  # `container-limit` says so.
    yield Finding(
        "redis.maxmemory-beyond-memory",
        "warning",
        "The kernel kills Redis before it is full",
        f"Redis may hold {words.size(maxmemory)} of data on a machine with {words.size(memory)} of memory.",
        f"CONFIG SET maxmemory {int(0.75 * memory) >> 20}mb leaves a quarter of the machine for the rest.",
        (_MAXMEMORY,),
        {"maxmemory_bytes": maxmemory, "memory_bytes": memory},
    )


@check("redis.no-maxmemory", source="KATO 3.10.1: event streams and prediction keys grow without end")
def no_maxmemory(seen: Seen) -> Iterator[Finding]:
    """Without a limit Redis grows until the kernel ends it: KATO's event streams and prediction keys never
    end."""
    if seen.number(_MAXMEMORY) != 0 or _memory_limit(seen) is not None:
        return
    yield Finding(
        "redis.no-maxmemory",
        "advice",
        "Redis has no memory limit",
        "It grows until the kernel ends it; KATO's event streams and prediction keys grow without end.",
        "CONFIG SET maxmemory to three quarters of what it may take, with maxmemory-policy noeviction.",
        (_MAXMEMORY,),
        {"maxmemory_bytes": 0},
    )
