"""Redis and Valkey: any directive of the configuration file, the known ones with their ranges."""

from __future__ import annotations

from bench.knobs.knob import Danger, Effect, Kind, Knob, Value

_CONF = "KATO 3.10.1 config/redis.conf"
_MANUAL = "Valkey 9.1 valkey.conf, Redis 7 redis.conf"
_HOLDS_FOR = "Redis from 7, Valkey"
_YES_NO = ("yes", "no")


def directive(
    name: str,
    kind: Kind = "string",
    influences: str = "what the server's manual says of it",
    *,
    shipped: Value | None = None,
    healthy: Value | None = None,
    own: Value | None = None,
    low: int | None = None,
    high: int | None = None,
    choices: tuple[str, ...] = (),
    unit: str | None = None,
    effect: Effect = "live",
    wiring: bool = False,
    dangers: tuple[Danger, ...] = (),
    source: str | None = None,
) -> Knob:
    return Knob(
        name=f"redis.{name}",
        system="redis",
        kind=kind,
        home="redis config",
        spelled=name,
        shipped=shipped,
        healthy=healthy,
        own=own,
        low=low,
        high=high,
        choices=choices,
        unit=unit,
        effect=effect,
        wiring=wiring,
        dangers=dangers,
        influences=influences,
        holds_for=_HOLDS_FOR,
        source=source or (_MANUAL if shipped is None else _CONF),
    )


def switch(
    name: str,
    influences: str,
    *,
    shipped: Value | None = None,
    healthy: Value | None = None,
    own: Value | None = None,
) -> Knob:
    return directive(name, "enum", influences, choices=_YES_NO, shipped=shipped, healthy=healthy, own=own)


_EVICTS = "Redis throws away pattern frequencies and metadata, which exist nowhere else, once it is full"
_POLICIES = (
    "noeviction",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
)

_MEMORY = (
    directive(
        "maxmemory",
        "bytes",
        "how much data fits; what happens then, maxmemory-policy says",
        shipped=8 << 30,
        own=0,
        low=0,
        unit="bytes",
    ),
    directive(
        "maxmemory-policy",
        "enum",
        "what happens at maxmemory: writes fail (noeviction), keys with a "
        "time to live go (volatile), or any key goes (allkeys), learned patterns among them",
        shipped="allkeys-lru",
        healthy="noeviction",
        own="noeviction",
        choices=_POLICIES,
        dangers=(Danger(("allkeys-lru", "allkeys-lfu", "allkeys-random"), _EVICTS),),
    ),
    directive(
        "maxmemory-samples",
        "int",
        "how well the least used key is found, against CPU time",
        own=5,
        low=1,
        high=64,
        unit="keys",
    ),
    directive(
        "maxmemory-eviction-tenacity",
        "int",
        "how long one eviction may hold up commands",
        own=10,
        low=0,
        high=100,
    ),
    directive("maxmemory-clients", "string", "memory that the buffers of all clients may take", own="0"),
    switch("lazyfree-lazy-eviction", "whether evicted keys are freed by a thread of their own"),
    switch("lazyfree-lazy-expire", "whether expired keys are freed by a thread of their own"),
    switch("lazyfree-lazy-server-del", "whether overwritten keys are freed by a thread of their own"),
    switch("lazyfree-lazy-user-del", "whether DEL frees as UNLINK does: KATO's clear-all is one DEL"),
    switch("lazyfree-lazy-user-flush", "whether FLUSHALL frees by a thread of its own"),
    directive("active-expire-effort", "int", "CPU time spent on finding expired keys", own=1, low=1, high=10),
    switch("activedefrag", "memory lost to fragmentation, against CPU time; with jemalloc only", own="no"),
    directive(
        "active-defrag-ignore-bytes",
        "bytes",
        "fragmentation below it is left",
        own=100 << 20,
        low=0,
        unit="bytes",
    ),
    directive(
        "active-defrag-threshold-lower",
        "int",
        "fragmentation from which on it works",
        own=10,
        low=0,
        high=1000,
        unit="percent",
    ),
    directive(
        "active-defrag-threshold-upper",
        "int",
        "fragmentation at which it works hardest",
        own=100,
        low=0,
        high=1000,
        unit="percent",
    ),
    directive(
        "active-defrag-cycle-max", "int", "CPU time that it may take at most", low=1, high=99, unit="percent"
    ),
    directive(
        "stream-node-max-bytes",
        "bytes",
        "memory of the event streams, and cost of trimming them",
        own=4096,
        low=0,
        unit="bytes",
    ),
    directive(
        "stream-node-max-entries",
        "int",
        "memory of the event streams, and cost of trimming them",
        own=100,
        low=0,
        unit="entries",
    ),
    directive(
        "hash-max-listpack-entries",
        "int",
        "memory of small hashes: symbol counts and affinities",
        low=0,
        unit="fields",
    ),
    directive(
        "hash-max-listpack-value",
        "int",
        "memory of small hashes: symbol counts and affinities",
        own=64,
        low=0,
        unit="bytes",
    ),
    directive(
        "set-max-listpack-entries",
        "int",
        "memory of small sets: patterns of a symbol",
        own=128,
        low=0,
        unit="members",
    ),
    directive(
        "set-max-listpack-value",
        "int",
        "memory of small sets: patterns of a symbol",
        own=64,
        low=0,
        unit="bytes",
    ),
    directive("set-max-intset-entries", "int", "memory of sets of numbers", own=512, low=0, unit="members"),
)

