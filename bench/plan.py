"""The plan of a run: everything that is needed to do it again."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from bench.courses import Course, PlanPart

Option = int | float | str | bool

#: A row has one byte for the number of its process, and each takes its part of the connections.
MOST_PROCESSES = 64
#: Seconds until all workers must have come.
WORKER_WAIT = 300.0

#: Options that every scenario counts its nodes and sessions by.
_COUNTS = frozenset({"nodes", "sessions"})


class Arrivals(PlanPart):
    """When requests are due. `poisson` and `constant`: `rate` per second over all sessions (open model).
    `closed`: `users` sessions that each send their next request `think` seconds after the last answer. The
    other kinds are open too; their rate changes as `course` says."""

    kind: Literal["poisson", "constant", "ramp", "step", "spike", "sine", "trace", "closed"] = "poisson"
    rate: float | None = Field(default=None, gt=0)
    users: int | None = Field(default=None, gt=0)
    think: float = Field(default=0.0, ge=0)
    course: Course | None = None

    @model_validator(mode="after")
    def _has_what_its_kind_takes(self) -> Arrivals:
        if self.closed and self.users is None:
            raise ValueError("closed arrivals need users")
        if self.kind in ("poisson", "constant") and self.rate is None:
            raise ValueError(f"{self.kind} arrivals need a rate")
        own = {"poisson": ("rate",), "constant": ("rate",), "closed": ("users", "think")}
        given = {"rate": self.rate, "users": self.users, "think": self.think or None, "course": self.course}
        for name, value in given.items():
            if value is not None and name not in own.get(self.kind, ("course",)):
                raise ValueError(f"{self.kind} arrivals take no {name}")
        if self.kind not in own and (self.course is None or self.course.kind != self.kind):
            raise ValueError(f"{self.kind} arrivals need the course of a {self.kind}")
        return self

    @classmethod
    def along(cls, course: Course) -> Arrivals:
        """Arrivals whose rate changes."""
        return cls(kind=course.kind, course=course)

    @property
    def closed(self) -> bool:
        """Whether answers decide when the next requests are due."""
        return self.kind == "closed"

    @property
    def peak(self) -> float | None:
        """The highest rate; None where it is not known beforehand."""
        return self.course.peak if self.course is not None else self.rate

    def expected(self, seconds: float) -> float | None:
        """How many requests are due in a part of so many seconds; None for a closed model: answers decide."""
        if self.course is not None:
            return self.course.expected(seconds)
        return None if self.rate is None else self.rate * seconds

    @property
    def words(self) -> str:
        """The arrivals in a few words."""
        if self.course is not None:
            return self.course.words
        if self.closed:
            think = f", {self.think:g} s think time" if self.think else ""
            return f"{self.users} users{think}"
        return f"{self.kind} {self.rate:g}/s"


class Part(PlanPart):
    """A stretch of a phase with arrivals of its own."""

    phase: Literal["warmup", "measure"]
    name: str | None = Field(default=None, min_length=1)
    seconds: float = Field(gt=0)
    arrivals: Arrivals

    @model_validator(mode="after")
    def _fits(self) -> Part:
        misfit = self.arrivals.course.misfit(self.seconds) if self.arrivals.course is not None else None
        if misfit is not None:
            raise ValueError(misfit)
        return self

    @property
    def title(self) -> str:
        return self.name or self.phase


class Phases(PlanPart):
    """Lengths of the timed phases in seconds. `preload` takes as long as its data needs.

    `parts`: where the load changes from one stretch to the next, all of them, in order; empty where the
    plan's arrivals hold throughout."""

    warmup: float = Field(default=5.0, ge=0)
    measure: float = Field(default=30.0, gt=0)
    drain: float = Field(default=10.0, ge=0, description="longest wait for open requests at the end")
    parts: tuple[Part, ...] = ()

    @model_validator(mode="after")
    def _parts_make_up_the_phases(self) -> Phases:
        if not self.parts:
            return self
        phases = [part.phase for part in self.parts]
        if phases != sorted(phases, reverse=True):
            raise ValueError("parts of the warm-up come before those of the measurement")
        for phase, seconds in (("warmup", self.warmup), ("measure", self.measure)):
            together = _seconds(self.parts, phase)
            if not math.isclose(together, seconds, rel_tol=1e-9, abs_tol=1e-9):
                raise ValueError(f"the parts of {phase} last {together:g} s together, not {seconds:g} s")
        if len({part.arrivals.closed for part in self.parts}) > 1:
            raise ValueError("open and closed arrivals cannot follow each other in one run")
        return self


