"""`capacity search`, `growth` and `plan`: how much a deployment carries, now and later."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.commands import options

app = typer.Typer()
capacity = typer.Typer(no_args_is_help=True, help="How much a deployment carries, and until when.")
app.add_typer(capacity, name="capacity")


@capacity.command()
def search(
    objective: options.Objective = [],  # noqa: B006
    scenario: options.Scenario = "chat",
    target: options.Target = "embedded",
    rate: Annotated[
        float | None, typer.Option("--rate", help="of the first trial [default: the scenario's]")
    ] = None,
    max_rate: Annotated[float | None, typer.Option("--max-rate", help="never send more per second")] = None,
    trial: Annotated[
        float | None,
        typer.Option(
            "--trial", help="seconds measured in a trial [default: 10, more if the objective needs it]"
        ),
    ] = None,
    width: Annotated[
        float, typer.Option("--width", help="of the interval, as a share of its upper end")
    ] = 0.05,
    budget: Annotated[float, typer.Option("--budget", help="seconds for the whole search")] = 900.0,
    confirm: Annotated[
        float, typer.Option("--confirm", help="seconds of the last trial, at the recommended load; 0 = none")
    ] = 30.0,
    warmup: options.Warmup = 3.0,
    seed: options.Seed = 1,
    data: options.Data = [],  # noqa: B006
    session: options.Session = [],  # noqa: B006
    corpus: options.Corpus = None,
    workers: options.Workers = None,
    profile: options.Profile = None,
    set_: options.Set = [],  # noqa: B006
    connections: options.Connections = None,
    timeout: options.Timeout = 30.0,
    tag: options.Tag = [],  # noqa: B006
    out: options.Out = None,
    json_: options.Json = False,
) -> None:
    """Find the highest rate at which the objectives hold, as an interval, and what binds there."""
    from bench.flags import RunFlags
    from bench.sizing import SearchFlags
    from bench.sizing import search as run_search

    flags = RunFlags(
        target=target,
        rate=rate,
        warmup=warmup,
        seed=seed,
        timeout=timeout,
        connections=connections,
        workers=workers,
        profile=profile,
        set=set_,
        data=data,
        session=session,
        tag=tag,
        objective=objective,
        corpus=corpus,
    )
    chosen = SearchFlags(max_rate, trial, width, budget, confirm)
    raise typer.Exit(run_search(scenario, flags, chosen, out, as_json=json_))


@capacity.command()
def growth(
    sizes: Annotated[
        str, typer.Option("--sizes", help="learned patterns per node, one run each")
    ] = "100,200,500,1000,2000,5000",
    objective: options.Objective = [],  # noqa: B006
    scenario: options.Scenario = "chat",
    target: options.Target = "embedded",
    rate: Annotated[
        float | None,
        typer.Option("--rate", help="at the smallest size; larger ones get less [default: at most 10]"),
    ] = None,
    warmup: options.Warmup = 3.0,
    seed: options.Seed = 1,
    data: options.Data = [],  # noqa: B006
    session: options.Session = [],  # noqa: B006
    corpus: options.Corpus = None,
    workers: options.Workers = None,
    profile: options.Profile = None,
    set_: options.Set = [],  # noqa: B006
    connections: options.Connections = None,
    timeout: options.Timeout = 30.0,
    tag: options.Tag = [],  # noqa: B006
    out: options.Out = None,
    json_: options.Json = False,
) -> None:
    """Measure what operations and memory cost as a node learns, and where an objective breaks."""
    from bench.flags import RunFlags
    from bench.sizing import growth as run_growth

    flags = RunFlags(
        target=target,
        rate=rate,
        warmup=warmup,
        seed=seed,
        timeout=timeout,
        connections=connections,
        workers=workers,
        profile=profile,
        set=set_,
        data=data,
        session=session,
        tag=tag,
        objective=objective,
        corpus=corpus,
    )
    raise typer.Exit(run_growth(scenario, flags, sizes, out, as_json=json_))
