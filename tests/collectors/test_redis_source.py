"""Against a real Valkey."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from collector_rig import Valkey

from bench.collectors.base import WHOLE, Collector, Context, Row
from bench.collectors.redis_keys import family_of
from bench.collectors.sources.redis import GLOBAL_STREAM, RedisCollector
from bench.targets.base import PartFacts, TargetFacts

Table = Callable[[Collector, list[Row]], dict[tuple[str, str], float]]


def make(address: str, notes: list[tuple[str, dict[str, Any]]] | None = None) -> RedisCollector:
    facts = TargetFacts("embedded", "http://127.0.0.1:1", parts=(PartFacts("redis", address=address),))
    kept = notes if notes is not None else []
    collector = RedisCollector.create(Context(facts, {}, lambda kind, **more: kept.append((kind, more))))
    assert collector is not None
    return collector


def test_no_redis_no_collector() -> None:
    assert RedisCollector.create(Context(TargetFacts("url", "http://127.0.0.1:1"))) is None


@pytest.mark.parametrize("form", ["{}", "redis://{}/0"])
def test_discovers_engine_and_live_knobs(valkey: Valkey, form: str) -> None:
    valkey.client.config_set("maxmemory", "64mb")
    valkey.client.config_set("maxmemory-policy", "allkeys-lru")
    found = make(form.format(valkey.address)).discover()

    assert found.part is not None
    assert found.part.engine == "Valkey"
    assert found.part.version is not None
    assert found.part.version.startswith("9.")
    assert found.knobs["redis.maxmemory"] == 64 << 20
    assert found.knobs["redis.maxmemory-policy"] == "allkeys-lru"
    assert found.knobs["redis.appendonly"] == "no"
    assert found.knobs["redis.save"] == ""


def test_a_server_that_forbids_config_still_tells_some(valkey: Valkey) -> None:
    valkey.client.execute_command("ACL", "SETUSER", "default", "-config")
    found = make(valkey.address).discover()

    assert found.knobs == {
        "redis.maxmemory": 0,
        "redis.maxmemory-policy": "noeviction",
        "redis.appendonly": "no",
    }


def test_counts_what_clients_do(valkey: Valkey, table: Table) -> None:
    collector = make(valkey.address)
    before = table(collector, collector.sample())
    for number in range(20):
        valkey.client.set(f"key{number}", "x" * 100)
        valkey.client.xadd(GLOBAL_STREAM, {"n": number})
    valkey.client.get("key1")
    valkey.client.get("absent")
    after = table(collector, collector.sample())

    assert after["keys", WHOLE] == before["keys", WHOLE] + 21
    assert after["stream_entries", GLOBAL_STREAM] == 20
    assert after["command_calls_total", "set"] == 20
    assert after["command_seconds_total", "xadd"] > 0
    assert after["keyspace_hits_total", WHOLE] >= before["keyspace_hits_total", WHOLE] + 1
    assert after["keyspace_misses_total", WHOLE] >= before["keyspace_misses_total", WHOLE] + 1
    assert after["used_memory_bytes", WHOLE] > before["used_memory_bytes", WHOLE]
    # The kernel splits so little time between the two by chance; their sum is exact.
    assert sum(after[f"main_thread_cpu_{kind}_seconds_total", WHOLE] for kind in ("user", "sys")) > 0
    assert set(before) <= set(after)


def test_evictions_and_refused_writes(valkey: Valkey, table: Table) -> None:
    collector = make(valkey.address)
    limit = int(valkey.client.info("memory")["used_memory"]) + (1 << 20)
    valkey.client.config_set("maxmemory", limit)
    valkey.client.config_set("maxmemory-policy", "allkeys-lru")
    for number in range(3000):
        valkey.client.set(f"key{number}", "x" * 1000)
    evicted = table(collector, collector.sample())
    valkey.client.config_set("maxmemory-policy", "noeviction")
    valkey.client.config_set("maxmemory", limit // 2)
    with pytest.raises(redis.ResponseError, match="maxmemory"):
        valkey.client.set("more", "x")
    refused = table(collector, collector.sample())

    assert evicted["evicted_keys_total", WHOLE] > 1000
    assert evicted["maxmemory_bytes", WHOLE] == limit
    assert evicted["oom_errors_total", WHOLE] == 0
    assert refused["oom_errors_total", WHOLE] == 1


def test_persistence_shows(valkey: Valkey, table: Table) -> None:
    collector = make(valkey.address)
    assert table(collector, collector.sample())["aof_enabled", WHOLE] == 0
    valkey.client.config_set("appendonly", "yes")
    after = table(collector, collector.sample())

    assert after["aof_enabled", WHOLE] == 1
    assert after["aof_last_write_ok", WHOLE] == 1
    assert after["latest_fork_seconds", WHOLE] > 0
    assert after["aof_delayed_fsyncs_total", WHOLE] == 0


def test_a_restart_and_a_changed_policy_are_events(valkey: Valkey, tmp_path: Path) -> None:
    notes: list[tuple[str, dict[str, Any]]] = []
    collector = make(valkey.address, notes)
    collector.sample()
    valkey.client.config_set("maxmemory-policy", "volatile-lru")
    collector.sample()
    collector.sample()
    valkey.stop()
    with pytest.raises(redis.RedisError):
        collector.sample()
    valkey.start()
    collector.sample()

    assert [kind for kind, _ in notes] == ["config_changed", "restarted", "config_changed"]
    assert notes[0][1] == {"knob": "redis.maxmemory-policy", "old": "noeviction", "new": "volatile-lru"}


def test_a_stream_is_weighed(valkey: Valkey, table: Table) -> None:
    collector = make(valkey.address)
    empty = table(collector, collector.sample())
    with valkey.client.pipeline(transaction=False) as pipeline:
        for number in range(20_000):
            pipeline.xadd(GLOBAL_STREAM, {"data": "x" * 100, "n": number})
        pipeline.execute()
    full = table(collector, collector.sample())

    grown = full["used_memory_bytes", WHOLE] - empty["used_memory_bytes", WHOLE]
    assert ("stream_bytes", GLOBAL_STREAM) not in empty
    assert full["stream_bytes", GLOBAL_STREAM] == pytest.approx(grown, rel=0.25)


@pytest.mark.parametrize(
    ("key", "family"),
    [
        ("kato:session:session-0a-17", "session"),
        ("kato:session:_active_index", "other"),
        ("kato:metrics:conditional_probability:9f", "metrics_cache"),
        ("kato:metrics:_index", "other"),
        ("stm:events:bench_1_kato", "stream"),
        ("node_kato:prediction:obs-1", "prediction"),
        ("node_kato:symbols:freq", "symbols"),
        ("node_kato:symbol_to_patterns:a:b", "symbol_to_patterns"),
        ("node_kato:unheard:of", "other"),
        ("alone", "other"),
    ],
)
def test_keys_have_families(key: str, family: str) -> None:
    assert family_of(key) == family


def test_keys_are_sampled_by_family(valkey: Valkey, table: Table) -> None:
    for number in range(300):
        valkey.client.set(f"n_kato:frequency:{number}", 1)
        valkey.client.set(f"n_kato:prediction:{number}", "x" * 5000)
        valkey.client.set(f"kato:session:session-{number}", "x", ex=1000)
    collector = make(valkey.address)
    for _ in range(50):
        rows = table(collector, collector.sample())

    families = ("frequency", "prediction", "session")
    drawn = {family: rows["sampled_keys_total", family] for family in families}
    assert sum(drawn.values()) == 400
    assert min(drawn.values()) > 70
    endless = {family: rows["sampled_keys_without_ttl_total", family] for family in families}
    assert endless == drawn | {"session": 0}
    assert rows["sampled_bytes_total", "prediction"] / drawn["prediction"] > 5000
    assert rows["sampled_bytes_total", "frequency"] / drawn["frequency"] < 200


@pytest.mark.parametrize("command", ["randomkey", "memory|usage"])
def test_a_server_that_forbids_sampling_is_asked_once(valkey: Valkey, table: Table, command: str) -> None:
    valkey.client.set("n_kato:frequency:1", 1)
    valkey.client.execute_command("ACL", "SETUSER", "default", f"-{command}")
    notes: list[tuple[str, dict[str, Any]]] = []
    collector = make(valkey.address, notes)
    samples = [table(collector, collector.sample()) for _ in range(3)]

    assert [kind for kind, _ in notes] == ["keys_not_sampled"]
    assert "permission" in notes[0][1]["error"]
    assert all("sampled_keys_total" not in {metric for metric, _ in rows} for rows in samples)
    assert samples[-1]["keys", WHOLE] == 1


def test_sampling_keys_costs_the_server_little(valkey: Valkey) -> None:
    with valkey.client.pipeline(transaction=False) as pipeline:
        for number in range(20_000):
            pipeline.set(f"n_kato:frequency:{number}", 1)
        pipeline.execute()
    valkey.client.config_resetstat()
    collector = make(valkey.address)
    for _ in range(50):
        collector.sample()
    spent = {name: statistics["usec"] for name, statistics in valkey.client.info("commandstats").items()}
    sampling = sum(spent[f"cmdstat_{name}"] for name in ("randomkey", "ttl", "memory|usage"))
    # INFO itself, asked once a sample, is the yardstick.
    assert sampling < 2 * spent["cmdstat_info"]