class LoadersPlan(PlanPart):
    """Who generates the load: so many processes of this machine or, where `bind` is set, so many workers that
    connect to a master there (`HOST:PORT`). What is sent, and when, is the same for any number."""

    number: int = Field(default=1, gt=0, le=MOST_PROCESSES)
    bind: str | None = None
    wait: float = Field(default=WORKER_WAIT, gt=0, description="seconds until all workers must have come")


class SourcePlan(PlanPart):
    """A KATO checkout and the Python that it runs with: that of an environment in the checkout, or
    kato-bench's own, unless `python` (a path or a command) names one. `venv`: in an environment that is made,
    of that Python, from what the checkout requires."""

    folder: str
    python: str | None = None
    venv: bool = False


class ComposePlan(PlanPart):
    """Compose files, absolute and in their order, and the service that is KATO where they do not tell."""

    PREFIX: ClassVar[str] = "compose:"

    files: tuple[str, ...] = Field(min_length=1)
    service: str | None = None

    @property
    def words(self) -> str:
        """As `--target` takes it."""
        return f"{self.PREFIX}{','.join(self.files)}" + (f"#{self.service}" if self.service else "")


class TargetPlan(PlanPart):
    """What is loaded: `embedded` (with its profile, knobs and planted faults), `source` (the same engines
    with a KATO checkout in front), a URL, or what Docker `compose` runs."""

    kind: Literal["embedded", "source", "url", "compose"] = "embedded"
    url: str | None = None
    compose: ComposePlan | None = None
    source: SourcePlan | None = None
    stores: dict[str, str] = Field(
        default_factory=dict,
        description="addresses of the stores of what runs already, or of servers in place of engines: redis, "
        "qdrant, clickhouse",
    )
    profile: Literal["healthy", "shipped"] = "healthy"
    knobs: dict[str, str] = Field(default_factory=dict, description="--set, by canonical knob name")
    faults: dict[str, str] = Field(default_factory=dict, description="--fault, by name")

    @property
    def where(self) -> str | None:
        """What runs already, as `--target` takes it; None for what a run starts itself."""
        return self.url if self.compose is None else self.compose.words

    @property
    def is_started(self) -> bool:
        """Whether it is started for the run, and ends with it."""
        return self.kind in ("embedded", "source")

    @property
    def keeps_data(self) -> bool:
        """Whether what a run writes is still there when the run is over."""
        return not self.is_started or bool(self.stores)


class CollectorsPlan(PlanPart):
    """How the target is watched."""

    interval: float = Field(default=1.0, ge=1, le=60, description="seconds between two samples of a source")


