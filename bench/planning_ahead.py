"""What `kato-bench capacity plan` does beyond parsing: read results, plan, write the report, print."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from bench import words
from bench.capacity import planning, results
from bench.capacity.limits import Commands, Expected
from bench.capacity.planning import CapacityPlan
from bench.capacity.results import GrowthResult, SearchResult
from bench.errors import ExitCode, UsageError
from bench.knobs.catalogue import find
from bench.knobs.knob import KnobError
from bench.report import capacity_plan as report
from bench.report.capacity import capacity_line, recommended_line
from bench.report.command import follow_up

_DAYS = {"d": 1.0, "w": 7.0, "mo": 365.25 / 12, "y": 365.25}
_HORIZON = re.compile(r"(\d+(?:\.\d+)?)\s*(d|w|mo|y)")
_MOST_DAYS = 3653
#: More than any deployment has, and small enough that nothing computed from it overflows.
_MOST, _MOST_PEAK, _MOST_BYTES = 1e12, 1e4, 2.0**50


@dataclass(frozen=True)
class PlanFlags:
    """The flags as they were typed; None = not given."""

    patterns_per_day: float
    sessions_per_day: float
    horizon: str
    patterns_now: float = 0.0
    nodes: int = 1
    requests_per_session: float | None = None
    peak: float = 3.0
    redis_memory: str | None = None
    disk: str | None = None
    search: Path | None = None
    growth: Path | None = None


def plan(flags: PlanFlags, out: Path | None, *, as_json: bool, today: date | None = None) -> ExitCode:
    """Write the plan in both forms, print it and where it is. Raises BenchError."""
    expected = expectation(flags)
    folder = results.folder_of(out)
    search, growth, notes = _results(flags, folder)
    now = datetime.now(UTC)
    made = planning.plan(
        expected,
        search,
        growth,
        today or now.date(),
        ceiling=_ceiling(search),
        commands=_commands(search, growth),
        notes=notes,
    )
    name = results.new_id("plan", now)
    text = report.markdown(made)
    paths = [
        results.write(folder, f"{name}.md", text),
        results.write(folder, f"{name}.html", report.html(made)),
    ]
    if as_json:
        print(json.dumps(machine_readable(made, paths), default=str))
    else:
        print(text)
        for path in paths:
            print(path)
    return ExitCode.OK


def _results(
    flags: PlanFlags, folder: Path
) -> tuple[SearchResult | None, GrowthResult | None, tuple[str, ...]]:
    """The results named, else the latest: those of one deployment and load, where there are such."""
    growth = results.read(flags.growth, GrowthResult) if flags.growth else None
    search = results.read(flags.search, SearchResult) if flags.search else None
    notes: tuple[str, ...] = ()
    if search is None:
        search, notes = results.latest(folder, SearchResult, growth.plan if growth else None)
    if growth is None:
        growth, more = results.latest(folder, GrowthResult, search.plan if search else None)
        notes += more
    return search, growth, notes


def _commands(search: SearchResult | None, growth: GrowthResult | None) -> Commands:
    """For the deployment that the results are of; on defaults without any."""
    default = Commands()
    searched, grown = search or growth, growth or search
    if searched is None or grown is None:
        return default
    again = follow_up(searched.plan, "search")
    objective = "" if searched.plan.objectives else " --objective 'p95(predict)<80ms'"
    return Commands(again + objective, follow_up(grown.plan, "growth"))


def machine_readable(made: CapacityPlan, paths: Sequence[Path]) -> dict[str, object]:
    """Dates as ISO 8601; `likely` null with `first` set: the limit may be reached within the horizon."""
    first = made.first
    return {
        **asdict(made),
        "first": first.name if first else None,
        "files": [str(path) for path in paths],
    }


def expectation(flags: PlanFlags) -> Expected:
    """Raises UsageError with one sentence for what is out of range."""
    at_least_zero = (
        ("--patterns-per-day", flags.patterns_per_day),
        ("--sessions-per-day", flags.sessions_per_day),
        ("--patterns-now", flags.patterns_now),
        ("--requests-per-session", flags.requests_per_session or 0.0),
    )
    for flag, number in at_least_zero:
        if not 0 <= number <= _MOST:
            raise UsageError(f"{flag} {number:g}: give a number from 0 to {_MOST:.0e}.")
    if not 1 <= flags.nodes <= _MOST:
        raise UsageError(f"--nodes {flags.nodes}: give a number from 1 to {_MOST:.0e}.")
    if not 1 <= flags.peak <= _MOST_PEAK:
        raise UsageError(
            f"--peak {flags.peak:g}: the busiest hour has at least the mean rate; give a number from 1 to "
            f"{_MOST_PEAK:g}."
        )
    return Expected(
        patterns_per_day=flags.patterns_per_day,
        sessions_per_day=flags.sessions_per_day,
        horizon_days=horizon_days(flags.horizon),
        patterns_now=flags.patterns_now,
        nodes=flags.nodes,
        requests_per_session=flags.requests_per_session,
        peak=flags.peak,
        redis_memory=_size("--redis-memory", flags.redis_memory),
        disk=_size("--disk", flags.disk),
    )


def horizon_days(text: str) -> int:
    """`90d`, `26w`, `12mo` or `2y` in days."""
    match = _HORIZON.fullmatch(text.strip().lower())
    days = float(match[1]) * _DAYS[match[2]] if match else 0.0
    if not 1 <= days <= _MOST_DAYS:
        raise UsageError(f"--horizon {text}: give a length from 1d to 10y, such as 90d, 26w, 12mo or 2y.")
    return round(days)


def _size(flag: str, text: str | None) -> float | None:
    """A size as Redis spells it: 8gb, 512mb, 2g."""
    if text is None:
        return None
    try:
        size = float(find("redis.maxmemory").read(text))
    except (KnobError, ValueError, OverflowError):
        # Python refuses numbers of thousands of digits with a ValueError.
        size = 0.0
    if not 0 < size <= _MOST_BYTES:
        raise UsageError(
            f"{flag} {text[:40]}: give a size above 0, up to {words.size(_MOST_BYTES)}, such as 512mb or 8gb."
        )
    return size


def _ceiling(search: SearchResult | None) -> str | None:
    if search is None:
        return None
    return " ".join(
        sentence for sentence in (capacity_line(search), search.binding, recommended_line(search)) if sentence
    )
