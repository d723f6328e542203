"""What an inspection saw. Data only; None = not known, and `Seen.unknown` says why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bench.knobs.knob import Value
from bench.targets.base import ContainerFacts

#: Who set a knob; `runtime`: the system was told after its start.
SetBy = Literal["command line", "environment", "file", "manifest", "runtime", "default"]


@dataclass(frozen=True)
class Part:
    """One system. `reachable`: whether it answered; None = its address is not known. `note`: what is
    missing."""

    name: str
    engine: str | None = None
    version: str | None = None
    address: str | None = None
    reachable: bool | None = None
    note: str | None = None


@dataclass(frozen=True)
class WorkerProcess:
    """One process of KATO that serves requests. `state`: what its event loop was at when it was looked at;
    `cpu_seconds`: used while KATO was asked."""

    pid: int
    state: Literal["idle", "running", "waits for a lock", "stopped", "unknown"]
    cpu_seconds: float


@dataclass(frozen=True)
class Workers:
    """`expected`, as `expected_by` says. `uptimes`: seconds since each worker that answered has started, over
    `polls` fresh connections, of which `refused` were answered 503 and `silent` not at all. `processes`: None
    where they cannot be seen."""

    expected: int | None = None
    expected_by: str | None = None
    uptimes: tuple[float, ...] = ()
    polls: int = 0
    refused: int = 0
    silent: int = 0
    processes: tuple[WorkerProcess, ...] | None = None

    @property
    def answering(self) -> int:
        return len(self.uptimes)


@dataclass(frozen=True)
class Kato:
    """What KATO says of itself. `defects`: those of KATO 3.10.1 that it has (`bench.targets.embedded.faults`
    names them). `password_shown`: GET /status tells the password of Redis. `session_ttl` in seconds.
    `nodes_loaded`: most nodes in one of the workers that answered. `reported_*`: as in GET /concurrency.
    `cores`: CPUs that its processes may run on; 0.5 = half of one."""

    defects: frozenset[str] = frozenset()
    service_name: str | None = None
    password_shown: bool | None = None
    session_ttl: int | None = None
    nodes_loaded: int | None = None
    reported_workers: int | None = None
    reported_limit: int | None = None
    cores: float | None = None


@dataclass(frozen=True)
class KeyFamily:
    """Keys of one kind among those drawn at random: their share of all keys, the share of them that never
    expire, and the mean memory of one in bytes."""

    share: float
    endless: float
    mean_bytes: float


@dataclass(frozen=True)
class Redis:
    """`config`: CONFIG GET *. `info`: fields of INFO. `families`: by name, from `drawn` keys. `open`: it
    obeys without a password; `listens`: addresses of this machine that it listens at. `container_limit` in
    bytes. `unique_patterns`: kb id -> patterns that Redis counts for it, None where it has no count."""

    config: Mapping[str, str] | None = None
    info: Mapping[str, Value] = field(default_factory=dict)
    keys: int | None = None
    stream_entries: int | None = None
    stream_bytes: int | None = None
    sessions_indexed: int | None = None
    families: Mapping[str, KeyFamily] = field(default_factory=dict)
    drawn: int = 0
    open: bool | None = None
    listens: tuple[str, ...] = ()
    container_limit: int | None = None
    unique_patterns: Mapping[str, int | None] = field(default_factory=dict)

    def number(self, name: str) -> float | None:
        """A field of INFO that is a number."""
        value = self.info.get(name)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


@dataclass(frozen=True)
class Collection:
    """A Qdrant collection. `config`: its settings by their path, as hnsw_config.m."""

    name: str
    points: int | None = None
    indexed: int | None = None
    segments: int | None = None
    status: str | None = None
    config: Mapping[str, Value | None] = field(default_factory=dict)

    @property
    def dimension(self) -> int | None:
        size = self.config.get("params.vectors.size")
        return size if isinstance(size, int) and not isinstance(size, bool) else None

    @property
    def kilobytes(self) -> float | None:
        """Size of its vectors as Qdrant's thresholds count it: 1 kB = 256 components of float32."""
        if self.points is None or self.dimension is None:
            return None
        return self.points * self.dimension * 4 / 1024


@dataclass(frozen=True)
class Qdrant:
    """`collections`: those that were looked at, of `number` in all."""

    collections: tuple[Collection, ...] = ()
    number: int | None = None
    open: bool | None = None
    listens: tuple[str, ...] = ()


@dataclass(frozen=True)
class ServerSetting:
    """A setting as ClickHouse tells it; `changed`: somebody set it."""

    value: str
    changed: bool


@dataclass(frozen=True)
class NodeRows:
    """The patterns of one node in ClickHouse: its partition."""

    kb: str
    rows: int
    bytes: int
    parts: int


@dataclass(frozen=True)
class ClickHouse:
    """`settings`, `server`, `table`: settings of the profile, the server, and of MergeTree, by name. `nodes`:
    the largest ones, of `number` in all. `has_table`: kato.patterns_data is there."""

    settings: Mapping[str, ServerSetting] = field(default_factory=dict)
    server: Mapping[str, ServerSetting] = field(default_factory=dict)
    table: Mapping[str, ServerSetting] = field(default_factory=dict)
    has_table: bool | None = None
    engine: str | None = None
    nodes: tuple[NodeRows, ...] = ()
    number: int | None = None
    open: bool | None = None
    listens: tuple[str, ...] = ()
    container_limit: int | None = None


@dataclass(frozen=True)
class Setting:
    """A knob as it is. `value`: in force; `default`: what holds where nobody sets it. `set_by`: None = it
    cannot be told. `stored`: what its file says, where that is not what is in force. `why`: what is missing
    where `value` or `set_by` is None. No secrets."""

    name: str
    value: Value | None = None
    default: Value | None = None
    set_by: SetBy | None = None
    stored: Value | None = None
    why: str | None = None

    @property
    def chosen(self) -> bool:
        """Somebody set it."""
        return self.set_by not in (None, "default")


@dataclass(frozen=True)
class Unknown:
    """What could not be found out, and why."""

    what: str
    why: str


@dataclass(frozen=True)
class Seen:
    """All of it: what checks judge."""

    parts: tuple[Part, ...] = ()
    workers: Workers = Workers()
    kato: Kato = Kato()
    redis: Redis | None = None
    qdrant: Qdrant | None = None
    clickhouse: ClickHouse | None = None
    containers: tuple[ContainerFacts, ...] = ()
    settings: Mapping[str, Setting] = field(default_factory=dict)
    unknown: tuple[Unknown, ...] = ()

    def value(self, name: str) -> Value | None:
        """The live value of a knob; None where it is not known."""
        setting = self.settings.get(name)
        return None if setting is None else setting.value

    def number(self, name: str) -> float | None:
        """The live value of a knob that is a number; None where it is not known."""
        value = self.value(name)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def container(self, part: str) -> ContainerFacts | None:
        return next((one for one in self.containers if one.part == part), None)
