"""`mix`: learn from an access log what a deployment is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import options

app = typer.Typer()


@app.command()
def mix(
    log: Annotated[
        Path,
        typer.Argument(
            metavar="ACCESS.log", help="of KATO (uvicorn) or of a proxy; .gz is unpacked, - is stdin"
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="PLAN.toml", help="write the plan here [default: stdout]"),
    ] = None,
    json_: options.Json = False,
) -> None:
    """Learn the mix of operations from an access log, and write a plan that loads like it."""
    from bench.mixing import learn_mix

    raise typer.Exit(learn_mix(log, out, as_json=json_))
