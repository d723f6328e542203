"""Result files of capacity commands: `results/capacity/<utc>-<kind>-<4 letters>.json`.

They hold what the plan needs and what a reader wants to check: every trial with the id of its run. Times are
seconds, rates per second, sizes bytes; null means that the data did not carry a number.
Importing this module imports pydantic.
"""

from __future__ import annotations

import json
import secrets
import string
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.errors import UsageError
from bench.plan import Plan
from bench.record.manifest import MustMatch
from bench.record.writing import replacing, write_failure

SCHEMA_VERSION = 1
DEFAULT_FOLDER = Path("results/capacity")
_STAMP = "%Y-%m-%dT%H-%M-%SZ"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Interval(_Part):
    """A number with its 95 % interval; a null bound is open, a null value unknown."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


class GoalTally(_Part):
    objective: str
    requests: int
    missed: int
    allowed: float = Field(description="share of the requests that may miss it")
    measured: float | None = Field(default=None, description="the bounded statistic, seconds")


class Trial(_Part):
    purpose: Literal["probe", "preflight", "search", "confirm"]
    rate: float
    seconds: float
    held: bool | None = Field(description="every objective was; null: unsound, it decides nothing")
    answered: float = Field(description="successful answers per second")
    soundness: Literal["sound", "qualified", "unsound"]
    reasons: list[str] = Field(default_factory=list)
    conditions: list[str] = Field(default_factory=list, description="codes of the reasons")
    goals: list[GoalTally] = Field(default_factory=list)
    resource: str | None = Field(default=None, description="what binds there, as the advisor sees it")
    utilisation: float | None = None
    run: str | None = None


class _Result(_Part):
    schema_version: int = SCHEMA_VERSION
    id: str
    created: datetime
    kato_bench: str
    plan: Plan = Field(description="of every run, but for rate, length, size and seed")
    machine: MustMatch | None = Field(default=None, description="of the first run")
    live_knobs: dict[str, str | int | float | bool | None] = Field(default_factory=dict)
    ended: str = Field(description="complete, or why it ended before")
    reason: str | None = None
    seconds: float = Field(description="wall clock of the whole command")
    notes: list[str] = Field(default_factory=list)


class SearchResult(_Result):
    """The interval of the capacity: every objective held at `low`, one was missed at `high`."""

    kind: Literal["search"] = "search"
    objectives: list[str]
    low: float | None
    high: float | None = Field(description="null: nothing failed, the capacity is `low` or more")
    expected: float | None = Field(
        description="rate at which a resource would be full, by the utilisation law"
    )
    binding_objective: str | None = None
    binding_resource: str | None = None
    binding: str | None = Field(default=None, description="the advisor's sentence at the lowest failing load")
    recommended: float | None = Field(description="rate to plan with, confirmed by a longer trial")
    trial_seconds: float
    trials: list[Trial]


class LawFit(_Part):
    """`value = a + b · size ** c`, by `name`: constant (b 0), linear (a 0 or more, c 1), power (a 0), or
    affine power."""

    name: Literal["constant", "linear", "power", "affine power"]
    a: float
    b: float
    c: float
    error: float | None = Field(description="typical miss at a size that was left out, as a share")
    sentence: str


class Series(_Part):
    """A statistic over sizes and the law through it. `values` by the order of `GrowthResult.sizes`."""

    metric: str = Field(description='such as "service p50(predict)"')
    unit: Literal["s", "bytes"]
    values: list[Interval]
    law: LawFit | None = None


class Break(_Part):
    """Learned patterns per node at which an objective is missed without any load worth the name."""

    objective: str
    sizes: Interval
    at_least: float | None = Field(default=None, description="no break up to here; beyond it nothing is said")
    sentence: str


class Slope(_Part):
    """Bytes that one more costs, by regression over what was measured."""

    metric: str
    per: Literal["pattern", "session"]
    source: str = Field(description="where it was read")
    base: float | None = None
    bytes: Interval
    points: list[tuple[float, float]] = Field(description="(patterns or sessions, bytes)")


class SizeRun(_Part):
    patterns: int = Field(description="per node")
    sessions: int
    rate: float
    seconds: float
    utilisation: float | None
    soundness: Literal["sound", "qualified", "unsound"]
    reasons: list[str] = Field(default_factory=list)
    conditions: list[str] = Field(default_factory=list, description="codes of the reasons")
    run: str | None = None


class GrowthResult(_Result):
    kind: Literal["growth"] = "growth"
    sizes: list[int]
    nodes: int
    runs: list[SizeRun]
    series: list[Series]
    breaks: list[Break]
    memory: list[Slope]

    def slope(self, metric: str) -> Slope | None:
        return next((one for one in self.memory if one.metric == metric), None)

    def law(self, metric: str) -> Series | None:
        return next((one for one in self.series if one.metric == metric), None)


Result = TypeVar("Result", SearchResult, GrowthResult)


def folder_of(out: Path | None) -> Path:
    """Where results go: below the folder of the runs where one is named."""
    return DEFAULT_FOLDER if out is None else out / "capacity"


def new_id(kind: str, created: datetime) -> str:
    letters = "".join(secrets.choice(string.ascii_lowercase) for _ in range(4))
    return f"{created.astimezone(UTC).strftime(_STAMP)}-{kind}-{letters}"


def write(folder: Path, name: str, text: str) -> Path:
    """Put a file into the folder, complete or not at all. Raises UsageError if it cannot be written."""
    path = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise UsageError(f"{write_failure(folder, error)}; name another folder with --out.") from error
    return path


def require_writable(folder: Path) -> None:
    """Not after a quarter of an hour of measuring. Raises UsageError where a result could not be kept."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"{write_failure(folder, error)}; name another folder with --out.") from error


