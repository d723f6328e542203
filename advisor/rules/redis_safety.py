"""Redis holds the only copy of pattern frequencies, emotives and metadata: what may lose them."""

from __future__ import annotations

import math
from dataclasses import replace

from advisor.evidence import Evidence
from advisor.findings import Change, Finding, Prediction
from advisor.resolve import DATA_SHARE
from advisor.rules.base import known, rule
from advisor.rules.redis_memory import used_later
from bench import words

_HOLDS_FOR = "KATO 3.10 on Redis from 4.0 or Valkey"

_POLICY = "redis.maxmemory-policy"
_MAXMEMORY = "redis.maxmemory"
_LIMIT = "container.redis.memory"
_NO_EVICTION = "noeviction"

#: How much a container is to hold, in maxmemory: buffers and fragmentation come on top of the data, and
#: pages that change while a snapshot or an append-only file is written exist twice.
_ROOM, _ROOM_TO_FORK = 1.5, 2.0

#: Seconds of writes that a crash loses, by appendfsync (Redis documentation, persistence: a flush a second
#: that is late by one more; the kernel flushes by itself every 30 s).
_LOST = {"always": 0.0, "everysec": 2.0, "no": 30.0}


def _evicts_any_key(evidence: Evidence) -> bool:
    return str(evidence.knobs.get(_POLICY, "")).startswith("allkeys-")


def _stop_evicting(evidence: Evidence) -> Change:
    """Writes take the place of evictions: those that found no room are refused instead."""

    def refuse(after: Evidence) -> Evidence:
        lost, refused = after.redis.evicted_keys or 0.0, after.redis.refused_writes or 0.0
        return replace(after, redis=replace(after.redis, evicted_keys=0.0, refused_writes=refused + lost))

    return Change(
        _POLICY,
        evidence.knobs.get(_POLICY),
        _NO_EVICTION,
        purpose="data loss",
        risk="Once Redis is full, learning and session writes fail with an error until memory is freed: "
        "give it the memory that it needs (redis.maxmemory), and watch used_memory.",
        verify="kato-bench run: evicted_keys stays 0 and this finding is gone.",
        predicted=(
            Prediction(
                "evicted_keys",
                "1",
                "at_most",
                "noeviction throws no key away; it refuses writes once maxmemory is reached",
                now=evidence.redis.evicted_keys,
                high=0.0,
            ),
        ),
        effect=refuse,
    )


@rule(
    "redis.may-evict-patterns",
    holds_for=_HOLDS_FOR,
    precondition=known(_POLICY, _MAXMEMORY),
    source="Redis documentation, key eviction; KATO 3.10.1: pattern keys carry no time to live",
    needs_load=False,
)
def may_evict_patterns(evidence: Evidence) -> Finding | None:
    """With an allkeys policy Redis throws away any key once it is full, pattern frequencies and metadata
    included; nothing else holds them, no request fails, and learning a pattern again stores it twice."""
    limit = evidence.number(_MAXMEMORY)
    if not _evicts_any_key(evidence) or not limit:
        return None
    if evidence.redis.evicted_keys:
        return None  # It has happened: `keys-evicted` says so.
    policy, used = evidence.knobs[_POLICY], evidence.redis.used_memory_bytes
    filled = "" if used is None else f" ({words.size(used)} in use)"
    return Finding(
        "redis.may-evict-patterns",
        "critical",
        "Redis may evict learned patterns",
        f"At {words.size(limit)}{filled} Redis begins to throw away any key ({_POLICY} is {policy}), "
        "frequencies and metadata of learned patterns included, which exist nowhere else. Under noeviction "
        "writes fail with an error instead.",
        {"policy": policy, "maxmemory_bytes": limit, "used_memory_bytes": used},
        (_stop_evicting(evidence),),
    )


