"""`plan`: what a run would do."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.commands import options

app = typer.Typer()


@app.command("plan")
def plan_(
    plan: options.Plan = None,
    scenario: options.GivenScenario = None,
    target: options.GivenTarget = None,
    redis_url: options.RedisUrl = None,
    qdrant_url: options.QdrantUrl = None,
    clickhouse_url: options.ClickHouseUrl = None,
    kato_source: options.KatoSource = None,
    kato_python: options.KatoPython = None,
    kato_venv: options.KatoVenv = False,
    rate: options.Rate = None,
    users: options.Users = None,
    think: options.Think = None,
    arrivals: options.Arrivals = None,
    warmup: options.GivenWarmup = None,
    duration: options.GivenDuration = None,
    seed: options.GivenSeed = None,
    data: options.Data = [],  # noqa: B006
    session: options.Session = [],  # noqa: B006
    corpus: options.Corpus = None,
    workers: options.Workers = None,
    profile: options.Profile = None,
    set_: options.Set = [],  # noqa: B006
    fault: options.Fault = [],  # noqa: B006
    connections: options.Connections = None,
    processes: options.Processes = None,
    expect_workers: options.ExpectWorkers = None,
    master_bind: options.MasterBind = None,
    worker_wait: options.WorkerWait = None,
    timeout: options.GivenTimeout = None,
    objective: options.Objective = [],  # noqa: B006
    tag: options.Tag = [],  # noqa: B006
    keep_data: options.KeepData = False,
    verify: options.Verify = False,
    toml: Annotated[bool, typer.Option("--toml", help="print a plan file that says the same")] = False,
    json_: options.Json = False,
) -> None:
    """Say what `run` with the same plan and flags would do: requests, time, sessions, data. Loads nothing."""
    flags = options.run_flags(locals())
    from bench.previewing import show_plan

    raise typer.Exit(show_plan(scenario, flags, plan=plan, as_toml=toml, as_json=json_))
