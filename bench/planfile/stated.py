"""What a plan file states, before flags and defaults fill in the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.errors import UsageError
from bench.plan import Option, Part, TargetPlan
from bench.planfile.locate import Path


@dataclass(frozen=True)
class Loaders:
    """Who is to generate the load, in the words of the flags; None: not said."""

    processes: int | None = None
    expect_workers: int | None = None
    master_bind: str | None = None
    worker_wait: float | None = None


@dataclass(frozen=True)
class PlanFile:
    """None, or empty: the file says nothing of it. `name`: how sentences call the file; `lines`: where each
    of its values stands. `corpus` is a path that does not depend on the current folder."""

    name: str
    parts: tuple[Part, ...]
    lines: Mapping[Path, int] = field(default_factory=dict)
    scenario: str | None = None
    seed: int | None = None
    timeout: float | None = None
    drain: float | None = None
    connections: int | None = None
    interval: float | None = None
    loaders: Loaders | None = None
    corpus: str | None = None
    keep_data: bool | None = None
    verify: bool | None = None
    objectives: Sequence[str] = ()
    target: TargetPlan | None = None
    data: Mapping[str, Option] = field(default_factory=dict)
    session: Mapping[str, object] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def place(self, *path: str | int) -> str:
        """Where a value stands: `plan.toml, line 12`."""
        return place(self.name, self.lines, path)


def place(name: str, lines: Mapping[Path, int], path: Path) -> str:
    """Where the innermost part of a path that the file has stands."""
    while path and path not in lines:
        path = path[:-1]
    return f"{name}, line {lines[path]}" if path else name


@contextmanager
def told_at(where: str, flag: str = "") -> Iterator[None]:
    """A refusal in here begins with the place in the file, instead of with the flag that says the same."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{where}: {str(error).removeprefix(flag).lstrip(': ')}") from error
