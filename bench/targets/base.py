"""What every target says of itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

_CONNECTIONS_PER_WORKER = 40
#: Kept free of a worker's limit for the collectors, and for a connection that is just being replaced.
_RESERVED_CONNECTIONS = 4
_EVENNESS = 0.6


@dataclass(frozen=True)
class PartFacts:
    """One system of a deployment. `name` is kato, redis, qdrant or clickhouse.

    `pid` is the root of the part's process tree where it runs on this machine and is known; `address` is
    what a client connects to (URL, or host:port for Redis). `note` says in one sentence what is missing."""

    name: str
    engine: str | None = None
    version: str | None = None
    address: str | None = None
    pid: int | None = None
    log: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class ContainerFacts:
    """One container of a deployment, as its Compose service or workload declares it.

    `part` is the part of KATO that runs in it (kato, redis, qdrant, clickhouse), None for any other.
    `replicas` of it are wanted. `cpu_limit` is in cores, `memory_limit` in bytes, None where nothing limits
    it. `ports`: container port -> port published on this machine. `environment` is free of secrets
    (`bench.secrecy`). `instances`: ids or pod names of those that run."""

    name: str
    part: str | None = None
    image: str | None = None
    replicas: int | None = None
    cpu_limit: float | None = None
    memory_limit: int | None = None
    environment: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    ports: dict[str, int] = field(default_factory=dict)
    instances: tuple[str, ...] = ()
    note: str | None = None


@dataclass(frozen=True)
class SourceFacts:
    """The checkout that KATO was started from. `dirty`: tracked files differ from the `commit`; both are None
    where git does not tell. `python` is the interpreter, `libraries` the versions that it brings of what
    decides the cost of requests besides KATO."""

    folder: str
    commit: str | None = None
    dirty: bool | None = None
    python: str | None = None
    python_version: str | None = None
    libraries: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TargetFacts:
    """A deployment that answers. `knobs`: canonical knob name -> value in force (null = unknown). `set_by`:
    who set a knob, by the same names: command line, environment, file, manifest, runtime or default. `notes`:
    what could not be found out of the deployment as a whole, a sentence each."""

    kind: str
    base_url: str
    kato_version: str | None = None
    workers: int | None = None
    limit_concurrency: int | None = None
    parts: tuple[PartFacts, ...] = ()
    knobs: dict[str, str | int | float | bool | None] = field(default_factory=dict)
    profile: str | None = None
    containers: tuple[ContainerFacts, ...] = ()
    set_by: dict[str, str] = field(default_factory=dict)
    source: SourceFacts | None = None
    notes: tuple[str, ...] = ()

    @property
    def connections(self) -> int:
        """How many connections a client may keep open: 40 a worker, or fewer where its limit is known.

        KATO refuses *every* request while as many connections are open as its limit says, those of health
        polls included, and its session pool fails above 50. The kernel hands connections to workers
        unevenly, so that only 60 % of what several could hold together is used."""
        per_worker = _CONNECTIONS_PER_WORKER
        if self.limit_concurrency is not None:
            per_worker = max(1, min(per_worker, self.limit_concurrency - _RESERVED_CONNECTIONS))
        workers = self.workers or 1
        return per_worker if workers == 1 else max(1, int(per_worker * workers * _EVENNESS))

    def part(self, name: str) -> PartFacts | None:
        return next((part for part in self.parts if part.name == name), None)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TargetFacts:
        parts = tuple(PartFacts(**part) for part in data.get("parts", ()))
        containers = tuple(
            ContainerFacts(**{**one, "command": tuple(one["command"]), "instances": tuple(one["instances"])})
            for one in data.get("containers", ())
        )
        source = data.get("source")
        return cls(
            **{
                **data,
                "parts": parts,
                "containers": containers,
                "notes": tuple(data.get("notes", ())),
                "source": None if source is None else SourceFacts(**source),
            }
        )


class Target(Protocol):
    """A deployment under test, from start to end of a run."""

    def start(self) -> TargetFacts:
        """Make it ready for requests (or see that it is) and say what it is.

        Raises UnreachableError, PartFailedError or UsageError."""

    def check(self) -> None:
        """Raises PartFailedError if a part that `start` began has died."""

    def close(self) -> None:
        """End what `start` began; safe to call twice, and after a failed start."""
