"""What may lose the only copy of what KATO knows of its patterns."""

from __future__ import annotations

from dataclasses import replace

import pytest
from redis_runs import GB, QUIET, run, using
from rule_contract import keeps_contract

from advisor.evidence import Evidence
from advisor.rules import redis_safety
from advisor.rules.base import Rule

LRU = "allkeys-lru"
FULL = using(evicted_keys=1.0)


def test_a_safe_redis_is_left_alone() -> None:
    rules = [rule for rule in vars(redis_safety).values() if isinstance(rule, Rule)]
    assert len(rules) == 5
    assert [rule(run()) for rule in rules] == [None] * 5


@pytest.mark.parametrize("policy", [LRU, "allkeys-random"])
def test_an_allkeys_policy_is_a_risk_once_there_is_a_limit(policy: str) -> None:
    risky = run(maxmemory_policy=policy)
    well = run(maxmemory_policy=policy, maxmemory=0)
    assert keeps_contract(redis_safety.may_evict_patterns, risky, well).severity == "critical"
    keeps_contract(redis_safety.may_evict_patterns, risky, run(maxmemory_policy="volatile-lru"))


@pytest.mark.parametrize(
    ("policy", "severity", "changes"),
    [(LRU, "critical", 1), (None, "critical", 0), ("volatile-ttl", "warning", 0)],
)
def test_evicted_keys_are_lost_data(policy: str | None, severity: str, changes: int) -> None:
    sick, well = run(FULL, maxmemory_policy=policy), run(using(evicted_keys=None))
    finding = keeps_contract(redis_safety.keys_evicted, sick, well)
    assert (finding.severity, len(finding.changes)) == (severity, changes)


def test_what_is_only_in_memory_is_lost_by_a_restart() -> None:
    sick = run(appendonly="no")
    assert keeps_contract(redis_safety.not_persistent, sick, run(appendonly="yes")).severity == "critical"
    keeps_contract(redis_safety.not_persistent, sick, run(appendonly="no", save="900 1"))


def test_a_container_as_large_as_maxmemory_is_killed() -> None:
    sick, well = (run(using(container_limit_bytes=size)) for size in (8.0 * GB, 16.0 * GB))
    assert keeps_contract(redis_safety.container_limit, sick, well).severity == "warning"


@pytest.mark.parametrize(
    ("rule", "unknown"),
    [
        (redis_safety.may_evict_patterns, run(maxmemory_policy=None)),
        (redis_safety.may_evict_patterns, run(maxmemory_policy=LRU, maxmemory=None)),
        (redis_safety.may_evict_patterns, run(FULL, maxmemory_policy=LRU)),
        (redis_safety.not_persistent, run(appendonly="no", save=None)),
        (redis_safety.not_persistent, run(appendonly=None)),
        (redis_safety.container_limit, run(using(container_limit_bytes=1.0), maxmemory=0)),
    ],
)
def test_what_is_unknown_or_said_elsewhere_is_not_judged(rule: Rule, unknown: Evidence) -> None:
    assert rule(unknown) is None


def test_evictions_become_refusals() -> None:
    full = run(using(evicted_keys=21_500.0, refused_writes=3.0), maxmemory_policy=LRU)
    finding = redis_safety.keys_evicted(full)
    assert finding is not None
    assert "threw away 21 500 keys during the run (redis.maxmemory-policy is allkeys-lru)" in finding.sentence
    (change,) = finding.changes
    assert (change.new, change.purpose) == ("noeviction", "data loss")
    assert change.expected(full).redis.refused_writes == 21_503
    assert "redis.maxmemory" in change.risk


def test_the_risk_is_told_before_it_happens() -> None:
    finding = redis_safety.may_evict_patterns(run(maxmemory_policy=LRU))
    assert finding is not None
    assert finding.sentence.startswith(
        "At 8 GiB (32.4 MiB in use) Redis begins to throw away any key (redis.maxmemory-policy is "
        "allkeys-lru)"
    )


@pytest.mark.parametrize(("flush", "seconds"), [("always", 0), ("everysec", 2), ("no", 30), (None, 2)])
def test_what_a_crash_loses_depends_on_the_flush(flush: str | None, seconds: float) -> None:
    finding = redis_safety.not_persistent(run(appendonly="no", appendfsync=flush))
    assert finding is not None
    assert finding.changes[0].predicted[0].high == seconds


@pytest.mark.parametrize(("appendonly", "save", "room"), [("yes", "", 2), ("no", "60 1", 2), ("no", "", 1.5)])
def test_a_container_holds_more_than_the_data(appendonly: str, save: str, room: float) -> None:
    tight = run(using(container_limit_bytes=8.0 * GB), appendonly=appendonly, save=save)
    finding = redis_safety.container_limit(tight)
    assert finding is not None
    (change,) = finding.changes
    assert (change.knob, change.old, change.new) == ("container.redis.memory", 8 * GB, int(room * 8 * GB))


def test_a_limit_that_the_machine_cannot_raise_lowers_maxmemory() -> None:
    limited = replace(QUIET, container_limit_bytes=8.0 * GB, system_memory_bytes=8.0 * GB)
    (change,) = keeps_contract(redis_safety.container_limit, run(limited), run()).changes
    assert (change.knob, change.new) == ("redis.maxmemory", 4 * GB)


def test_data_that_would_not_fit_are_left_alone() -> None:
    held = replace(
        QUIET, container_limit_bytes=8.0 * GB, system_memory_bytes=8.0 * GB, used_memory_bytes=5.0 * GB
    )
    assert keeps_contract(redis_safety.container_limit, run(held), run()).changes == ()


def test_a_limit_beyond_the_machine_s_memory_never_acts() -> None:
    beyond = run(maxmemory=1024 * GB)
    finding = keeps_contract(redis_safety.maxmemory_beyond_memory, beyond, run())
    assert finding.severity == "warning"
    assert finding.sentence == (
        "Redis may hold 1 TiB of data on a machine with 24 GiB of memory: the kernel ends a process for want "
        "of memory before this limit acts."
    )
    (change,) = finding.changes
    assert (change.knob, change.old, change.new) == ("redis.maxmemory", 1024 * GB, 18 * GB)
    assert change.predicted[0].low == 6 * GB
    unknown = run(using(system_memory_bytes=None), maxmemory=1024 * GB)
    own = keeps_contract(
        redis_safety.maxmemory_beyond_memory, replace(unknown, memory_bytes=8.0 * GB), unknown
    )
    assert own.changes[0].new == 6 * GB


@pytest.mark.parametrize("used", [16.0 * GB, None])
def test_a_limit_beyond_memory_is_not_brought_down_onto_the_data(used: float | None) -> None:
    full = run(using(used_memory_bytes=used), maxmemory=1024 * GB)
    assert keeps_contract(redis_safety.maxmemory_beyond_memory, full, run(maxmemory=0)).changes == ()


def test_where_a_container_ends_first_one_finding_says_so() -> None:
    """A container limit beyond maxmemory cannot be spent on a machine that has less."""
    tight = run(using(container_limit_bytes=8.0 * GB), maxmemory=1024 * GB)
    assert redis_safety.maxmemory_beyond_memory(tight) is None
    (change,) = keeps_contract(redis_safety.container_limit, tight, run()).changes
    assert (change.knob, change.new) == ("redis.maxmemory", 4 * GB)
    roomy = run(using(container_limit_bytes=2048.0 * GB), maxmemory=1024 * GB)
    (change,) = keeps_contract(redis_safety.maxmemory_beyond_memory, roomy, run()).changes
    assert change.new == 18 * GB
