"""`advise`: what recorded runs say should be changed."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.commands import options

app = typer.Typer()


@app.command()
def advise(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN",
            help="each an id, its last four letters, a prefix, a path, or latest [default: latest]",
        ),
    ] = None,
    out: options.Out = None,
    json_: options.Json = False,
) -> None:
    """Say what to change, why, and how, from recorded runs; keep it with the last of them."""
    import sys

    from bench.advising import advise_on
    from bench.record import advice
    from bench.record.folder import find_run
    from bench.record.reader import RunRecord
    from bench.report.advice import print_advice

    folders = list(dict.fromkeys(find_run(run, out) for run in runs or ["latest"]))
    advised = advise_on(folders)
    if json_:
        print(advised.model_dump_json())
    else:
        plan = RunRecord(folders[-1]).manifest.plan
        print_advice(advised, folders[-1] / advice.PATCHES, plan, sys.stdout)
