"""The commands of KATO 3.10.1 on the key families that it keeps in Redis."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import time
from typing import Any

import pytest
import redis
import redis.asyncio

# KATO's redis-py knows SETEX; today's advises against it.
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated setex")

TOKENS = [f"t{number}" for number in range(10)]


def sha(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()


def learn(client: redis.Redis, kb: str, name: str, tokens: list[str]) -> bool:
    """One learned pattern; whether it was new."""
    new = bool(client.set(f"{kb}:frequency:{name}", 1, nx=True))
    if new:
        client.set(f"{kb}:emotives:{name}", json.dumps([]))
        client.set(f"{kb}:metadata:{name}", json.dumps({}))
    else:
        client.incr(f"{kb}:frequency:{name}")
    pipeline = client.pipeline()
    for token in set(tokens):
        pipeline.hincrby(f"{kb}:symbols:freq", token, tokens.count(token))
        pipeline.hincrby(f"{kb}:symbols:pmf", token, 1)
        if new:
            pipeline.sadd(f"{kb}:symbol_to_patterns:{token}", name)
    pipeline.incrby(f"{kb}:global:total_symbols_in_patterns_frequencies", len(tokens))
    pipeline.incrby(f"{kb}:global:total_pattern_frequencies", 1)
    pipeline.incrby(f"{kb}:global:total_unique_patterns", int(new))
    pipeline.execute()
    return new


def test_server_says_what_collectors_read(client: redis.Redis) -> None:
    info: Any = client.info()
    assert set(info) >= {
        "redis_version", "used_memory", "evicted_keys", "expired_keys", "keyspace_misses",
        "connected_clients", "mem_fragmentation_ratio", "maxmemory_policy", "aof_enabled",
    }  # fmt: skip
    client.get("conformance:nothing")
    statistics: Any = client.info("commandstats")
    assert statistics["cmdstat_get"]["calls"] > 0
    assert client.dbsize() >= 0
    client.slowlog_get(1)


def test_learning_a_pattern_twice_counts_it(client: redis.Redis, kb: str) -> None:
    name = sha("pattern")
    assert learn(client, kb, name, TOKENS)
    assert not learn(client, kb, name, TOKENS)
    assert client.get(f"{kb}:frequency:{name}") == "2"
    assert client.hgetall(f"{kb}:symbols:freq") == dict.fromkeys(TOKENS, "2")
    assert client.smembers(f"{kb}:symbol_to_patterns:t3") == {name}
    totals = client.mget(
        f"{kb}:global:{total}"
        for total in (
            "total_symbols_in_patterns_frequencies",
            "total_pattern_frequencies",
            "total_unique_patterns",
        )
    )
    assert totals == ["20", "2", "1"]


def test_two_workers_that_learn_at_once_make_one_pattern(url: str, client: redis.Redis, kb: str) -> None:
    name = sha("race")
    together = threading.Barrier(8)
    new: list[bool] = []

    def worker() -> None:
        with redis.Redis.from_url(url, decode_responses=True) as own:
            together.wait()
            new.append(learn(own, kb, name, TOKENS))

    workers = [threading.Thread(target=worker) for _ in range(8)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert sum(new) == 1
    assert client.get(f"{kb}:frequency:{name}") == "8"


def test_affinity_of_a_symbol(client: redis.Redis, kb: str) -> None:
    for emotive, value in (("joy", 0.5), ("joy", 0.25), ("anger", -1.0)):
        client.hincrbyfloat(f"{kb}:affinity:t1", emotive, value)
    affinity: Any = client.hgetall(f"{kb}:affinity:t1")
    assert {emotive: float(value) for emotive, value in affinity.items()} == {"joy": 0.75, "anger": -1.0}


def test_metadata_of_many_candidates_in_one_pipeline(client: redis.Redis, kb: str) -> None:
    names = [sha(str(number)) for number in range(1200)]
    for name in names:
        learn(client, kb, name, TOKENS[:2])
    pipeline = client.pipeline(transaction=False)
    for name in names:
        for family in ("frequency", "emotives", "metadata"):
            pipeline.get(f"{kb}:{family}:{name}")
    assert pipeline.execute() == ["1", "[]", "{}"] * 1200


def test_metrics_cache_is_wiped_by_a_learn(client: redis.Redis, kb: str) -> None:
    index = f"{kb}:metrics:_index"
    for number in range(50):
        key = f"{kb}:metrics:conditional_probability:{hashlib.md5(str(number).encode()).hexdigest()}"
        client.setex(key, 3600, "0.5")
        client.sadd(index, key)
    keys: Any = client.smembers(index)
    assert len(keys) == 50
    assert all(0 < int(client.ttl(key)) <= 3600 for key in keys)  # type: ignore[arg-type]
    assert client.unlink(*keys, index) == 51
    assert not client.exists(*keys)


def test_finalised_training(client: redis.Redis, kb: str) -> None:
    names = [sha(str(number)) for number in range(100)]
    pipeline = client.pipeline()
    for name in names:
        for family in ("entropy", "normalized_entropy", "global_normalized_entropy"):
            pipeline.set(f"{kb}:{family}:{name}", 0.5)
        pipeline.set(f"{kb}:tf_vector:{name}", json.dumps(dict.fromkeys(TOKENS, 0.1)))
    assert all(pipeline.execute())
    assert json.loads(str(client.get(f"{kb}:tf_vector:{names[7]}"))) == dict.fromkeys(TOKENS, 0.1)


def test_prediction_keys_stay_for_ever(client: redis.Redis, kb: str) -> None:
    key = f"{kb}:prediction:{sha('unique')}"
    predictions = [{"name": sha(str(number)), "past": [], "present": [["a"]]} for number in range(100)]
    client.set(key, json.dumps(predictions))
    assert client.ttl(key) == -1
    usage = client.memory_usage(key)
    assert usage is not None
    assert usage > 5_000


def test_streams_grow_unless_they_are_trimmed(client: redis.Redis, kb: str) -> None:
    stream = f"stm:events:{kb}"
    for number in range(300):
        client.xadd(stream, {"event": json.dumps({"strings": [f"t{number}"], "at": number})})
    assert client.xlen(stream) == 300
    client.xgroup_create(stream, "processors", id="0", mkstream=True)
    with pytest.raises(redis.ResponseError, match="BUSYGROUP"):
        client.xgroup_create(stream, "processors", id="0", mkstream=True)
    assert int(client.xtrim(stream, maxlen=100, approximate=False)) == 200
    for number in range(300):
        client.xadd(stream, {"event": str(number)}, maxlen=100, approximate=True)
    assert int(client.xlen(stream)) < 400


def test_scans_of_the_whole_keyspace(client: redis.Redis, kb: str) -> None:
    names = {f"{kb}:frequency:{sha(str(number))}" for number in range(500)}
    client.mset(dict.fromkeys(names, 1))
    found: set[Any] = set()
    cursor: Any = 0
    while True:
        cursor, keys = client.scan(cursor, match=f"{kb}:*", count=100)  # type: ignore[misc]
        found |= set(keys)
        if cursor == 0:
            break
    assert found == names
    assert client.delete(*names) == 500


def session(kb: str, number: int) -> tuple[str, str]:
    name = f"kato:session:session-{kb}-{number}"
    return name, json.dumps({"session_id": name, "node_id": kb, "stm": [["a"]], "last_predictions": []})


def test_a_session_from_create_to_expiry(url: str, kb: str) -> None:
    async def live() -> None:
        pool = redis.asyncio.ConnectionPool.from_url(url, decode_responses=True, max_connections=50)
        client = redis.asyncio.Redis(connection_pool=pool)
        name, body = session(kb, 1)
        index = f"kato:session:{kb}:_active_index"
        await client.setex(name, 3600, body)
        assert await client.exists(name)
        await client.sadd(index, name)
        assert json.loads(str(await client.get(name)))["node_id"] == kb
        assert await client.expire(name, 1)
        assert await client.scard(index) == 1
        began = time.monotonic()
        while await client.get(name) is not None:
            assert time.monotonic() - began < 5
            await asyncio.sleep(0.02)
        assert time.monotonic() - began > 0.5
        assert await client.scard(index) == 1  # what expires is not taken out
        await client.aclose()
        await pool.disconnect()

    asyncio.run(live())


def test_more_than_fifty_requests_exhaust_the_pool_of_sessions(url: str, kb: str) -> None:
    async def crowd(requests: int) -> list[Any]:
        pool = redis.asyncio.ConnectionPool.from_url(url, decode_responses=True, max_connections=50)
        client = redis.asyncio.Redis(connection_pool=pool)

        async def request() -> Any:
            return await client.blpop([f"{kb}:nothing"], timeout=1)

        outcomes = await asyncio.gather(*(request() for _ in range(requests)), return_exceptions=True)
        await client.aclose()
        await pool.disconnect()
        return list(outcomes)

    assert not [one for one in asyncio.run(crowd(50)) if isinstance(one, Exception)]
    failed = [one for one in asyncio.run(crowd(60)) if isinstance(one, Exception)]
    assert len(failed) == 10
    assert all("Too many connections" in str(one) for one in failed)


@pytest.mark.parametrize(("policy", "refuses"), [("noeviction", True), ("allkeys-lru", False)])
def test_full_memory(client: redis.Redis, kb: str, policy: str, refuses: bool) -> None:
    if client.dbsize():
        pytest.skip("the server holds data of others, which it could evict")
    before: Any = client.config_get("maxmemory*")
    used: Any = client.info("memory")
    client.config_set("maxmemory-policy", "noeviction")
    try:
        evicted: Any = client.info("stats")
        client.config_set("maxmemory", int(used["used_memory"]) + 3_000_000)
        client.config_set("maxmemory-policy", policy)
        outcome = ""
        try:
            for number in range(1_000):
                client.set(f"{kb}:prediction:{number}", "x" * 10_000)
        except redis.ResponseError as error:
            outcome = str(error)
        now: Any = client.info("stats")
        assert ("OOM" in outcome or "used memory > 'maxmemory'" in outcome) == refuses
        assert (int(now["evicted_keys"]) > int(evicted["evicted_keys"])) != refuses
    finally:
        client.config_set("maxmemory-policy", before["maxmemory-policy"])
        client.config_set("maxmemory", before["maxmemory"])


def test_knobs_that_can_be_set_live(client: redis.Redis) -> None:
    before: Any = client.config_get("appendfsync")
    client.config_set("appendfsync", "always")
    assert client.config_get("appendfsync") == {"appendfsync": "always"}
    client.config_set("appendfsync", before["appendfsync"])
