"""Redis and Valkey: any directive of the configuration file, the known ones with their ranges."""

from __future__ import annotations

from bench.knobs.knob import Effect, Kind, Knob, Value

_CONF = "KATO 3.10.1 config/redis.conf"
_MANUAL = "Valkey 9.1 valkey.conf"
_YES_NO = ("yes", "no")


def _directive(
    name: str,
    kind: Kind = "string",
    *,
    shipped: Value | None = None,
    healthy: Value | None = None,
    low: int | None = None,
    high: int | None = None,
    choices: tuple[str, ...] = (),
    unit: str | None = None,
    effect: Effect = "live",
    wiring: bool = False,
) -> Knob:
    return Knob(
        name=f"redis.{name}",
        system="redis",
        kind=kind,
        home="redis config",
        spelled=name,
        shipped=shipped,
        healthy=healthy,
        low=low,
        high=high,
        choices=choices,
        unit=unit,
        effect=effect,
        wiring=wiring,
        source=_MANUAL if shipped is None else _CONF,
    )


def _switch(name: str, *, shipped: Value | None = None, healthy: Value | None = None) -> Knob:
    return _directive(name, "enum", choices=_YES_NO, shipped=shipped, healthy=healthy)


_MEMORY = (
    _directive("maxmemory", "bytes", shipped=8 << 30, low=0, unit="bytes"),
    _directive(
        "maxmemory-policy",
        "enum",
        shipped="allkeys-lru",
        healthy="noeviction",
        choices=(
            "noeviction",
            "allkeys-lru",
            "allkeys-lfu",
            "allkeys-random",
            "volatile-lru",
            "volatile-lfu",
            "volatile-random",
            "volatile-ttl",
        ),
    ),
    _directive("maxmemory-samples", "int", low=1, high=64, unit="keys"),
    _directive("maxmemory-eviction-tenacity", "int", low=0, high=100),
    _switch("lazyfree-lazy-eviction"),
    _switch("lazyfree-lazy-expire"),
    _switch("lazyfree-lazy-user-del"),
    _directive("active-expire-effort", "int", low=1, high=10),
    _switch("activedefrag"),
    _directive("stream-node-max-bytes", "bytes", low=0, unit="bytes"),
    _directive("stream-node-max-entries", "int", low=0, unit="entries"),
)

_PERSISTENCE = (
    _directive("save", shipped=""),
    _switch("appendonly", shipped="no", healthy="yes"),
    _directive("appendfsync", "enum", healthy="everysec", choices=("always", "everysec", "no")),
    _switch("no-appendfsync-on-rewrite"),
    _switch("aof-use-rdb-preamble"),
    _directive("auto-aof-rewrite-percentage", "int", low=0, unit="percent"),
    _directive("auto-aof-rewrite-min-size", "bytes", low=0, unit="bytes"),
    _switch("rdbcompression"),
    _switch("stop-writes-on-bgsave-error"),
)

_SERVING = (
    _directive("io-threads", "int", low=1, high=128, unit="threads"),
    _directive("hz", "int", low=1, high=500, unit="per second"),
    _switch("dynamic-hz"),
    _directive("maxclients", "int", low=1, unit="connections"),
    _directive("timeout", "int", low=0, unit="s"),
    _directive("tcp-keepalive", "int", low=0, unit="s"),
    _directive("tcp-backlog", "int", low=0, unit="connections", effect="restart"),
    _directive("client-output-buffer-limit"),
)

_OBSERVING = (
    _switch("latency-tracking"),
    _directive("latency-monitor-threshold", "int", low=0, unit="ms"),
    _directive("slowlog-log-slower-than", "int", low=-1, unit="µs"),
    _directive("slowlog-max-len", "int", low=0, unit="entries"),
    _directive(
        "loglevel", "enum", shipped="notice", choices=("debug", "verbose", "notice", "warning", "nothing")
    ),
)

# What decides whether KATO finds its server, and where the server keeps its files.
_WIRING = tuple(
    _directive(name, effect="restart", wiring=True)
    for name in (
        "bind", "cluster-enabled", "daemonize", "dir", "include", "logfile", "pidfile", "port",
        "protected-mode", "replicaof", "requirepass", "supervised", "tls-port", "unixsocket", "user",
    )
)  # fmt: skip

KNOBS = (*_MEMORY, *_PERSISTENCE, *_SERVING, *_OBSERVING, *_WIRING)
_KNOWN = {knob.name: knob for knob in KNOBS}


def unlisted(name: str) -> Knob | None:
    """A directive that is not listed here: the server knows better whether it exists."""
    system, dot, directive = name.lower().partition(".")
    if system != "redis" or not dot or not directive.replace("-", "_").isidentifier():
        return None
    return _KNOWN.get(f"redis.{directive}") or _directive(directive)