def write_result(folder: Path, result: SearchResult | GrowthResult) -> Path:
    return write(folder, f"{result.id}.json", result.model_dump_json(indent=2) + "\n")


def read(path: Path, model: type[Result]) -> Result:
    """A result file. Raises UsageError if there is none, or if it is broken, newer or of the other kind."""
    kind = model.model_fields["kind"].default
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        if found["kind"] != kind:
            raise UsageError(f"{path} holds a capacity {found['kind']}, not a {kind}; name the right file.")
        if found["schema_version"] > SCHEMA_VERSION:
            raise UsageError(f"{path} is of a newer kato-bench; update kato-bench.")
        return model.model_validate(found)
    except IsADirectoryError:
        raise UsageError(f"{path} is a folder; name the file of a capacity {kind} in it.") from None
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist; make one with `kato-bench capacity {kind}`.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise UsageError(f"{path} is no capacity {kind}: {where}: {first['msg']}.") from error
    except RecursionError:
        raise UsageError(
            f"{path} is no result of `kato-bench capacity {kind}`: it is nested too deeply."
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no result of `kato-bench capacity {kind}`: {error}.") from error


def latest(
    folder: Path, model: type[Result], like: Plan | None = None
) -> tuple[Result | None, tuple[str, ...]]:
    """The newest result of its kind that carries something, and what was passed over because it cannot be
    read. `like`: a newest one of the same deployment and load is preferred; without any, the newest is."""
    kind = model.model_fields["kind"].default
    unreadable: list[str] = []
    newest: Result | None = None
    for path in sorted(folder.glob(f"*-{kind}-[a-z][a-z][a-z][a-z].json"), reverse=True):
        try:
            result = read(path, model)
        except UsageError as error:
            unreadable.append(f"Passed over: {error}")
            continue
        if not usable(result):
            continue
        if like is None or alike(result.plan, like):
            return result, tuple(unreadable)
        newest = newest or result
    return newest, tuple(unreadable)


def alike(one: Plan, other: Plan) -> bool:
    """Do they ask the same of the same deployment, in whatever amount?"""
    return (one.scenario, one.session, one.target) == (other.scenario, other.session, other.target)


def usable(result: SearchResult | GrowthResult) -> bool:
    """Whether a plan can be built on it: an interrupted command may have found nothing yet."""
    return result.low is not None if isinstance(result, SearchResult) else bool(result.series)
