"""What `kato-bench inspect` does beyond parsing: find the deployment, review it, say so."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from bench.choosing import choose
from bench.errors import ExitCode, UsageError, decisive
from bench.flags import RunFlags, target_plan
from bench.foreground import interrupt, interruptible, say
from bench.inspection.findings import Inspection
from bench.inspection.inspect import PATIENCE, inspect
from bench.limits import within
from bench.plan import Arrivals, Plan
from bench.supervision.supervisor import Supervisor

#: Limits of --patience.
_LEAST, _MOST = 0.1, 600
#: Share of the patience in which each system must first say that it is there.
_FIRST = 0.6


def inspect_target(flags: RunFlags, patience: float | None = None, *, as_json: bool) -> ExitCode:
    """Review the deployment that the flags name, print what was found on stdout, and return the exit code. An
    embedded one is started for it, and ended. `patience`: seconds that all questions may take. Raises
    BenchError."""
    seconds = PATIENCE if patience is None else patience
    within("--patience", seconds, _LEAST, _MOST, "seconds")
    if flags.target is None and flags.kato_source is None:
        raise UsageError(
            "There is nothing to inspect: name a URL such as http://localhost:8000, embedded, or "
            "--kato-source DIR."
        )
    # Nothing is loaded, so that the rest of a plan says nothing.
    plan = Plan(arrivals=Arrivals(kind="closed", users=1), data={"nodes": 0}, target=target_plan(flags))
    with (
        Supervisor() as supervisor,
        interruptible(interrupt),
        tempfile.TemporaryDirectory(prefix="kato-bench-", ignore_cleanup_errors=True) as folder,
    ):
        target = choose(plan, supervisor, Path(folder), say, looking=_FIRST * seconds)
        try:
            inspection = inspect(target.start(), seconds)
        finally:
            target.close()
    _print(inspection, as_json=as_json)
    return exit_code(inspection)


def exit_code(inspection: Inspection) -> ExitCode:
    """What an inspection says to the checklist that asked for it."""
    codes = []
    if inspection.unreachable:
        codes.append(ExitCode.UNREACHABLE)
    if inspection.dangerous:
        codes.append(ExitCode.OBJECTIVE)
    return decisive(codes)


def _print(inspection: Inspection, *, as_json: bool) -> None:
    if as_json:
        from bench.report.inspection import as_json as machine_readable

        print(json.dumps(machine_readable(inspection), default=str))
    else:
        from bench.report.inspection import print_inspection

        print_inspection(inspection, sys.stdout)