class Plan(PlanPart):
    scenario: str = "chat"
    arrivals: Arrivals = Field(
        description="of the whole load; of the first measured part if phases have parts"
    )
    phases: Phases = Phases()
    loaders: LoadersPlan = LoadersPlan()
    target: TargetPlan = TargetPlan()
    data: dict[str, Option] = Field(
        default_factory=dict, description="the scenario's options, all of them, defaults filled in"
    )
    session: dict[str, object] = Field(default_factory=dict, description="KATO config of every session")
    corpus: str | None = Field(default=None, description="path of the user's own corpus; null = built in")
    objectives: list[str] = Field(default_factory=list)
    connections: int | None = Field(
        default=None, gt=0, description="most connections open to the target at once; null = what it takes"
    )
    timeout: float = Field(default=30.0, gt=0, description="seconds until a request counts as timed out")
    collectors: CollectorsPlan = CollectorsPlan()
    seed: int = 1
    tags: dict[str, str] = Field(default_factory=dict)
    keep_data: bool = False
    verify: bool = Field(
        default=False, description="ask a sample of the predictions again when the load is over, as one user"
    )

    @property
    def sessions(self) -> int:
        """How many sessions the load keeps open; in a closed model each user is one."""
        return self.users or int(self.data["sessions"])

    @field_validator("data")
    @classmethod
    def _counts_are_whole(cls, data: dict[str, Option]) -> dict[str, Option]:
        for name in _COUNTS & data.keys():
            if isinstance(data[name], bool) or not isinstance(data[name], int):
                raise ValueError(f"{name} is a whole number")
        return data

    @model_validator(mode="after")
    def _arrivals_are_those_of_the_parts(self) -> Plan:
        if not self.phases.parts:
            if self.arrivals.course is not None:
                raise ValueError(f"{self.arrivals.kind} arrivals belong to parts of the phases")
        elif self.arrivals != self.measured[0].arrivals:
            raise ValueError("the plan's arrivals are not those of its first measured part")
        return self

    @property
    def parts(self) -> tuple[Part, ...]:
        """The load from its beginning to its end: the parts of the phases, or the phases themselves."""
        lengths = {"warmup": self.phases.warmup, "measure": self.phases.measure}
        return self.phases.parts or tuple(
            Part.model_validate({"phase": phase, "seconds": seconds, "arrivals": self.arrivals})
            for phase, seconds in lengths.items()
            if seconds
        )

    @property
    def measured(self) -> tuple[Part, ...]:
        return tuple(part for part in self.parts if part.phase == "measure")

    @property
    def closed(self) -> bool:
        """Whether answers decide when the next requests are due."""
        return self.arrivals.closed

    @property
    def users(self) -> int | None:
        """Most users of a closed model at once; None for an open one."""
        return max((part.arrivals.users for part in self.parts if part.arrivals.users), default=None)

    @property
    def peak(self) -> float | None:
        """The highest rate of the whole load; None where it is not known beforehand."""
        peaks = [part.arrivals.peak for part in self.parts]
        return None if None in peaks else max(peak for peak in peaks if peak is not None)

    @property
    def stationary(self) -> bool:
        """Whether the measured load is an open model of one rate that does not change."""
        first = self.arrivals
        unchanging = first.kind in ("poisson", "constant")
        return unchanging and all(part.arrivals == first for part in self.measured)

    @property
    def rate(self) -> float | None:
        """Mean requests per second of the measured load; None for a closed model."""
        if self.closed or self.stationary:
            return self.arrivals.rate
        due = [part.arrivals.expected(part.seconds) for part in self.measured]
        return math.fsum(one or 0.0 for one in due) / self.phases.measure


def load_of(parts: Sequence[Part], drain: float | None = None) -> tuple[Arrivals, Phases]:
    """What a plan says of a load in parts: itself where it changes or has names, else plain phases.

    Raises ValueError (pydantic's) for parts that no plan may have, and where nothing is measured."""
    first = next((part for part in parts if part.phase == "measure"), None)
    if first is None:
        raise ValueError("no part is measured")
    plain = first.arrivals.course is None and all(
        part.name is None and part.arrivals == first.arrivals for part in parts
    )
    lengths: dict[str, Any] = {phase: _seconds(parts, phase) for phase in ("warmup", "measure")}
    if drain is not None:
        lengths["drain"] = drain
    return first.arrivals, Phases(**lengths, parts=() if plain else tuple(parts))


def _seconds(parts: Sequence[Part], phase: str) -> float:
    return math.fsum(part.seconds for part in parts if part.phase == phase)


def load_shape(plan: Plan) -> dict[str, Any]:
    """What two plans must share before the targets they load may be compared: scenario, arrivals, phases,
    data, session config and timeout.

    Left out, besides what changes no measurement: the target, which is what is compared; the connections,
    which follow its workers; the loaders, because any number of them sends the same; the paths of corpus and
    trace, because hashes of their content are compared."""
    shared = {"scenario", "arrivals", "phases", "data", "session", "timeout"}
    return comparable_dump(plan.model_dump(mode="json", include=shared))


def comparable_dump(dumped: dict[str, Any]) -> dict[str, Any]:
    """A dumped plan without what only some versions know and it does not use, and without a trace's path:
    records of older versions stay comparable, on other machines too. Changes what it is given."""
    phases = dumped["phases"]
    if not phases.get("parts"):
        phases.pop("parts", None)
    if dumped.get("collectors") == CollectorsPlan().model_dump(mode="json"):
        del dumped["collectors"]
    for arrivals in (dumped["arrivals"], *(part["arrivals"] for part in phases.get("parts", ()))):
        if arrivals["course"] is None:
            del arrivals["course"]
        else:
            arrivals["course"].pop("file", None)
    return dumped


def session_value(text: str) -> object:
    """A session config value as `--session` takes it: JSON where it is JSON (numbers, true, lists), else the
    text itself. Raises ValueError for a number that JSON cannot hold, RecursionError for endless nesting."""
    try:
        value: object = json.loads(text)
    except ValueError:
        return text
    # Python reads NaN, and 1e999 as infinity, but no JSON may hold them.
    json.dumps(value, allow_nan=False)
    return value
