"""The commands: parse, call, print. Heavy modules are imported by the command that needs them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.errors import BenchError, ExitCode

app = typer.Typer(
    name="kato-bench",
    help="Measures KATO deployments: how much they carry, what holds them back, what to change.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Out = Annotated[Path | None, typer.Option("--out", help="folder of the runs [default: results/runs]")]
Json = Annotated[bool, typer.Option("--json", help="one JSON object on stdout")]
Set = Annotated[
    list[str], typer.Option("--set", metavar="KNOB=VALUE", help="set a knob of the embedded target")
]
Workers = Annotated[int | None, typer.Option("--workers", help="KATO workers of the embedded target")]
Profile = Annotated[
    str | None, typer.Option("--profile", help="healthy, or shipped: KATO's own defaults [default: healthy]")
]


@app.command()
def run(
    scenario: Annotated[str, typer.Option("--scenario", "-s", help="the workload")] = "chat",
    target: Annotated[
        str, typer.Option("--target", help="embedded, or the URL of a running KATO")
    ] = "embedded",
    rate: Annotated[float | None, typer.Option("--rate", help="requests per second (open model)")] = None,
    users: Annotated[
        int | None, typer.Option("--users", help="users instead of a rate (closed model)")
    ] = None,
    think: Annotated[
        float | None, typer.Option("--think", help="seconds a user waits between requests")
    ] = None,
    arrivals: Annotated[str | None, typer.Option("--arrivals", help="poisson, constant or closed")] = None,
    warmup: Annotated[float, typer.Option("--warmup", help="seconds before the measurement")] = 5.0,
    duration: Annotated[float, typer.Option("--duration", "-d", help="seconds measured")] = 30.0,
    seed: Annotated[int, typer.Option("--seed", help="the same seed sends the same requests")] = 1,
    data: Annotated[
        list[str],
        typer.Option("--data", metavar="KEY=VALUE", help="option of the scenario, e.g. patterns=2000"),
    ] = [],  # noqa: B006
    session: Annotated[
        list[str], typer.Option("--session", metavar="KEY=VALUE", help="KATO config of every session")
    ] = [],  # noqa: B006
    corpus: Annotated[Path | None, typer.Option("--corpus", help="your own text, JSONL or CSV")] = None,
    workers: Workers = None,
    profile: Profile = None,
    set_: Set = [],  # noqa: B006
    connections: Annotated[
        int | None, typer.Option("--connections", help="most connections [default: 40 per worker]")
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", help="seconds until a request has failed")] = 30.0,
    objective: Annotated[
        list[str], typer.Option("--objective", help="what must hold, e.g. 'p95(predict)<50ms'")
    ] = [],  # noqa: B006
    tag: Annotated[list[str], typer.Option("--tag", metavar="KEY=VALUE", help="note in the record")] = [],  # noqa: B006
    keep_data: Annotated[
        bool, typer.Option("--keep-data", help="leave sessions and patterns at a URL target")
    ] = False,
    out: Out = None,
    json_: Json = False,
) -> None:
    """Load a deployment and say what was measured."""
    from bench.flags import RunFlags
    from bench.running import run_plan

    flags = RunFlags(
        target=target,
        rate=rate,
        users=users,
        arrivals=arrivals,
        think=think,
        warmup=warmup,
        duration=duration,
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
        keep_data=keep_data,
    )
    raise typer.Exit(run_plan(scenario, flags, out, as_json=json_))


@app.command()
def up(
    workers: Workers = None,
    profile: Profile = None,
    set_: Set = [],  # noqa: B006
    port: Annotated[
        int | None, typer.Option("--port", help="port of the KATO API [default: a free one]")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="keep data and logs here [default: a temporary folder]")
    ] = None,
    json_: Json = False,
) -> None:
    """Start the embedded deployment, print its addresses, and keep it until Ctrl-C."""
    from bench.running import keep_up

    raise typer.Exit(keep_up(workers, profile, set_, port, data_dir, as_json=json_))


@app.command("list")
def list_(out: Out = None, json_: Json = False) -> None:
    """List the recorded runs, newest first."""
    from bench.record.folder import list_runs
    from bench.record.reader import RunRecord
    from bench.report.model import list_row

    rows = [list_row(RunRecord(folder)) for folder in list_runs(out)]
    if json_:
        from dataclasses import asdict

        _print_json({"runs": [asdict(row) for row in rows]})
    else:
        from bench.report.terminal import print_list

        print_list(rows, sys.stdout)


@app.command()
def show(
    run: Annotated[
        str, typer.Argument(help="id, its last four letters, a prefix, a path, or latest")
    ] = "latest",
    out: Out = None,
    json_: Json = False,
) -> None:
    """Show what a recorded run measured."""
    from bench.record.folder import find_run
    from bench.record.reader import RunRecord
    from bench.report.model import summarise

    record = RunRecord(find_run(run, out))
    summary = summarise(record)
    if summary.status == "finished":
        for complaint in record.verify():
            print(f"kato-bench: {complaint}", file=sys.stderr)
    if json_:
        from bench.report.machine import as_json

        _print_json(as_json(summary))
    else:
        from bench.report.terminal import print_summary

        print_summary(summary, sys.stdout)


def _version(wanted: bool) -> None:
    if wanted:
        from bench import __version__

        print(f"kato-bench {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version and exit")
    ] = False,
) -> None:
    """Measures KATO deployments: how much they carry, what holds them back, what to change."""


def _print_json(value: Any) -> None:
    print(json.dumps(value, default=str))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with its code; failures are one sentence on stderr."""
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code = app(arguments, standalone_mode=False)
    except BenchError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted.", ExitCode.INTERRUPTED)
    except BrokenPipeError:
        return ExitCode.OK
    except Exception as error:
        # What Typer refuses (a wrong flag, a value of the wrong kind) has its own sentence.
        format_message = getattr(error, "format_message", None)
        if format_message is None:
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            return ExitCode.USAGE
        return _fail(
            f"{format_message().rstrip('.')}. `kato-bench --help` lists what there is", ExitCode.USAGE
        )
    return int(code or 0)


def _fail(sentence: str, code: ExitCode) -> int:
    print(f"kato-bench: {sentence.rstrip('.')}.", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
