"""`run`, `worker` and `up`: load a deployment, help to load one, or keep one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import options

app = typer.Typer()


@app.command()
def run(
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
    out: options.Out = None,
    json_: options.Json = False,
) -> None:
    """Load a deployment as a plan or flags say, and say what was measured. Flags hold against the plan."""
    flags = options.run_flags(locals())
    from bench.running import run_plan

    raise typer.Exit(run_plan(scenario, flags, out, plan=plan, as_json=json_))


@app.command()
def worker(
    master: Annotated[
        str, typer.Option("--master", metavar="HOST[:PORT]", help="where kato-bench run --expect-workers is")
    ],
    wait: Annotated[float, typer.Option("--wait", help="seconds to look for the master")] = 300.0,
    json_: options.Json = False,
) -> None:
    """Generate a part of the load of a run on another machine; ends with that run."""
    from bench.working import work

    raise typer.Exit(work(master, wait, as_json=json_))


@app.command()
def up(
    workers: options.Workers = None,
    profile: options.Profile = None,
    set_: options.Set = [],  # noqa: B006
    fault: options.Fault = [],  # noqa: B006
    kato_source: options.KatoSource = None,
    kato_python: options.KatoPython = None,
    kato_venv: options.KatoVenv = False,
    redis_url: options.RedisUrl = None,
    qdrant_url: options.QdrantUrl = None,
    clickhouse_url: options.ClickHouseUrl = None,
    port: Annotated[
        int | None, typer.Option("--port", help="port of the KATO API [default: a free one]")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="keep data and logs here [default: a temporary folder]")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="keep the temporary folder too")] = False,
    list_faults: Annotated[bool, typer.Option("--list-faults", help="list what --fault takes")] = False,
    json_: options.Json = False,
) -> None:
    """Start the embedded deployment, print its addresses, and keep it until Ctrl-C."""
    flags = options.run_flags(locals())
    if list_faults:
        from bench.report.faults import show

        raise typer.Exit(show(as_json=json_))
    from bench.running import keep_up

    raise typer.Exit(keep_up(flags, port, data_dir, keep=keep, as_json=json_))