@rule(
    "redis.keys-evicted",
    holds_for=_HOLDS_FOR,
    precondition=lambda evidence: evidence.redis.evicted_keys is not None,
    source="INFO stats, evicted_keys; Redis documentation, key eviction",
    needs_load=False,
)
def keys_evicted(evidence: Evidence) -> Finding | None:
    """An evicted key is data lost during the run: learned patterns under an allkeys policy, sessions and
    caches (the keys with a time to live) under a volatile one."""
    evicted = evidence.redis.evicted_keys or 0.0
    if evicted <= 0:
        return None
    policy = evidence.knobs.get(_POLICY)
    numbers = {
        "evicted_keys": evicted,
        "policy": policy,
        "maxmemory_bytes": evidence.knobs.get(_MAXMEMORY),
    }
    if str(policy).startswith("volatile-"):
        return Finding(
            "redis.keys-evicted",
            "warning",
            "Redis evicted sessions",
            f"Redis was full and threw away {words.count(evicted)} keys with a time to live ({_POLICY} is "
            f"{policy}): sessions and caches. Requests on such a session are answered with 404.",
            numbers,
        )
    return Finding(
        "redis.keys-evicted",
        "critical",
        "Redis evicted keys",
        f"Redis was full and threw away {words.count(evicted)} keys during the run"
        + (f" ({_POLICY} is {policy})" if policy is not None else "")
        + ": frequencies and metadata of learned patterns may be among them, and nothing else holds these.",
        numbers,
        (_stop_evicting(evidence),) if _evicts_any_key(evidence) else (),
    )


@rule(
    "redis.not-persistent",
    holds_for=_HOLDS_FOR,
    precondition=known("redis.save", "redis.appendonly"),
    source='Redis documentation, persistence; KATO 3.10.1 config/redis.conf ships save "" and appendonly no',
    needs_load=False,
)
def not_persistent(evidence: Evidence) -> Finding | None:
    """Without snapshots and without an append-only file a restart of Redis empties it: sessions are gone,
    and so are the frequencies, emotives and metadata of every learned pattern."""
    if evidence.knobs["redis.save"] != "" or evidence.knobs["redis.appendonly"] != "no":
        return None
    used = evidence.redis.used_memory_bytes
    held = "" if used is None else f" {words.size(used)} of"
    flush = str(evidence.knobs.get("redis.appendfsync") or "everysec")
    return Finding(
        "redis.not-persistent",
        "critical",
        "A restart of Redis loses learned patterns",
        f"Redis keeps{held} sessions and pattern metadata in memory only (redis.save is empty, "
        "redis.appendonly is no): after a restart they are gone, while ClickHouse still holds the patterns.",
        {"save": "", "appendonly": "no", "used_memory_bytes": used},
        (
            Change(
                "redis.appendonly",
                "no",
                "yes",
                purpose="data loss",
                risk="Each write also goes to disk (redis.appendfsync says when), and p95 may rise on a slow "
                "disk; give the container room for the copy that a rewrite makes.",
                verify="restart Redis after a run: DBSIZE is what it was before.",
                predicted=(
                    Prediction(
                        "writes_lost_by_a_crash",
                        "s",
                        "at_most",
                        f"appendfsync {flush}: what was written since the last flush; now it is everything",
                        high=_LOST.get(flush, 30.0),
                    ),
                ),
            ),
        ),
    )


@rule(
    "redis.container-limit",
    holds_for="Redis or Valkey in a container",
    precondition=lambda evidence: bool(evidence.redis.container_limit_bytes and evidence.number(_MAXMEMORY)),
    source="Docker documentation, memory limits; KATO 3.10.1 deployment: limit and maxmemory are both 8 GB",
    needs_load=False,
)
def container_limit(evidence: Evidence) -> Finding | None:
    """A container that may hold no more than maxmemory is killed by the kernel before Redis itself would
    refuse a write: buffers, fragmentation and copied pages come on top of the data."""
    limit, maxmemory = evidence.redis.container_limit_bytes or 0.0, evidence.number(_MAXMEMORY) or 0.0
    if limit > maxmemory:
        return None
    persistent = evidence.knobs.get("redis.appendonly") == "yes" or bool(evidence.knobs.get("redis.save"))
    room = _ROOM_TO_FORK if persistent else _ROOM
    return Finding(
        "redis.container-limit",
        "warning",
        "The kernel kills Redis before it is full",
        f"Redis may hold {words.size(maxmemory)} of data, and its container {words.size(limit)} of anything: "
        "the kernel ends it before it refuses a write."
        + ("" if persistent else " Nothing is on disk, so that all of it is lost then."),
        {"container_limit_bytes": limit, "maxmemory_bytes": maxmemory, "persistent": persistent},
        _make_room(evidence, limit, maxmemory, room),
    )


