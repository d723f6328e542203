"""What a collector is: a sampler of one source, with the metrics that it can yield."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol, Self

from bench.targets.base import PartFacts, TargetFacts

#: (metric, instance, value). The instance names a part of the source (a CPU, a command, a collection, a
#: worker); WHOLE stands for the source itself.
Row = tuple[str, str, float]

WHOLE = ""

Knob = str | int | float | bool | None


@dataclass(frozen=True)
class Metric:
    """How to read a metric's values. A `counter` only grows (it restarts from zero with its system): use
    differences. A `gauge` is the state at the moment, or the mean since the sample before where it says so.
    `unit` is "1" for numbers without one."""

    kind: Literal["counter", "gauge"]
    unit: str
    meaning: str


def counter(meaning: str, unit: str = "1") -> Metric:
    return Metric("counter", unit, meaning)


def gauge(meaning: str, unit: str = "1") -> Metric:
    return Metric("gauge", unit, meaning)


@dataclass(frozen=True)
class Discovery:
    """What a source says of itself once, before the load: the part's facts (a field that is None stays as
    it was known), and the live value of every knob that it could tell, by canonical knob name."""

    part: PartFacts | None = None
    knobs: Mapping[str, Knob] = field(default_factory=dict)
    kato_version: str | None = None


def discard(kind: str, /, **fields: object) -> None:
    """A `Context.note` for callers that keep no events."""


@dataclass(frozen=True)
class Context:
    """What collectors get to work with. `processes`: label -> pid of processes that are ours and no part of
    the target (load children, recorder). `note` records an event and may be called from any thread."""

    facts: TargetFacts
    processes: Mapping[str, int] = field(default_factory=dict)
    note: Callable[..., None] = discard


class Collector(Protocol):
    """A sampler of one source. `sample` and `discover` may raise anything and may take long (a second or
    two: every client has short timeouts): each collector has a thread of its own, which catches it."""

    source: ClassVar[str]
    metrics: ClassVar[Mapping[str, Metric]]
    #: Seconds between samples at the least, whatever interval the run asks for.
    min_interval: ClassVar[float]

    @classmethod
    def create(cls, context: Context) -> Self | None:
        """A collector for this target, or None where the target has no such source. Connects to nothing."""

    def discover(self) -> Discovery: ...

    def sample(self) -> list[Row]: ...

    def close(self) -> None: ...


def describe(error: BaseException) -> str:
    """An exception in one line, for an event or a note."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
