"""What every target says of itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Protocol


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
class TargetFacts:
    """A deployment that answers. `knobs`: canonical knob name -> value in force (null = unknown)."""

    kind: str
    base_url: str
    kato_version: str | None = None
    workers: int | None = None
    limit_concurrency: int | None = None
    parts: tuple[PartFacts, ...] = ()
    knobs: dict[str, str | int | float | bool | None] = field(default_factory=dict)
    profile: str | None = None

    def part(self, name: str) -> PartFacts | None:
        return next((part for part in self.parts if part.name == name), None)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TargetFacts:
        parts = tuple(PartFacts(**part) for part in data.get("parts", ()))
        return cls(**{**data, "parts": parts})


class Target(Protocol):
    """A deployment under test, from start to end of a run."""

    def start(self) -> TargetFacts:
        """Make it ready for requests (or see that it is) and say what it is.

        Raises UnreachableError, PartFailedError or UsageError."""

    def check(self) -> None:
        """Raises PartFailedError if a part that `start` began has died."""

    def close(self) -> None:
        """End what `start` began; safe to call twice, and after a failed start."""
