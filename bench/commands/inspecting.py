"""`inspect`: review a deployment before any load."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.commands import options

app = typer.Typer()


@app.command()
def inspect(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="TARGET",
            help="the URL of a running KATO, or embedded: started for it",
            show_default=False,
        ),
    ] = None,
    redis_url: options.RedisUrl = None,
    qdrant_url: options.QdrantUrl = None,
    clickhouse_url: options.ClickHouseUrl = None,
    kato_source: options.KatoSource = None,
    kato_python: options.KatoPython = None,
    kato_venv: options.KatoVenv = False,
    workers: options.Workers = None,
    profile: options.Profile = None,
    set_: options.Set = [],  # noqa: B006
    fault: options.Fault = [],  # noqa: B006
    patience: Annotated[
        float | None, typer.Option("--patience", help="seconds that all questions may take [default: 2.5]")
    ] = None,
    json_: options.Json = False,
) -> None:
    """Say in seconds, without any load, what a deployment is, how it is set, and what is wrong with that.

    Reads only. Exit code 3 if something is dangerous, 6 if a part does not answer."""
    flags = options.run_flags(locals())
    from bench.inspecting import inspect_target

    raise typer.Exit(inspect_target(flags, patience, as_json=json_))
