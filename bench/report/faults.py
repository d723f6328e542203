"""The list of faults that `--fault` takes, for people and for scripts."""

from __future__ import annotations

import json
import sys
from typing import Any, TextIO

from rich import box
from rich.table import Table
from rich.text import Text

from bench.errors import ExitCode
from bench.report.screen import console_for
from bench.targets.embedded.faults import FAULTS, Fault
from bench.targets.embedded.faults.values import ON


def show(*, as_json: bool) -> int:
    """Print the list on stdout; the exit code."""
    if as_json:
        print(json.dumps(listed()))
    else:
        print_faults(sys.stdout)
    return ExitCode.OK


def print_faults(file: TextIO) -> None:
    """One row a fault: how it is written, what it does, and what shows it."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False)
    table.add_column("--fault", no_wrap=True)
    table.add_column("what it does, and what shows it", overflow="fold", ratio=1)
    for fault in FAULTS.values():
        table.add_row(
            Text(_written(fault)),
            Text.assemble(fault.meaning, "\n", (_details(fault), "dim")),
        )
    console = console_for(file)
    console.print(table)
    console.print(
        "A default may be left out: --fault stall is --fault stall=10s. Give --fault as often as you like."
    )


def listed() -> list[dict[str, Any]]:
    return [
        {
            "name": fault.name,
            "value": fault.form.words,
            "default": fault.default,
            "example": fault.shown_example,
            "meaning": fault.meaning,
            "carrier": fault.carrier,
            "signature": fault.signature,
        }
        for fault in FAULTS.values()
    ]


def _details(fault: Fault) -> str:
    takes = "" if fault.default == ON else f"\n{fault.form.words}"
    return f"→ {fault.signature} [{fault.carrier}]{takes}"


def _written(fault: Fault) -> str:
    value = fault.default or fault.example
    return fault.name if value == ON else f"{fault.name}={value}"