@rule(
    "redis.maxmemory-beyond-memory",
    holds_for=_HOLDS_FOR,
    precondition=lambda evidence: bool(_memory(evidence) and evidence.number(_MAXMEMORY)),
    source="Redis documentation, maxmemory; Linux, out-of-memory killer",
    needs_load=False,
)
def maxmemory_beyond_memory(evidence: Evidence) -> Finding | None:
    """A limit that the machine's memory ends before is none: what it promises, refused writes or evictions
    in place of a killed server, never comes to pass."""
    memory, maxmemory = _memory(evidence) or 0.0, evidence.number(_MAXMEMORY) or 0.0
    if maxmemory < memory or (evidence.redis.container_limit_bytes or math.inf) <= maxmemory:
        return None  # Where a container ends before: `container-limit` says so.
    used = evidence.redis.used_memory_bytes
    return Finding(
        "redis.maxmemory-beyond-memory",
        "warning",
        "The kernel kills Redis before it is full",
        f"Redis may hold {words.size(maxmemory)} of data on a machine with {words.size(memory)} of memory: "
        "the kernel ends a process for want of memory before this limit acts.",
        {"maxmemory_bytes": maxmemory, "memory_bytes": memory, "used_memory_bytes": used},
        _within(evidence, memory, maxmemory),
    )


def _memory(evidence: Evidence) -> float | None:
    return evidence.redis.system_memory_bytes or evidence.memory_bytes


def _within(evidence: Evidence, memory: float, maxmemory: float) -> tuple[Change, ...]:
    """As much of the machine as data may take, where what is held now fits well into that."""
    new, used = int(DATA_SHARE * memory) >> 20 << 20, evidence.redis.used_memory_bytes
    if not new or used is None or used > DATA_SHARE * new:
        return ()
    return (
        Change(
            _MAXMEMORY,
            evidence.knobs[_MAXMEMORY],
            new,
            purpose="data loss",
            risk="Redis is full sooner; under noeviction writes then fail, where the kernel ended it before.",
            verify="CONFIG GET maxmemory shows it; used_memory_rss stays below the machine's memory.",
            predicted=(
                Prediction(
                    "bytes_beside_data",
                    "bytes",
                    "at_least",
                    "Redis holds no more data than maxmemory, and a quarter of the machine is left for "
                    "buffers, fragmentation and pages copied by a snapshot",
                    now=memory - maxmemory,
                    low=memory - new,
                ),
            ),
        ),
    )


def _make_room(evidence: Evidence, limit: float, maxmemory: float, room: float) -> tuple[Change, ...]:
    """Raise the container's limit where the machine has the memory, else lower maxmemory where the data
    still fit, else nothing."""
    wanted = math.ceil(room * maxmemory)
    memory = _memory(evidence)
    model = f"the limit is {room:g} × maxmemory, and Redis holds no more data than maxmemory"

    def beside(container: float, data: float) -> tuple[Prediction, ...]:
        return (
            Prediction(
                "bytes_beside_data", "bytes", "at_least", model, now=limit - maxmemory, low=container - data
            ),
        )

    if memory is None or wanted <= memory:
        return (
            Change(
                _LIMIT,
                evidence.knobs.get(_LIMIT, int(limit)),
                wanted,
                purpose="data loss",
                risk="The machine has so much less for its other parts once Redis is full.",
                verify="docker inspect shows the limit; used_memory_rss stays below it.",
                predicted=beside(wanted, maxmemory),
                effect=lambda after: replace(after, redis=replace(after.redis, container_limit_bytes=wanted)),
            ),
        )
    lower = int(limit / room) >> 20 << 20
    if not lower or (used_later(evidence) or math.inf) > lower:
        return ()
    return (
        Change(
            _MAXMEMORY,
            evidence.knobs[_MAXMEMORY],
            lower,
            purpose="data loss",
            risk="Redis is full sooner; under noeviction writes then fail, where the kernel ended it before.",
            verify="kato-bench run: evicted_keys stays 0 and no write is refused.",
            predicted=beside(limit, lower),
        ),
    )
