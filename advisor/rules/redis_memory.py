"""How much memory Redis may use, against what it was seen to need."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from advisor.evidence import Evidence
from advisor.findings import Change, Finding, Prediction
from advisor.resolve import DATA_SHARE
from advisor.rules.base import known, rule
from advisor.rules.redis_growth import DAY, HOUR, growth_per_second, horizon, streams_to_come
from bench import words

_REDIS = "Redis from 4.0 or Valkey"
_MAXMEMORY = "redis.maxmemory"
_DEFRAGMENT = "redis.activedefrag"

_MB = 1 << 20
#: Memory is given in steps of this, and never less: a size that people would write.
_STEP = 64 * _MB

#: KATO's own share of Redis, as its version 3.10.1 was measured: an empty server and its clients; the
#: frequency, emotives, metadata and symbols of a pattern; a session without predictions.
_SERVER, _PATTERN, _SESSION = 30e6, 1_200.0, 1_500.0
#: A sample of fewer keys does not tell their mean size.
_LEAST_SAMPLED = 30

# MEMORY DOCTOR's own bounds, and the share of a small server that its code and buffers are.
_FRAGMENTED, _WASTED, _TINY = 1.4, 10 * _MB, 64 * _MB
# Defaults of active-defrag-ignore-bytes, -threshold-lower and -cycle-max.
_IGNORED, _LOWER, _CYCLE = 100 * _MB, 0.10, 0.25


def used_later(evidence: Evidence) -> float | None:
    """Bytes that the load leaves in Redis by the end of the horizon, on top of those that it holds."""
    used = evidence.redis.used_memory_bytes
    if used is None:
        return None
    return used + streams_to_come(evidence) + (growth_per_second(evidence) or 0.0) * horizon(evidence)


@dataclass(frozen=True)
class _Need:
    """`bytes`: what this run would have needed, and its streams until they are cut. `per_second`: how fast
    that grows. `lost`: keys that were evicted and writes that were refused, `each` of so many bytes."""

    bytes: float
    per_second: float
    lost: float
    each: float

    def after(self, seconds: float) -> float:
        return self.bytes + self.per_second * seconds


def _need(evidence: Evidence, used: float) -> _Need:
    use, load = evidence.redis, evidence.load
    lost, each = (use.evicted_keys or 0.0) + (use.refused_writes or 0.0), _bytes_of_a_key(evidence)
    known_size = (
        _SERVER
        + (load.learned or 0) * max(_PATTERN, use.bytes_per_pattern or 0.0)
        + (load.sessions or 0) * _SESSION
    )
    # A full Redis does not grow: then the keys that found no room are the growth.
    missed = (use.lost_meanwhile or 0.0) * each / evidence.seconds
    per_second = float(round(max(growth_per_second(evidence) or 0.0, missed)))
    needed = used + streams_to_come(evidence) + lost * each
    return _Need(max(needed, known_size if lost else 0.0), per_second, lost, each)


def _bytes_of_a_key(evidence: Evidence) -> float:
    families = [family for name, family in evidence.redis.families.items() if name != "stream"]
    sampled = sum(family.sampled for family in families)
    if sampled >= _LEAST_SAMPLED:
        return sum(family.sampled * family.mean_bytes for family in families) / sampled
    used, keys = evidence.redis.used_memory_bytes, evidence.redis.keys
    return used / keys if used and keys else _PATTERN


def _ceiling(evidence: Evidence) -> float:
    memory = evidence.redis.system_memory_bytes or evidence.memory_bytes
    sizes = [size for size in (memory, evidence.redis.container_limit_bytes) if size]
    return DATA_SHARE * min(sizes) if sizes else math.inf


def _sensible(needed: float, ceiling: float) -> int:
    """A power of two that holds `needed` with a quarter to spare, or what the machine has for it."""
    size = max(_STEP, 1 << math.ceil(math.log2(needed / DATA_SHARE)))
    if size <= ceiling:
        return size
    step = _STEP if ceiling >= _STEP else _MB
    return int(ceiling) // step * step


@rule(
    "redis.maxmemory-too-small",
    holds_for="KATO 3.10 on Redis from 4.0 or Valkey",
    precondition=lambda evidence: bool(
        evidence.number(_MAXMEMORY) and evidence.redis.used_memory_bytes is not None
    ),
    source="INFO memory and stats; Redis documentation, key eviction; sizes of KATO 3.10.1's keys",
    needs_load=False,
)
def maxmemory_too_small(evidence: Evidence) -> Finding | None:
    """A Redis that is full throws data away or refuses to learn, by its policy; either way the deployment
    needs the memory that its data take."""
    limit, used = int(evidence.number(_MAXMEMORY) or 0), evidence.redis.used_memory_bytes or 0.0
    need, ahead = _need(evidence, used), horizon(evidence)
    if not need.lost and not (need.per_second and need.after(ahead) > limit):
        return None
    new = _sensible(need.after(ahead), _ceiling(evidence))
    helps = new > limit and new >= need.bytes
    if not need.lost and not helps:
        return None
    time_left = max(0.0, limit - need.bytes) / need.per_second if need.per_second else None
    return Finding(
        "redis.maxmemory-too-small",
        "warning" if need.lost or (time_left or 0.0) < HOUR else "advice",
        "Redis has too little memory",
        _happened(evidence, limit, need) if need.lost else _will_happen(limit, used, need, time_left or 0.0),
        {
            "maxmemory_bytes": limit,
            "used_memory_bytes": used,
            "evicted_keys": evidence.redis.evicted_keys,
            "refused_writes": evidence.redis.refused_writes,
            "needed_bytes": need.bytes,
            "growth_bytes_per_second": need.per_second,
            "seconds_until_full": time_left,
        },
        (_raise(evidence, limit, new, need, time_left),) if helps else (),
    )


def _happened(evidence: Evidence, limit: float, need: _Need) -> str:
    evicted, refused = evidence.redis.evicted_keys or 0.0, evidence.redis.refused_writes or 0.0
    happened = " and ".join(
        text
        for number, text in (
            (evicted, f"{words.count(evicted)} keys were evicted"),
            (refused, f"{words.count(refused)} writes were refused"),
        )
        if number
    )
    return (
        f"Redis may use {words.size(limit)}, and {happened}. The data of this run need about "
        f"{words.size(need.bytes)}, at {words.size(need.each)} a key."
    )


def _will_happen(limit: float, used: float, need: _Need, time_left: float) -> str:
    return (
        f"Redis uses {words.size(used)} of {words.size(limit)} and grows by {words.size(need.per_second)} "
        f"a second: at this rate it is full in {_time(time_left)}."
    )


def _time(seconds: float) -> str:
    for unit, name in ((HOUR, "hours"), (60.0, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.2g} {name}"
    return f"{seconds:.0f} seconds"


def _raise(evidence: Evidence, limit: int, new: int, need: _Need, time_left: float | None) -> Change:
    predicted = [
        Prediction(
            metric,
            "1",
            "at_most",
            f"the data take {words.size(need.bytes)} (used memory, what streams still gain, and "
            "the keys that found no room at the mean size of one), so that they fit",
            now=now,
            high=0.0,
        )
        for metric, now in (
            ("evicted_keys", evidence.redis.evicted_keys),
            ("refused_writes", evidence.redis.refused_writes),
        )
        if now
    ]
    if need.per_second:
        predicted.append(
            Prediction(
                "time_until_full",
                "s",
                "at_least",
                "room ÷ growth per second as measured, nothing being deleted or trimmed",
                now=time_left,
                low=(new - need.bytes) / need.per_second,
            )
        )
    return Change(
        _MAXMEMORY,
        evidence.knobs[_MAXMEMORY],
        new,
        purpose="objective",
        risk="Its container and its machine must have this memory and a third more; growth without end "
        "fills any size.",
        verify="kato-bench run: evicted_keys stays 0 and no write is refused.",
        predicted=tuple(predicted),
        effect=lambda after: replace(
            after, redis=replace(after.redis, evicted_keys=0.0, refused_writes=0.0, lost_meanwhile=0.0)
        ),
    )


@rule(
    "redis.unlimited",
    holds_for="KATO 3.10 on Redis from 4.0 or Valkey",
    precondition=known(_MAXMEMORY),
    source="Redis documentation, maxmemory",
)
def unlimited(evidence: Evidence) -> Finding | None:
    """Without maxmemory and without a container limit Redis grows until the kernel ends a process for want
    of memory, and not necessarily Redis."""
    if evidence.knobs[_MAXMEMORY] != 0 or evidence.redis.container_limit_bytes is not None:
        return None
    used, growth = evidence.redis.used_memory_bytes, growth_per_second(evidence)
    later = None if used is None or growth is None else used + growth * DAY
    if later is not None and later <= _ceiling(evidence):
        return None
    measured = ""
    if used is not None and growth is not None:
        measured = f" It used {words.size(used)} and grew by {words.size(growth)} a second."
    return Finding(
        "redis.unlimited",
        "info",
        "Redis has no memory limit",
        "redis.maxmemory is 0 and no limit of its container is known: Redis may grow until memory runs out."
        + measured,
        {"maxmemory_bytes": 0, "used_memory_bytes": used, "growth_bytes_per_second": growth},
    )


@rule(
    "redis.fragmentation",
    holds_for=_REDIS,
    precondition=lambda evidence: (
        evidence.redis.fragmentation is not None and evidence.redis.wasted_bytes is not None
    ),
    source="MEMORY DOCTOR (Redis, Valkey): ratio above 1.4 and more than 10 MB; valkey.conf, active defrag",
)
def fragmentation(evidence: Evidence) -> Finding | None:
    """Memory that Redis holds but cannot use counts against its container and its machine, not against
    maxmemory: the kernel may end it while it believes that it has room."""
    ratio, wasted = evidence.redis.fragmentation or 0.0, evidence.redis.wasted_bytes or 0.0
    used, switch = evidence.redis.used_memory_bytes or 0.0, evidence.knobs.get(_DEFRAGMENT)
    if ratio <= _FRAGMENTED or wasted <= _WASTED or used < _TINY or switch == "yes":
        return None
    return Finding(
        "redis.fragmentation",
        "advice",
        "Redis holds memory that it does not use",
        f"Redis is {ratio:.2g} × as large as its data: {words.size(wasted)} beside {words.size(used)} in "
        "use, from fragmentation or from an earlier peak. MEMORY PURGE gives back what is free in whole "
        "pages.",
        {"fragmentation": ratio, "wasted_bytes": wasted, "used_memory_bytes": used},
        (_defragment(ratio, used),) if switch == "no" and wasted > _IGNORED else (),
    )


def _defragment(ratio: float, used: float) -> Change:
    left = max(_LOWER * used, float(_IGNORED))
    return Change(
        _DEFRAGMENT,
        "no",
        "yes",
        purpose="cost",
        risk="Moving data takes up to a quarter of Redis' only thread, and requests wait for it; a server "
        "that was built without jemalloc refuses.",
        verify="INFO memory after some minutes: mem_fragmentation_ratio has fallen.",
        predicted=(
            Prediction(
                "mem_fragmentation_ratio",
                "1",
                "interval",
                "defragmentation ends where a tenth of the data or 100 MB is left, which it can reach unless "
                "something else than the allocator holds the memory",
                now=ratio,
                low=1.0,
                high=max(1.0, min(ratio, 1.0 + left / used)),
            ),
            Prediction(
                "cores(defragmentation)",
                "1",
                "at_most",
                "active-defrag-cycle-max is 25 % by default",
                high=_CYCLE,
            ),
        ),
    )