_PERSISTENCE = (
    directive(
        "save",
        "string",
        "snapshots: what a restart finds again, forks, and memory for pages that change meanwhile",
        shipped="",
    ),
    switch(
        "appendonly",
        "whether a restart finds every write again, against disk writes",
        shipped="no",
        healthy="yes",
        own="no",
    ),
    directive(
        "appendfsync",
        "enum",
        "how many seconds of writes a crash loses, against the time of a write",
        healthy="everysec",
        own="everysec",
        choices=("always", "everysec", "no"),
    ),
    switch(
        "no-appendfsync-on-rewrite", "whether writes wait for the disk while the file is rewritten", own="no"
    ),
    switch("aof-use-rdb-preamble", "how fast the append-only file is rewritten and loaded", own="yes"),
    switch("aof-load-truncated", "whether it starts with a file whose end is missing", own="yes"),
    directive(
        "auto-aof-rewrite-percentage",
        "int",
        "how often the append-only file is rewritten",
        own=100,
        low=0,
        unit="percent",
    ),
    directive(
        "auto-aof-rewrite-min-size",
        "bytes",
        "how often the append-only file is rewritten",
        own=64 << 20,
        low=0,
        unit="bytes",
    ),
    switch("aof-rewrite-incremental-fsync", "length of stalls while the file is rewritten", own="yes"),
    switch("rdb-save-incremental-fsync", "length of stalls while a snapshot is written", own="yes"),
    switch("rdbcompression", "size of snapshots, against CPU time", own="yes"),
    switch("rdbchecksum", "whether a damaged snapshot is noticed", own="yes"),
    switch("stop-writes-on-bgsave-error", "whether writes fail once a snapshot has failed", own="yes"),
)

_SERVING = (
    directive(
        "io-threads",
        "int",
        "threads that read and write sockets; commands stay in one",
        own=1,
        low=1,
        high=128,
        unit="threads",
    ),
    switch("io-threads-do-reads", "whether these threads read as well"),
    directive("hz", "int", "how often background work is done", own=10, low=1, high=500, unit="per second"),
    switch("dynamic-hz", "background work grows with the clients", own="yes"),
    directive(
        "maxclients",
        "int",
        "connections; each worker of KATO opens up to 111",
        own=10_000,
        low=1,
        unit="connections",
    ),
    directive(
        "timeout",
        "int",
        "idle connections are closed; a pool then fails once on each",
        own=0,
        low=0,
        unit="s",
    ),
    directive("tcp-keepalive", "int", "how soon a dead client is noticed", own=300, low=0, unit="s"),
    directive(
        "tcp-backlog",
        "int",
        "connections that wait to be accepted",
        own=511,
        low=0,
        unit="connections",
        effect="restart",
    ),
    directive("client-output-buffer-limit", "string", "when a slow reader is cut off"),
    directive("client-query-buffer-limit", "bytes", "the largest request", own=1 << 30, low=0, unit="bytes"),
    directive(
        "proto-max-bulk-len",
        "bytes",
        "the largest value; sessions and predictions are values",
        own=512 << 20,
        low=0,
        unit="bytes",
    ),
    directive(
        "busy-reply-threshold", "int", "how long a script may hold up all others", own=5000, low=0, unit="ms"
    ),
    directive("databases", "int", "numbered databases; KATO uses 0", own=16, low=1, effect="restart"),
    switch("disable-thp", "pauses and memory of a fork: huge pages are copied whole", own="yes"),
    directive(
        "oom-score-adj",
        "enum",
        "whom the kernel ends first for want of memory",
        own="no",
        choices=("no", "yes", "relative", "absolute"),
    ),
)

_OBSERVING = (
    switch("latency-tracking", "percentiles of each command in INFO latencystats", own="yes"),
    directive(
        "latency-monitor-threshold", "int", "which stalls LATENCY tells of", own=0, low=0, unit="ms, 0 = none"
    ),
    directive(
        "slowlog-log-slower-than", "int", "which commands SLOWLOG tells of", own=10_000, low=-1, unit="µs"
    ),
    directive("slowlog-max-len", "int", "how many commands SLOWLOG keeps", own=128, low=0, unit="entries"),
    directive("notify-keyspace-events", "string", "CPU time of each write; KATO listens to none", own=""),
    directive(
        "loglevel",
        "enum",
        "what the server writes",
        shipped="notice",
        own="notice",
        choices=("debug", "verbose", "notice", "warning", "nothing"),
    ),
)

_NETWORK = "whether KATO finds the server, and who else does"
_FILES = "where the server keeps its files"

# What decides whether KATO finds its server, and where the server keeps its files.
_WIRING = (
    *(
        directive(name, "string", _NETWORK, effect="restart", wiring=True)
        for name in (
            "bind",
            "cluster-enabled",
            "masterauth",
            "masteruser",
            "port",
            "protected-mode",
            "replicaof",
            "requirepass",
            "tls-port",
            "unixsocket",
            "user",
        )
    ),
    *(
        directive(name, "string", _FILES, effect="restart", wiring=True)
        for name in (
            "aclfile",
            "appenddirname",
            "appendfilename",
            "daemonize",
            "dbfilename",
            "dir",
            "include",
            "logfile",
            "pidfile",
            "supervised",
        )
    ),
)

KNOBS = (*_MEMORY, *_PERSISTENCE, *_SERVING, *_OBSERVING, *_WIRING)
_KNOWN = {knob.name: knob for knob in KNOBS}


def unlisted(name: str) -> Knob | None:
    """A directive that is not listed here: the server knows better whether it exists."""
    system, dot, spelled = name.lower().partition(".")
    if system != "redis" or not dot or not spelled.replace("-", "_").isidentifier():
        return None
    return _KNOWN.get(f"redis.{spelled}") or directive(spelled)
