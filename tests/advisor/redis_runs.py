"""Runs against a Redis that is as it should be, but for what a test says."""

from __future__ import annotations

from dataclasses import replace

from advisor.evidence import Counts, Evidence, Knob, RedisUse

GB, MB = 1 << 30, 1 << 20

SAFE: dict[str, Knob] = {
    "redis.maxmemory": 8 * GB,
    "redis.maxmemory-policy": "noeviction",
    "redis.appendonly": "yes",
    "redis.appendfsync": "everysec",
    "redis.save": "",
    "redis.activedefrag": "no",
    "kato.KATO_BENCH_STREAM_MAXLEN": 10_000,
    "kato.KATO_BENCH_PREDICTION_TTL": 3600,
}
QUIET = RedisUse(
    used_memory_bytes=34e6,
    memory_growth_bytes=2e6,
    evicted_keys=0.0,
    refused_writes=0.0,
    bytes_per_observation=1000.0,
    fragmentation=1.1,
    wasted_bytes=3e6,
    keys=50_000.0,
    stream_entries=9_000.0,
    stream_bytes=1.5e6,
    stream_growth=600.0,
    system_memory_bytes=24.0 * GB,
)


def run(use: RedisUse | None = None, /, **knobs: Knob) -> Evidence:
    """A run of 30 s with 20 observations a second. `knobs`: KATO's, and Redis' with `_` for `-`."""
    changed = {
        f"kato.{name}" if name.isupper() else f"redis.{name.replace('_', '-')}": value
        for name, value in knobs.items()
    }
    counts = Counts(1200, answered={"observe": 600, "predict": 600})
    return Evidence(counts, 30.0, redis=use or QUIET, knobs={**SAFE, **changed})


def using(**numbers: object) -> RedisUse:
    return replace(QUIET, **numbers)  # type: ignore[arg-type]
