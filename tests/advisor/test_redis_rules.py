"""One fixture on each side of every rule; a rule is silent on what it expects of its own changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.evidence import Counts, Evidence, Knob, RedisUse
from advisor.rules import discover, redis
from advisor.rules.base import Rule
from bench.knobs.catalogue import find

SAFE: dict[str, Knob] = {
    "redis.maxmemory": 8 << 30,
    "redis.maxmemory-policy": "noeviction",
    "redis.appendonly": "yes",
    "redis.save": "",
}
QUIET = RedisUse(used_memory_bytes=34e6, memory_growth_bytes=2e6, evicted_keys=0.0)


def run(redis_use: RedisUse = QUIET, **knobs: Knob) -> Evidence:
    """A run with a safe Redis, but for these knobs (`_` for `-`; None: unknown)."""
    changed = {f"redis.{name.replace('_', '-')}": value for name, value in knobs.items()}
    return Evidence(Counts(600), 30.0, redis=redis_use, knobs={**SAFE, **changed})


def evicted(keys: float | None) -> RedisUse:
    return replace(QUIET, evicted_keys=keys)


LRU = "allkeys-lru"

TABLE = [
    (redis.may_evict_patterns, run(maxmemory_policy=LRU), "critical"),
    (redis.may_evict_patterns, run(maxmemory_policy="allkeys-random"), "critical"),
    (redis.may_evict_patterns, run(evicted(None), maxmemory_policy=LRU), "critical"),
    (redis.may_evict_patterns, run(maxmemory_policy="volatile-lru"), None),
    (redis.may_evict_patterns, run(maxmemory_policy="noeviction"), None),
    (redis.may_evict_patterns, run(maxmemory_policy=LRU, maxmemory=0), None),
    (redis.may_evict_patterns, run(maxmemory_policy=LRU, maxmemory=None), None),
    (redis.may_evict_patterns, run(maxmemory_policy=None), None),
    (redis.may_evict_patterns, run(evicted(1), maxmemory_policy=LRU), None),
    (redis.keys_evicted, run(evicted(1), maxmemory_policy=LRU), "critical"),
    (redis.keys_evicted, run(evicted(1), maxmemory_policy=None), "critical"),
    (redis.keys_evicted, run(evicted(1), maxmemory_policy="volatile-ttl"), "warning"),
    (redis.keys_evicted, run(evicted(0), maxmemory_policy=LRU), None),
    (redis.keys_evicted, run(evicted(None), maxmemory_policy=LRU), None),
    (redis.not_persistent, run(appendonly="no"), "critical"),
    (redis.not_persistent, run(appendonly="no", save="900 1"), None),
    (redis.not_persistent, run(appendonly="yes"), None),
    (redis.not_persistent, run(appendonly="no", save=None), None),
    (redis.not_persistent, run(appendonly=None), None),
    (redis.unlimited, run(maxmemory=0), "info"),
    (redis.unlimited, run(RedisUse(), maxmemory=0), "info"),
    (redis.unlimited, run(replace(QUIET, container_limit_bytes=8e9), maxmemory=0), None),
    (redis.unlimited, run(maxmemory=1), None),
    (redis.unlimited, run(maxmemory=None), None),
]


@pytest.mark.parametrize(("rule", "evidence", "severity"), TABLE)
def test_both_sides(rule: Rule, evidence: Evidence, severity: str | None) -> None:
    finding = rule(evidence)

    if severity is None:
        assert finding is None
    else:
        assert finding is not None
        assert (finding.id, finding.severity) == (rule.id, severity)


@pytest.mark.parametrize(("rule", "evidence", "severity"), TABLE)
def test_changes_are_legal_and_silence_every_rule_that_wanted_them(
    rule: Rule, evidence: Evidence, severity: str | None
) -> None:
    finding = rule(evidence)
    for change in finding.changes if finding is not None else ():
        knob = find(change.knob)
        assert knob.acts
        assert knob.read(knob.write(change.new)) == change.new  # type: ignore[arg-type]
        assert change.old == evidence.knobs[change.knob] != change.new
        after = [one(change.expected(evidence)) for one in discover()]
        assert change.knob not in {again.knob for one in after if one is not None for again in one.changes}
        assert rule(change.expected(evidence)) is None


@pytest.mark.parametrize("rule", discover(), ids=lambda rule: rule.id)
def test_every_rule_has_both_fixtures_and_says_what_it_is(rule: Rule) -> None:
    sides = {severity is None for tested, _, severity in TABLE if tested is rule}

    assert sides == {True, False}
    assert rule.id.startswith("redis.")
    assert rule.why
    assert rule.source
    assert rule.holds_for


def test_sentences_carry_the_numbers() -> None:
    risk = redis.may_evict_patterns(run(maxmemory_policy=LRU))
    assert risk is not None
    assert risk.sentence.startswith(
        "At 8 GB (32.4 MB in use) Redis begins to throw away any key (redis.maxmemory-policy is allkeys-lru)"
    )
    (change,) = risk.changes
    assert (change.knob, change.old, change.new) == ("redis.maxmemory-policy", LRU, "noeviction")

    lost = redis.keys_evicted(run(evicted(21500), maxmemory_policy=LRU))
    assert lost is not None
    assert "threw away 21,500 keys during the run (redis.maxmemory-policy is allkeys-lru)" in lost.sentence

    growing = redis.unlimited(run(maxmemory=0))
    assert growing is not None
    assert "used 32.4 MB and grew by 1.91 MB while 600 requests were answered" in growing.sentence
