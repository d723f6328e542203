"""`list` and `show`: what was recorded."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from bench.commands import options

app = typer.Typer()


@app.command("list")
def list_(
    every: Annotated[
        bool, typer.Option("--all", help="those too that are steps of a gate, a search or a growth")
    ] = False,
    out: options.Out = None,
    json_: options.Json = False,
) -> None:
    """List the recorded runs, newest first."""
    from bench.record.folder import list_runs
    from bench.record.origin import is_inner
    from bench.record.reader import RunRecord
    from bench.report.model import list_row

    runs = list_runs(out)
    shown = runs if every else [folder for folder in runs if not is_inner(folder)]
    rows = [list_row(RunRecord(folder)) for folder in shown]
    if json_:
        from dataclasses import asdict

        print(json.dumps({"runs": [asdict(row) for row in rows]}, default=str))
    else:
        from bench.report.terminal import print_list

        print_list(rows, sys.stdout)
        if hidden := len(runs) - len(shown):
            many = "1 more is a step" if hidden == 1 else f"{hidden} more are steps"
            print(f"{many} of a gate, a search or a growth: --all")


@app.command()
def show(run: options.Run = "latest", out: options.Out = None, json_: options.Json = False) -> None:
    """Show what a recorded run measured."""
    from bench.record.folder import find_run
    from bench.record.reader import RunRecord
    from bench.running import print_record

    record = RunRecord(find_run(run, out))
    if record.manifest.status == "finished":
        for complaint in record.verify():
            print(f"kato-bench: {complaint}", file=sys.stderr)
    print_record(record, as_json=json_)
