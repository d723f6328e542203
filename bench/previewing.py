"""What `kato-bench plan` does beyond parsing: put file and flags together, work out, print."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from bench.errors import ExitCode
from bench.flags import DEFAULT_SCENARIO, RunFlags, make_plan
from bench.loadgen.catalogue import Scenario, find
from bench.plan import Plan
from bench.planfile import shipped
from bench.planfile.stated import PlanFile, told_at
from bench.planfile.writing import to_toml
from bench.preview import preview


def plan_from(scenario: str | None, flags: RunFlags, plan: str | None) -> Plan:
    """The plan that a file (or a shipped plan's name), a scenario's name and flags make. Raises
    UsageError."""
    file = shipped.load(plan) if plan is not None else None
    return make_plan(_scenario(scenario, file), flags, file)


def _scenario(name: str | None, file: PlanFile | None) -> Scenario:
    if name is not None or file is None or file.scenario is None:
        return find(name or DEFAULT_SCENARIO)
    with told_at(file.place("scenario")):
        return find(file.scenario)


def show_plan(
    scenario: str | None, flags: RunFlags, *, plan: str | None, as_toml: bool, as_json: bool
) -> ExitCode:
    """Print the effective plan and what it will do; as TOML, the plan alone. Raises UsageError."""
    effective = plan_from(scenario, flags, plan)
    if as_toml:
        print(to_toml(effective), end="")
        return ExitCode.OK
    found = preview(effective, find(effective.scenario).about)
    if as_json:
        print(json.dumps({"plan": effective.model_dump(mode="json"), "preview": asdict(found)}))
    else:
        from bench.report.preview import print_preview

        print_preview(effective, found, sys.stdout)
    return ExitCode.OK
