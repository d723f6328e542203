"""`capacity search`, `growth` and `plan`: how much a deployment carries, now and later."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import options

app = typer.Typer()
capacity = typer.Typer(no_args_is_help=True, help="How much a deployment carries, and until when.")
app.add_typer(capacity, name="capacity")


@capacity.command("search")
def search_(
    objective: options.Objective = [],  # noqa: B006
    scenario: options.Scenario = "chat",
    target: options.Target = "embedded",
    redis_url: options.RedisUrl = None,
    qdrant_url: options.QdrantUrl = None,
    clickhouse_url: options.ClickHouseUrl = None,
    kato_source: options.KatoSource = None,
    kato_python: options.KatoPython = None,
    kato_venv: options.KatoVenv = False,
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
    budget: Annotated[str, typer.Option("--budget", help="time for the whole search, such as 15m")] = "15m",
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
    flags = options.run_flags(locals())
    from bench.sizing import SearchFlags, search

    chosen = SearchFlags(max_rate, trial, width, budget, confirm)
    raise typer.Exit(search(scenario, flags, chosen, out, as_json=json_))


@capacity.command("growth")
def growth_(
    sizes: Annotated[
        str, typer.Option("--sizes", help="learned patterns per node, one run each")
    ] = "100,200,500,1000,2000,5000",
    objective: options.Objective = [],  # noqa: B006
    scenario: options.Scenario = "chat",
    target: options.Target = "embedded",
    redis_url: options.RedisUrl = None,
    qdrant_url: options.QdrantUrl = None,
    clickhouse_url: options.ClickHouseUrl = None,
    kato_source: options.KatoSource = None,
    kato_python: options.KatoPython = None,
    kato_venv: options.KatoVenv = False,
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
    flags = options.run_flags(locals())
    from bench.sizing import growth

    raise typer.Exit(growth(scenario, flags, sizes, out, as_json=json_))


@capacity.command("plan")
def plan_(
    patterns_per_day: Annotated[float, typer.Option("--patterns-per-day", help="learned, over all nodes")],
    sessions_per_day: Annotated[float, typer.Option("--sessions-per-day", help="opened, over all nodes")],
    horizon: Annotated[str, typer.Option("--horizon", help="how far ahead: 90d, 26w, 12mo, 2y")] = "12mo",
    patterns_now: Annotated[float, typer.Option("--patterns-now", help="learned already")] = 0.0,
    nodes: Annotated[int, typer.Option("--nodes", help="that the patterns are spread over")] = 1,
    requests_per_session: Annotated[
        float | None, typer.Option("--requests-per-session", help="to compare demand with capacity")
    ] = None,
    peak: Annotated[float, typer.Option("--peak", help="busiest hour's rate over the mean")] = 3.0,
    redis_memory: Annotated[
        str | None, typer.Option("--redis-memory", help="such as 8gb [default: the measured maxmemory]")
    ] = None,
    disk: Annotated[str | None, typer.Option("--disk", help="of ClickHouse, such as 100gb")] = None,
    search: Annotated[
        Path | None, typer.Option("--search", help="result of capacity search [default: the latest]")
    ] = None,
    growth: Annotated[
        Path | None, typer.Option("--growth", help="result of capacity growth [default: the latest]")
    ] = None,
    out: options.Out = None,
    json_: options.Json = False,
) -> None:
    """Say which limit is reached first, when, and what to change by then, from what was measured."""
    from bench.planning_ahead import PlanFlags, plan

    flags = PlanFlags(
        patterns_per_day=patterns_per_day,
        sessions_per_day=sessions_per_day,
        horizon=horizon,
        patterns_now=patterns_now,
        nodes=nodes,
        requests_per_session=requests_per_session,
        peak=peak,
        redis_memory=redis_memory,
        disk=disk,
        search=search,
        growth=growth,
    )
    raise typer.Exit(plan(flags, out, as_json=json_))
