"""Redis holds the only copy of pattern frequencies, emotives and metadata: what may lose them."""

from __future__ import annotations

from dataclasses import replace

from advisor import words
from advisor.evidence import Evidence
from advisor.findings import Change, Finding
from advisor.rules.base import known, rule

_HOLDS_FOR = "KATO 3.10 on Redis from 4.0 or Valkey"

_POLICY = "redis.maxmemory-policy"
_NO_EVICTION = "noeviction"


def _evicts_any_key(evidence: Evidence) -> bool:
    return str(evidence.knobs.get(_POLICY, "")).startswith("allkeys-")


def _stop_evicting(evidence: Evidence) -> Change:
    return Change(
        _POLICY,
        evidence.knobs.get(_POLICY),
        _NO_EVICTION,
        purpose="data loss",
        risk="Once Redis is full, learning and session writes fail with an error until memory is freed.",
        verify="kato-bench run: evicted_keys stays 0 and this finding is gone.",
        effect=lambda after: replace(after, redis=replace(after.redis, evicted_keys=0.0)),
    )


@rule(
    "redis.may-evict-patterns",
    holds_for=_HOLDS_FOR,
    precondition=known(_POLICY, "redis.maxmemory"),
    source="Redis documentation, key eviction; KATO 3.10.1: pattern keys carry no time to live",
)
def may_evict_patterns(evidence: Evidence) -> Finding | None:
    """With an allkeys policy Redis throws away any key once it is full, pattern frequencies and metadata
    included; nothing else holds them, no request fails, and learning a pattern again stores it twice."""
    limit = evidence.knobs["redis.maxmemory"]
    if not _evicts_any_key(evidence) or not isinstance(limit, int | float) or limit == 0:
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
        "maxmemory_bytes": evidence.knobs.get("redis.maxmemory"),
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
)
def not_persistent(evidence: Evidence) -> Finding | None:
    """Without snapshots and without an append-only file a restart of Redis empties it: sessions are gone,
    and so are the frequencies, emotives and metadata of every learned pattern."""
    if evidence.knobs["redis.save"] != "" or evidence.knobs["redis.appendonly"] != "no":
        return None
    used = evidence.redis.used_memory_bytes
    held = "" if used is None else f" {words.size(used)} of"
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
                risk="Each write also goes to disk, flushed once a second; p95 may rise on a slow disk.",
                verify="restart Redis after a run: DBSIZE is what it was before.",
            ),
        ),
    )


@rule(
    "redis.unlimited",
    holds_for=_HOLDS_FOR,
    precondition=known("redis.maxmemory"),
    source="Redis documentation, maxmemory; KATO 3.10.1 appends observations to streams without MAXLEN",
)
def unlimited(evidence: Evidence) -> Finding | None:
    """Without maxmemory and without a container limit Redis grows until the kernel ends a process for want
    of memory, and not necessarily Redis."""
    if evidence.knobs["redis.maxmemory"] != 0 or evidence.redis.container_limit_bytes is not None:
        return None
    used, grown = evidence.redis.used_memory_bytes, evidence.redis.memory_growth_bytes
    measured = ""
    if used is not None and grown is not None:
        measured = (
            f" It used {words.size(used)} and grew by {words.size(max(0.0, grown))} while "
            f"{words.count(evidence.counts.requests)} requests were answered."
        )
    return Finding(
        "redis.unlimited",
        "info",
        "Redis has no memory limit",
        "redis.maxmemory is 0 and no limit of its container is known: Redis may grow until memory runs out."
        + measured,
        {"maxmemory_bytes": 0, "used_memory_bytes": used, "memory_growth_bytes": grown},
    )
