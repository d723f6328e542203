"""`report`: the page of a recorded run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bench.commands import options

app = typer.Typer()


@app.command()
def report(
    run: options.Run = "latest",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="file to write [default: derived/report.html of the run]"),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="show it in the browser")] = False,
    out: options.Out = None,
    json_: options.Json = False,
) -> None:
    """Write what a run measured as one HTML file that needs no network, and print where it is."""
    from bench.record.folder import find_run
    from bench.record.reader import read_intact
    from bench.report import html

    record = read_intact(find_run(run, out))
    path = html.write(record, output)
    if json_:
        print(json.dumps({"run": record.manifest.run, "report": str(path), "bytes": path.stat().st_size}))
    else:
        print(path)
    if open_:
        import webbrowser

        webbrowser.open(path.absolute().as_uri())
