"""Flags that several commands share, under the names that `RunFlags` gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from bench.flags import RunFlags

Out = Annotated[Path | None, typer.Option("--out", help="folder of the runs [default: results/runs]")]
Json = Annotated[bool, typer.Option("--json", help="one JSON object on stdout")]
Set = Annotated[
    list[str],
    typer.Option("--set", metavar="KNOB=VALUE", help="set a knob of the embedded target or of --kato-source"),
]
Workers = Annotated[int | None, typer.Option("--workers", help="KATO workers, where they are started")]
Profile = Annotated[
    str | None, typer.Option("--profile", help="healthy, or shipped: KATO's own defaults [default: healthy]")
]
Fault = Annotated[
    list[str],
    typer.Option(
        "--fault", metavar="FAULT[=VALUE]", help="make the embedded target worse; see up --list-faults"
    ),
]
RedisUrl = Annotated[
    str | None,
    typer.Option(
        "--redis-url",
        metavar="URL",
        help="Redis of the KATO at --target, or in place of the embedded one",
    ),
]
QdrantUrl = Annotated[str | None, typer.Option("--qdrant-url", metavar="URL", help="the same for Qdrant")]
ClickHouseUrl = Annotated[
    str | None,
    typer.Option(
        "--clickhouse-url", metavar="URL", help="the same for ClickHouse, where KATO's tables must be"
    ),
]
KatoSource = Annotated[
    Path | None,
    typer.Option("--kato-source", metavar="DIR", help="start this KATO checkout on the embedded engines"),
]
KatoPython = Annotated[
    str | None,
    typer.Option(
        "--kato-python",
        metavar="PATH",
        help="its Python [default: of .venv or venv in DIR, else kato-bench's own]",
    ),
]
KatoVenv = Annotated[
    bool,
    typer.Option("--kato-venv", help="run it in an environment made once from its requirements.lock"),
]
Target = Annotated[str, typer.Option("--target", help="embedded, the URL of a running KATO, or compose:FILE")]
Scenario = Annotated[str, typer.Option("--scenario", "-s", help="the workload")]
Users = Annotated[int | None, typer.Option("--users", help="users instead of a rate (closed model)")]
Think = Annotated[float | None, typer.Option("--think", help="seconds a user waits between requests")]
KeepData = Annotated[bool, typer.Option("--keep-data", help="leave sessions and patterns at a URL target")]
Rate = Annotated[float | None, typer.Option("--rate", help="requests per second (open model)")]
Arrivals = Annotated[str | None, typer.Option("--arrivals", help="poisson, constant or closed")]
Warmup = Annotated[float, typer.Option("--warmup", help="seconds before the measurement")]
Duration = Annotated[float, typer.Option("--duration", "-d", help="seconds measured")]
Seed = Annotated[int, typer.Option("--seed", help="the same seed sends the same requests")]
Data = Annotated[
    list[str],
    typer.Option("--data", metavar="KEY=VALUE", help="option of the scenario, e.g. patterns=2000"),
]
Session = Annotated[
    list[str], typer.Option("--session", metavar="KEY=VALUE", help="KATO config of every session")
]
Corpus = Annotated[Path | None, typer.Option("--corpus", help="your own text, JSONL or CSV")]
Connections = Annotated[
    int | None, typer.Option("--connections", help="most connections [default: 40 per worker]")
]
Processes = Annotated[
    int | None, typer.Option("--processes", help="load processes on this machine [default: 1]")
]
ExpectWorkers = Annotated[
    int | None,
    typer.Option("--expect-workers", metavar="N", help="leave the load to N workers: kato-bench worker"),
]
MasterBind = Annotated[
    str | None,
    typer.Option(
        "--master-bind", metavar="HOST[:PORT]", help="where workers connect [default: 127.0.0.1:5557]"
    ),
]
WorkerWait = Annotated[
    float | None,
    typer.Option("--worker-wait", help="seconds until all workers must have come [default: 300]"),
]
Timeout = Annotated[float, typer.Option("--timeout", help="seconds until a request has failed")]
Objective = Annotated[list[str], typer.Option("--objective", help="what must hold, e.g. 'p95(predict)<50ms'")]
Verify = Annotated[
    bool, typer.Option("--verify", help="ask a sample of the predictions again at the end, as one user")
]
Tag = Annotated[list[str], typer.Option("--tag", metavar="KEY=VALUE", help="note in the record")]
Run = Annotated[
    str,
    typer.Argument(
        help="id, its last four letters, a prefix, a path, or latest: the newest that measured something and "
        "is no step of a gate, search or growth"
    ),
]

#: A plan and the flags that hold against it: what is not given has the plan's value, or else its default.
Plan = Annotated[
    str | None,
    typer.Argument(
        metavar="PLAN",
        help="a plan file, - for standard input, or nightly, ramp, smoke, soak, spike, steady, step",
        show_default=False,
    ),
]
GivenTarget = Annotated[
    str | None,
    typer.Option("--target", help="embedded, the URL of a running KATO, or compose:FILE (default: embedded)"),
]
GivenScenario = Annotated[str | None, typer.Option("--scenario", "-s", help="the workload (default: chat)")]
GivenWarmup = Annotated[
    float | None, typer.Option("--warmup", help="seconds before the measurement (default: 5)")
]
GivenDuration = Annotated[
    float | None, typer.Option("--duration", "-d", help="seconds measured (default: 30)")
]
GivenSeed = Annotated[
    int | None, typer.Option("--seed", help="the same seed sends the same requests (default: 1)")
]
GivenTimeout = Annotated[
    float | None, typer.Option("--timeout", help="seconds until a request has failed (default: 30)")
]


def run_flags(parameters: Mapping[str, Any]) -> RunFlags:
    """Those of a command's parameters that are flags of a run. Hand in its `locals()`, as its first
    statement; what the command does not take is not given."""
    from bench.flags import RunFlags
    from bench.targets.stores import STORES

    given = {name.removesuffix("_"): value for name, value in parameters.items()}
    flags = {flag.name: given[flag.name] for flag in fields(RunFlags) if flag.name in given}
    return RunFlags(stores={store: given.get(f"{store}_url") for store in STORES}, **flags)
