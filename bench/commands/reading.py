"""`list` and `show`: what was recorded."""

from __future__ import annotations

import json
import sys

import typer

from bench.commands import options

app = typer.Typer()


@app.command("list")
def list_(out: options.Out = None, json_: options.Json = False) -> None:
    """List the recorded runs, newest first."""
    from bench.record.folder import list_runs
    from bench.record.reader import RunRecord
    from bench.report.model import list_row

    rows = [list_row(RunRecord(folder)) for folder in list_runs(out)]
    if json_:
        from dataclasses import asdict

        print(json.dumps({"runs": [asdict(row) for row in rows]}, default=str))
    else:
        from bench.report.terminal import print_list

        print_list(rows, sys.stdout)


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
