"""Redis or Valkey: INFO, the number of keys, KATO's global event stream, and a few keys at random."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from bench.collectors import cgroup, redis_keys
from bench.collectors.base import WHOLE, Collector, Context, Discovery, Knob, Metric, Row, counter, gauge
from bench.targets.base import PartFacts

#: Every observation is appended to it; shipped KATO never trims it (kato: redis_streams).
GLOBAL_STREAM = "stm:global"

_TIMEOUT = 1.0

#: Metric -> the INFO field that holds it, in the metric's unit.
_INFO = {
    "used_memory_bytes": ("used_memory", gauge("allocated for data and buffers", "bytes")),
    "used_memory_peak_bytes": ("used_memory_peak", gauge("highest used_memory so far", "bytes")),
    "used_memory_rss_bytes": ("used_memory_rss", gauge("resident memory of the server", "bytes")),
    "maxmemory_bytes": ("maxmemory", gauge("memory limit in force; 0 = none", "bytes")),
    "mem_fragmentation_ratio": (
        "mem_fragmentation_ratio",
        gauge("resident / allocated memory; means nothing while little is allocated"),
    ),
    "total_system_memory_bytes": ("total_system_memory", gauge("memory of the server's machine", "bytes")),
    "connected_clients": ("connected_clients", gauge("open client connections")),
    "blocked_clients": ("blocked_clients", gauge("clients in a blocking call")),
    "rejected_connections_total": ("rejected_connections", counter("refused, as maxclients was reached")),
    "ops_per_second": ("instantaneous_ops_per_sec", gauge("commands, smoothed by the server", "1/s")),
    "commands_processed_total": ("total_commands_processed", counter("commands executed")),
    "error_replies_total": ("total_error_replies", counter("commands answered with an error")),
    "expired_keys_total": ("expired_keys", counter("keys whose time to live ended")),
    "evicted_keys_total": ("evicted_keys", counter("keys thrown away to stay below maxmemory")),
    "keyspace_hits_total": ("keyspace_hits", counter("lookups of keys that exist")),
    "keyspace_misses_total": ("keyspace_misses", counter("lookups of keys that do not exist")),
    "cpu_user_seconds_total": ("used_cpu_user", counter("user CPU of all threads", "seconds")),
    "cpu_sys_seconds_total": ("used_cpu_sys", counter("system CPU of all threads", "seconds")),
    "main_thread_cpu_user_seconds_total": (
        "used_cpu_user_main_thread",
        counter("user CPU of the thread that executes the commands", "seconds"),
    ),
    "main_thread_cpu_sys_seconds_total": (
        "used_cpu_sys_main_thread",
        counter("system CPU of the thread that executes the commands", "seconds"),
    ),
    "rdb_changes_since_save": ("rdb_changes_since_last_save", gauge("writes that no snapshot holds yet")),
    "rdb_save_running": ("rdb_bgsave_in_progress", gauge("1 while a snapshot is written")),
    "aof_enabled": ("aof_enabled", gauge("1 if writes go to the append-only file")),
    "aof_rewrite_running": ("aof_rewrite_in_progress", gauge("1 while the append-only file is rewritten")),
    "aof_delayed_fsyncs_total": ("aof_delayed_fsync", counter("writes that waited for an fsync")),
    "uptime_seconds": ("uptime_in_seconds", gauge("since the server started", "seconds")),
}

#: Metric -> the INFO field that says "ok" or something else.
_STATES = {
    "rdb_last_save_ok": ("rdb_last_bgsave_status", gauge("0 if the latest snapshot failed")),
    "aof_last_write_ok": ("aof_last_write_status", gauge("0 if the latest append failed")),
}

_OTHERS = {
    "latest_fork_seconds": gauge("how long the latest fork stopped the server", "seconds"),
    "oom_errors_total": counter("writes refused because maxmemory was reached"),
    "command_calls_total": counter("executions; instance = command"),
    "command_seconds_total": counter("time in the command; instance = command", "seconds"),
    "keys": gauge("keys of database 0"),
    "stream_entries": gauge("entries of a stream; instance = its key"),
    "stream_bytes": gauge(
        "memory of a stream, estimated from some of its nodes; instance = its key", "bytes"
    ),
    **redis_keys.METRICS,
}

#: The commands of KATO's request paths, and those that hurt everybody (scans, whole-set reads).
_COMMANDS = (
    *("get", "mget", "set", "setex", "setnx", "incr", "incrby", "expire", "exists", "del", "unlink", "scan"),
    *("keys", "sadd", "srem", "scard", "smembers", "hget", "hgetall", "hset", "hincrby", "hincrbyfloat"),
    *("xadd", "xlen", "eval"),
)

_CONFIG = ("maxmemory", "maxmemory-policy", "appendonly", "appendfsync", "save", "io-threads", "maxclients")
_WHOLE_NUMBERS = {"maxmemory", "io-threads", "maxclients"}
_CONTAINER_LIMIT = "container.redis.memory"
#: Only with this allocator can the server defragment; `activedefrag` is told whether or not.
_DEFRAGMENTS = "jemalloc"


class RedisCollector:
    source: ClassVar[str] = "redis"
    metrics: ClassVar[Mapping[str, Metric]] = {
        **{metric: kind for metric, (_, kind) in (_INFO | _STATES).items()},
        **_OTHERS,
    }
    min_interval: ClassVar[float] = 0.0

    def __init__(self, address: str, pid: int | None, context: Context) -> None:
        self._client = connect(address)
        self._pid = pid
        self._keys = redis_keys.KeySampler(self._client, context.note)
        self._note = context.note
        self._run_id: str | None = None
        self._policy: str | None = None

    @classmethod
    def create(cls, context: Context) -> Self | None:
        part = context.facts.part("redis")
        return None if part is None or part.address is None else cls(part.address, part.pid, context)

    def discover(self) -> Discovery:
        info: dict[str, Any] = self._client.info("all")
        engine, version = (
            ("Valkey", info["valkey_version"])
            if "valkey_version" in info
            else ("Redis", info.get("redis_version"))
        )
        knobs = self._knobs(info)
        if self._pid is not None and (limit := cgroup.memory_limit_of(self._pid)) is not None:
            knobs[_CONTAINER_LIMIT] = limit
        return Discovery(PartFacts("redis", engine=engine, version=version), knobs)

    def sample(self) -> list[Row]:
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.info("all")
            pipeline.dbsize()
            pipeline.xlen(GLOBAL_STREAM)
            pipeline.memory_usage(GLOBAL_STREAM)
            info, keys, entries, size = pipeline.execute(raise_on_error=False)
        if isinstance(info, Exception):
            raise info
        self._watch(info)
        rows = [*_info_rows(info), *_command_rows(info)]
        if isinstance(keys, int):
            rows.append(("keys", WHOLE, float(keys)))
        if isinstance(entries, int):
            rows.append(("stream_entries", GLOBAL_STREAM, float(entries)))
        if isinstance(size, int):
            rows.append(("stream_bytes", GLOBAL_STREAM, float(size)))
        return [*rows, *self._keys.rows()]

    def close(self) -> None:
        self._client.close()

    def _watch(self, info: Mapping[str, Any]) -> None:
        """Counters start again after a restart, and a policy may be changed while we look on."""
        run_id, policy = info.get("run_id"), info.get("maxmemory_policy")
        if self._run_id is not None and run_id != self._run_id:
            self._note("restarted", source=self.source, uptime_seconds=info.get("uptime_in_seconds"))
        if self._policy is not None and policy != self._policy:
            self._note("config_changed", knob="redis.maxmemory-policy", old=self._policy, new=policy)
        self._run_id, self._policy = run_id, policy

    def _knobs(self, info: Mapping[str, Any]) -> dict[str, Knob]:
        """From CONFIG GET; hosted Redis forbids that command, then INFO tells some of it."""
        names = (*_CONFIG, "activedefrag") if _DEFRAGMENTS in str(info.get("mem_allocator")) else _CONFIG
        try:
            values = {name: value for name in names for value in self._client.config_get(name).values()}
        except redis.ResponseError:
            values = {
                "maxmemory": info.get("maxmemory"),
                "maxmemory-policy": info.get("maxmemory_policy"),
                "appendonly": "yes" if info.get("aof_enabled") else "no",
            }
        return {
            f"redis.{name}": int(value) if name in _WHOLE_NUMBERS else value
            for name, value in values.items()
            if value is not None
        }


def connect(address: str) -> redis.Redis:
    """A client with short timeouts and without retries, for `host:port`, the path of a Unix socket, or a
    redis:// URL."""
    options: dict[str, Any] = {
        "socket_timeout": _TIMEOUT,
        "socket_connect_timeout": _TIMEOUT,
        "retry": Retry(NoBackoff(), 0),
        "decode_responses": True,
        "protocol": 2,
    }
    if "://" in address:
        return redis.Redis.from_url(address, **options)
    if address.startswith("/"):
        return redis.Redis(unix_socket_path=address, **options)
    host, _, port = address.rpartition(":")
    return redis.Redis(host=host.strip("[]"), port=int(port), **options)


def _info_rows(info: Mapping[str, Any]) -> Iterator[Row]:
    for metric, (field, _) in _INFO.items():
        if isinstance(value := info.get(field), int | float):
            yield metric, WHOLE, float(value)
    for metric, (field, _) in _STATES.items():
        if field in info:
            yield metric, WHOLE, float(info[field] == "ok")
    if "latest_fork_usec" in info:
        yield "latest_fork_seconds", WHOLE, info["latest_fork_usec"] / 1e6
    refused = info.get("errorstat_OOM")
    yield "oom_errors_total", WHOLE, float(refused["count"]) if isinstance(refused, dict) else 0.0


def _command_rows(info: Mapping[str, Any]) -> Iterator[Row]:
    for command in _COMMANDS:
        statistics = info.get(f"cmdstat_{command}")
        if isinstance(statistics, dict):
            yield "command_calls_total", command, float(statistics["calls"])
            yield "command_seconds_total", command, statistics["usec"] / 1e6


COLLECTOR: type[Collector] = RedisCollector
