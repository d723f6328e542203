"""Everything that a rule may look at: plain numbers of one run, no matter where they came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bench.record.recall import RecallProbe

Knob = str | int | float | bool | None

#: Names of the target's parts among the process rows; every other name there is a process of kato-bench.
PARTS = ("kato", "redis", "qdrant", "clickhouse")


@dataclass(frozen=True)
class Counts:
    """What the requests of the measure phase say. `requests`: answered well, within the phase. `errors`: by
    kind (`bench.record.vocabulary.ERRORS`). By operation: `answered`, and in seconds `response_p50`,
    `response_p95`, `service_p50`, `service_p95`, None where the sample is too small. `backlog_grows`: more
    was due than answered, all through the phase; None if unknown (a closed model has no backlog)."""

    requests: int
    errors: Mapping[str, int] = field(default_factory=dict)
    response_p95: Mapping[str, float | None] = field(default_factory=dict)
    service_p95: Mapping[str, float | None] = field(default_factory=dict)
    backlog_grows: bool | None = None
    due: int = 0
    answered: Mapping[str, int] = field(default_factory=dict)
    response_p50: Mapping[str, float | None] = field(default_factory=dict)
    service_p50: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class AskedAgain:
    """Predictions that were asked again as one user, when the load was over: how many `answers` there were,
    how many of them were `wrong` under load, and how the first differs."""

    answers: int = 0
    wrong: int = 0
    first: str = ""


@dataclass(frozen=True)
class Load:
    """What was asked of the target. `offered`: requests per second by the schedule, None for a closed model.
    `learned`: patterns taught before the load. `patterns_per_node`: those, spread evenly over the nodes.
    `session`: the KATO config of every session. `recall_targets`: k -> least recall, from the objectives."""

    scenario: str = ""
    offered: float | None = None
    nodes: int | None = None
    sessions: int | None = None
    connections: int | None = None
    learned: int | None = None
    session: Mapping[str, object] = field(default_factory=dict)
    recall_targets: Mapping[int, float] = field(default_factory=dict)

    @property
    def patterns_per_node(self) -> float | None:
        return self.learned / self.nodes if self.learned is not None and self.nodes else None


@dataclass(frozen=True)
class KeyFamily:
    """Redis keys of one kind, by a random sample over the run: how many were drawn, how many of these have
    no time to live, and the mean memory of one in bytes."""

    sampled: int
    without_ttl: int
    mean_bytes: float


@dataclass(frozen=True)
class RedisUse:
    """What Redis did. `evicted_keys` and `refused_writes` (maxmemory reached) count over the whole record,
    as a key lost in the preload is lost too; the rest is of the measure phase, `lost_meanwhile` (keys
    evicted and writes refused in it) among it. `bytes_per_pattern`: growth
    of the used memory while patterns were taught, a pattern's observations included; `bytes_per_observation`:
    growth in the measure phase per observation, which a bounded store does not show. `wasted_bytes`: resident
    beyond what is used. `stream_entries`, `stream_bytes`: of the global event stream, which gained
    `stream_growth` entries. `system_memory_bytes`: of the machine that Redis runs on. `families`: kinds of
    keys. None: unknown."""

    used_memory_bytes: float | None = None
    memory_growth_bytes: float | None = None
    evicted_keys: float | None = None
    refused_writes: float | None = None
    lost_meanwhile: float | None = None
    main_thread_cpu_seconds: float | None = None
    container_limit_bytes: float | None = None
    bytes_per_pattern: float | None = None
    bytes_per_observation: float | None = None
    fragmentation: float | None = None
    wasted_bytes: float | None = None
    keys: float | None = None
    stream_entries: float | None = None
    stream_bytes: float | None = None
    stream_growth: float | None = None
    system_memory_bytes: float | None = None
    families: Mapping[str, KeyFamily] = field(default_factory=dict)


@dataclass(frozen=True)
class Collection:
    """A Qdrant collection at the end of the measure phase. `indexed`: vectors in the HNSW graph."""

    name: str
    points: int
    indexed: int | None
    segments: int | None = None


@dataclass(frozen=True)
class QdrantUse:
    """`optimising`: share of the samples of the measure phase in which a collection was yellow."""

    collections: tuple[Collection, ...] = ()
    optimising: float | None = None
    recall: tuple[RecallProbe, ...] = ()


@dataclass(frozen=True)
class ClickHouseUse:
    """The highest of the measure phase: `rows` of KATO's tables, and active parts in one partition."""

    rows: float | None = None
    parts_in_partition: float | None = None


@dataclass(frozen=True)
class Evidence:
    """One run. All numbers are of the measure phase, which lasted `seconds`.

    `cores`: CPUs of the machine, or what the CPU limit of the control group leaves of them. `memory_bytes`:
    of the machine. `cpu_seconds`: of each part's whole process tree; a part that is missing runs where it
    cannot be seen. `own_cpu_seconds`: of kato-bench's processes, by label. `worker_cpu_seconds`: of each
    process of KATO, by pid. `run_delay_seconds`: how long a part's processes were ready to run while no CPU
    was free (their first threads, which in an event loop do the work). `rss_bytes`: the highest;
    `rss_growth_bytes`: last less first. `stalls`: share of time in which tasks waited, by `cpu_some`,
    `memory_full`, `io_full` and so on. `machine_busy`: share of all CPUs' time, whoever used it. `knobs`:
    canonical name -> value in force; a knob that is missing or None is unknown. `chosen`: names of the knobs
    that the user set. `measured`: False where the run failed in its preload; then `seconds` and the samples
    are of that, and there are no counts."""

    counts: Counts
    seconds: float
    cores: float | None = None
    workers: int | None = None
    memory_bytes: float | None = None
    cpu_seconds: Mapping[str, float] = field(default_factory=dict)
    own_cpu_seconds: Mapping[str, float] = field(default_factory=dict)
    worker_cpu_seconds: Mapping[str, float] = field(default_factory=dict)
    run_delay_seconds: Mapping[str, float] = field(default_factory=dict)
    rss_bytes: Mapping[str, float] = field(default_factory=dict)
    rss_growth_bytes: Mapping[str, float] = field(default_factory=dict)
    stalls: Mapping[str, float] = field(default_factory=dict)
    machine_busy: float | None = None
    asked_again: AskedAgain = AskedAgain()
    load: Load = Load()
    redis: RedisUse = RedisUse()
    qdrant: QdrantUse = QdrantUse()
    clickhouse: ClickHouseUse = ClickHouseUse()
    knobs: Mapping[str, Knob] = field(default_factory=dict)
    chosen: frozenset[str] = frozenset()
    versions: Mapping[str, str | None] = field(default_factory=dict)
    measured: bool = True

    @property
    def throughput(self) -> float:
        """Answered requests per second."""
        return self.counts.requests / self.seconds

    def with_knob(self, name: str, value: Knob) -> Evidence:
        """The same run with one knob set otherwise: what a change is expected to make of the evidence."""
        return replace(self, knobs={**self.knobs, name: value})

    def number(self, knob: str) -> float | None:
        """The value of a knob that is a number; None where it is unknown."""
        value = self.knobs.get(knob)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
