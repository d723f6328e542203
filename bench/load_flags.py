"""The load that flags and a plan file ask for together: arrivals and phases.

A file's load is in parts. --warmup and --duration give the phases other lengths, and each part keeps its
share; --rate, --users, --think and --arrivals put one load in the place of all parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from bench.errors import UsageError
from bench.limits import LONGEST, MOST_USERS, require_rate, within
from bench.plan import Arrivals, Part, Phases, load_of
from bench.planfile.arrivals import told

if TYPE_CHECKING:
    from bench.flags import RunFlags
    from bench.loadgen.catalogue import Scenario
    from bench.planfile.stated import PlanFile


def load_from(scenario: Scenario, flags: RunFlags, file: PlanFile | None) -> tuple[Arrivals, Phases]:
    """Raises UsageError for flags that do not go together, or not with the file."""
    if file is None:
        lengths = {"warmup": flags.warmup, "measure": flags.duration}
        given: dict[str, Any] = {phase: seconds for phase, seconds in lengths.items() if seconds is not None}
        return _arrivals(scenario, flags), Phases(**given)
    parts: Sequence[Part] = file.parts
    asked = (flags.rate, flags.users, flags.arrivals, flags.think)
    if any(one is not None for one in asked):
        arrivals = _arrivals(scenario, _filled_in(flags, file.parts))
        parts = [part.model_copy(update={"arrivals": arrivals}) for part in parts]
    return load_of(
        [
            *_resized(parts, "warmup", "--warmup", flags.warmup),
            *_resized(parts, "measure", "--duration", flags.duration),
        ],
        drain=file.drain,
    )


def _filled_in(flags: RunFlags, parts: Sequence[Part]) -> RunFlags:
    """The flags with what they leave open taken from the file, where all of its parts have the same load."""
    first = parts[0].arrivals
    same = first if all(part.arrivals == first for part in parts) else None
    if flags.users is None and flags.rate is None:
        wants_users = flags.arrivals == "closed" or flags.arrivals is None
        if same is None or same.course is not None or same.closed != wants_users:
            needed = "--users" if wants_users else "--rate"
            given = "--think" if flags.arrivals is None else f"--arrivals {flags.arrivals}"
            raise UsageError(f"{given} needs {needed}: the plan's own load does not have one for all of it.")
        flags = replace(flags, users=same.users) if wants_users else replace(flags, rate=same.rate)
    if same is not None and same.kind == "constant" and flags.users is None and flags.arrivals is None:
        flags = replace(flags, arrivals="constant")
    if same is not None and same.closed and flags.users is not None and flags.think is None:
        flags = replace(flags, think=same.think)
    return flags


def _resized(parts: Sequence[Part], phase: str, flag: str, seconds: float | None) -> Iterator[Part]:
    """The parts of a phase, each with the same share of another length."""
    mine = [part for part in parts if part.phase == phase]
    if seconds is None:
        yield from mine
        return
    if seconds == 0:
        return
    if not mine:
        raise UsageError(f"{flag} {seconds:g}: the plan has no {phase}; add a [[phase]] to it.")
    total = sum(part.seconds for part in mine)
    for part in mine:
        try:
            yield Part.model_validate({**dict(part), "seconds": part.seconds * seconds / total})
        except ValidationError as error:
            raise UsageError(f"{flag} {seconds:g}: {told(error)}.") from error


def _arrivals(scenario: Scenario, flags: RunFlags) -> Arrivals:
    if flags.users is not None and flags.rate is not None:
        raise UsageError(
            "--rate and --users exclude each other: an open model has a rate, a closed one users."
        )
    if flags.users is not None or flags.arrivals == "closed":
        if flags.users is None:
            raise UsageError("--arrivals closed needs --users N.")
        if not 1 <= flags.users <= MOST_USERS:
            raise UsageError(f"--users {flags.users}: give 1 to {MOST_USERS}.")
        if flags.arrivals not in (None, "closed"):
            raise UsageError(f"--arrivals {flags.arrivals} needs --rate, not --users.")
        think = flags.think or 0.0
        within("--think", think, 0, LONGEST, "seconds")
        return Arrivals(kind="closed", users=flags.users, think=think)
    if flags.think is not None:
        raise UsageError("--think goes with --users: only a closed model has think time.")
    rate = scenario.about["defaults"]["rate"] if flags.rate is None else flags.rate
    require_rate("--rate", rate)
    if flags.arrivals == "constant":
        return Arrivals(kind="constant", rate=rate)
    if flags.arrivals in (None, "poisson"):
        return Arrivals(kind="poisson", rate=rate)
    raise UsageError(
        f"--arrivals {flags.arrivals}: there are poisson, constant and closed; a load that changes takes a "
        "plan file."
    )
