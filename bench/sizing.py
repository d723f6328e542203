"""What the capacity commands do beyond parsing: measure for the controllers, keep their results, print."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from advisor.bottleneck import rank
from advisor.from_record import evidence_of
from bench import __version__
from bench.capacity import goals as goals_of
from bench.capacity import laws, results
from bench.capacity.goals import Goal
from bench.capacity.growth import GrowthOutcome, GrowthRuns, SizeOutcome, parse_bounds, parse_sizes
from bench.capacity.measured_size import size_outcome
from bench.capacity.observe import trial_outcome
from bench.capacity.search import Search, SearchOutcome, SearchSettings
from bench.capacity.trials import TrialOutcome
from bench.errors import ExitCode, UsageError, decisive
from bench.flags import RunFlags, make_plan, pairs
from bench.foreground import interruptible, say
from bench.gate.objectives import Objective
from bench.limits import SHORTEST, require_rate, seconds_of, within
from bench.loadgen.catalogue import Scenario, find, option_values
from bench.measuring import Measure, measure
from bench.plan import Plan
from bench.record.manifest import Manifest
from bench.record.reader import RunRecord
from bench.report import capacity as report
from bench.stats.growth import FEWEST_SIZES

_LONGEST_TRIAL = 3600.0


@dataclass(frozen=True)
class SearchFlags:
    """The flags of `capacity search` that `run` has not; None = not given."""

    max_rate: float | None = None
    trial: float | None = None
    width: float = 0.05
    budget: str = "15m"
    confirm: float = 30.0


class Measuring:
    """Runs of one command: each with a seed of its own, marked with the command's id, and the first one's
    facts kept for the result."""

    def __init__(self, plan: Plan, result_id: str, measure_run: Measure) -> None:
        self._plan = plan.model_copy(update={"tags": {**plan.tags, "capacity": result_id}})
        self._measure = measure_run
        self._made = 0
        self.first: Manifest | None = None
        self.stop = threading.Event()

    def run(self, **changes: Any) -> RunRecord:
        """Measure the plan with some of its parts replaced. Raises KeyboardInterrupt once asked to stop."""
        if self.stop.is_set():
            raise KeyboardInterrupt
        # The same arrivals twice would be one measurement, told twice.
        plan = self._plan.model_copy(update={"seed": self._plan.seed + self._made, **changes})
        self._made += 1
        record = self._measure(plan)
        self.first = self.first or record.manifest
        return record

    def facts(self) -> dict[str, Any]:
        """What a result says of the machine and the settings it was measured on."""
        if self.first is None:
            return {}
        return {"machine": self.first.fingerprint.must_match, "live_knobs": self.first.live_knobs}


def search(
    scenario_name: str, flags: RunFlags, chosen: SearchFlags, out: Path | None, *, as_json: bool
) -> ExitCode:
    """Search, keep the result, print it, and return the exit code. Raises BenchError."""
    scenario = find(scenario_name)
    goals = goals_of.parse(flags.objective, scenario.about["operations"])
    settings = _settings(scenario, flags, chosen)
    plan = make_plan(scenario, replace(flags, rate=settings.start))
    created = datetime.now(UTC)
    results.require_writable(results.folder_of(out))
    result_id = results.new_id("search", created)
    measuring = Measuring(plan, result_id, lambda plan: measure(plan, base=out))

    def trial(rate: float, seconds: float) -> TrialOutcome:
        record = measuring.run(
            arrivals=plan.arrivals.model_copy(update={"rate": rate}),
            phases=plan.phases.model_copy(update={"measure": seconds}),
        )
        return trial_outcome(record, goals, ceiling_of)

    with interruptible(measuring.stop.set):
        outcome = Search(goals, settings, trial, say=say).run()
    result = search_result(outcome, plan, result_id, created, measuring)
    path = results.write_result(results.folder_of(out), result)
    if as_json:
        print(result.model_dump_json())
    else:
        report.print_search(result, path, sys.stdout)
    if outcome.error is not None:
        raise outcome.error
    return search_exit(outcome)


def ceiling_of(record: RunRecord) -> float | None:
    """Requests per second at which the resource that would bind first is full; None if that is not known."""
    evidence = evidence_of(record)
    first = next(iter(rank(evidence)), None) if evidence is not None else None
    return first.ceiling if first is not None else None


def search_result(
    outcome: SearchOutcome, plan: Plan, result_id: str, created: datetime, measuring: Measuring
) -> results.SearchResult:
    return results.SearchResult(
        id=result_id,
        created=created,
        kato_bench=__version__,
        plan=plan,
        **measuring.facts(),
        ended=outcome.ended,
        reason=outcome.reason,
        seconds=outcome.seconds,
        notes=outcome.notes,
        objectives=[goal.text for goal in outcome.goals],
        low=outcome.low,
        high=outcome.high,
        expected=outcome.expected,
        binding_objective=outcome.binding_goal.text if outcome.binding_goal else None,
        binding_resource=outcome.binding.resource if outcome.binding else None,
        binding=outcome.binding.sentence if outcome.binding else None,
        recommended=outcome.recommended,
        trial_seconds=outcome.trial_seconds,
        trials=[_trial(trial.purpose, trial.outcome, trial.held, outcome.goals) for trial in outcome.trials],
    )


def search_exit(outcome: SearchOutcome) -> ExitCode:
    """3 where the objectives hold at no load worth the name; 5 where the trials did not settle both ends."""
    codes = []
    if outcome.ended == "interrupted":
        codes.append(ExitCode.INTERRUPTED)
    unsettled = outcome.high is None or not outcome.low_settled
    if outcome.ended == "unsound" or (outcome.ended == "budget" and unsettled):
        codes.append(ExitCode.INCONCLUSIVE)
    if outcome.ended == "refused" or (outcome.ended == "complete" and outcome.low is None):
        codes.append(ExitCode.OBJECTIVE)
    return decisive(codes)


#: Rate that the smallest size is asked at, unless the scenario's own is lower.
GROWTH_RATE = 10.0
PATTERNS, SESSIONS, NODES = "patterns", "sessions", "nodes"


def growth(
    scenario_name: str, flags: RunFlags, sizes_text: str, out: Path | None, *, as_json: bool
) -> ExitCode:
    """Measure the sizes, keep the result, print it, and return the exit code. Raises BenchError."""
    scenario = find(scenario_name)
    sizes = _sizes(scenario, sizes_text)
    bounds = parse_bounds(flags.objective, scenario.about["operations"])
    start = min(GROWTH_RATE, scenario.about["defaults"]["rate"]) if flags.rate is None else flags.rate
    data, given = list(flags.data), pairs("--data", flags.data)
    if PATTERNS in given:
        raise UsageError(f"--data {PATTERNS}: growth goes through sizes itself; say which with --sizes.")
    if NODES not in given:
        # Cost depends on the patterns of a node: more nodes would only take longer to teach.
        data.append(f"{NODES}=1")
    plan = make_plan(
        scenario,
        replace(flags, rate=start, arrivals="constant", data=[*data, f"{PATTERNS}={sizes[0]}"]),
    )
    created = datetime.now(UTC)
    results.require_writable(results.folder_of(out))
    result_id = results.new_id("growth", created)
    measuring = Measuring(plan, result_id, lambda plan: measure(plan, base=out))

    def size(patterns: int, sessions: int, rate: float, seconds: float) -> SizeOutcome:
        wanted = {PATTERNS: patterns, **({SESSIONS: sessions} if SESSIONS in plan.data else {})}
        record = measuring.run(
            data={**plan.data, **wanted},
            arrivals=plan.arrivals.model_copy(update={"rate": rate}),
            phases=plan.phases.model_copy(update={"measure": seconds}),
        )
        return size_outcome(record, patterns, sessions, bounds)

    own = plan.data.get(SESSIONS)
    runs = GrowthRuns(sizes, bounds, start, int(own) if own is not None else None, size, say=say)
    began = time.monotonic()
    with interruptible(measuring.stop.set):
        outcome = runs.run()
    result = growth_result(
        outcome, bounds, plan, result_id, created, measuring, seconds=time.monotonic() - began
    )
    path = results.write_result(results.folder_of(out), result)
    if as_json:
        print(result.model_dump_json())
    else:
        report.print_growth(result, path, sys.stdout)
    if outcome.error is not None:
        raise outcome.error
    return growth_exit(outcome)


def growth_result(
    outcome: GrowthOutcome,
    bounds: Sequence[Objective],
    plan: Plan,
    result_id: str,
    created: datetime,
    measuring: Measuring,
    *,
    seconds: float,
) -> results.GrowthResult:
    nodes = int(plan.data.get(NODES, 1))
    return results.GrowthResult(
        id=result_id,
        created=created,
        kato_bench=__version__,
        plan=plan,
        **measuring.facts(),
        ended=outcome.ended,
        reason=outcome.reason,
        seconds=seconds,
        notes=outcome.notes,
        sizes=[run.patterns for run in outcome.sizes],
        nodes=nodes,
        runs=[_size_run(run) for run in [*outcome.sizes, *outcome.sessions[1:]]],
        series=laws.series(outcome),
        breaks=laws.breaks(outcome, bounds),
        memory=laws.memory(outcome, nodes),
    )


def growth_exit(outcome: GrowthOutcome) -> ExitCode:
    """5 where too few sizes could be measured for a law."""
    codes = []
    if outcome.ended == "interrupted":
        codes.append(ExitCode.INTERRUPTED)
    if outcome.ended == "complete" and len(outcome.sizes) < FEWEST_SIZES:
        codes.append(ExitCode.INCONCLUSIVE)
    return decisive(codes)


def _sizes(scenario: Scenario, text: str) -> tuple[int, ...]:
    if PATTERNS not in scenario.about["options"]:
        raise UsageError(
            f"--scenario {scenario.name}: growth needs a scenario that learns before it is measured, with an "
            f"option {PATTERNS}; chat has one."
        )
    sizes = parse_sizes(text)
    for size in sizes:
        option_values(scenario.about, {PATTERNS: str(size)})
    return sizes


def _size_run(run: SizeOutcome) -> results.SizeRun:
    return results.SizeRun(
        patterns=run.patterns,
        sessions=run.sessions,
        rate=run.rate,
        seconds=run.seconds,
        utilisation=run.utilisation,
        soundness=run.level,
        reasons=list(run.reasons),
        conditions=list(run.conditions),
        run=run.run,
    )


def _settings(scenario: Scenario, flags: RunFlags, chosen: SearchFlags) -> SearchSettings:
    if chosen.max_rate is not None:
        require_rate("--max-rate", chosen.max_rate)
    if chosen.trial is not None:
        within("--trial", chosen.trial, SHORTEST, _LONGEST_TRIAL, "seconds")
    within("--confirm", chosen.confirm, 0, _LONGEST_TRIAL, "seconds (0 leaves the confirmation out)")
    if not 0.01 <= chosen.width <= 0.5:
        raise UsageError(f"--width {chosen.width:g}: give a share from 0.01 to 0.5.")
    return SearchSettings(
        start=scenario.about["defaults"]["rate"] if flags.rate is None else flags.rate,
        trial=chosen.trial,
        width=chosen.width,
        max_rate=chosen.max_rate or math.inf,
        budget=seconds_of("--budget", chosen.budget),
        confirm=chosen.confirm,
    )


def _trial(purpose: str, outcome: TrialOutcome, held: bool | None, goals: Sequence[Goal]) -> results.Trial:
    return results.Trial.model_validate(
        {
            "purpose": purpose,
            "rate": outcome.rate,
            "seconds": outcome.seconds,
            "held": held,
            "answered": outcome.answered,
            "soundness": outcome.level,
            "reasons": list(outcome.reasons),
            "conditions": list(outcome.conditions),
            "goals": [
                results.GoalTally(
                    objective=goal.text,
                    requests=tally.requests,
                    missed=tally.missed,
                    allowed=goal.budget,
                    measured=measured if measured is not None and math.isfinite(measured) else None,
                )
                for goal, tally, measured in zip(goals, outcome.tallies, outcome.times, strict=True)
            ],
            "resource": outcome.binding.resource if outcome.binding else None,
            "utilisation": outcome.binding.utilisation if outcome.binding else None,
            "run": outcome.run,
        }
    )
