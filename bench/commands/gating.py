"""`compare` and `gate`: did it get slower?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import options

app = typer.Typer()

#: A light load at even distances: at low utilisation nothing queues, and what is left is the work itself.
_RATE = 30.0
_WARMUP, _DURATION = 3.0, 12.0


@app.command()
def compare(
    a: Annotated[
        str, typer.Argument(metavar="A", help="run, runs joined by commas, or a baseline file")
    ] = "",
    b: Annotated[str, typer.Argument(metavar="B", help="the same for the other side")] = "",
    more_a: Annotated[list[str], typer.Option("--a", help="one more run of side A")] = [],  # noqa: B006
    more_b: Annotated[list[str], typer.Option("--b", help="one more run of side B")] = [],  # noqa: B006
    allow_different: Annotated[
        bool, typer.Option("--allow-different", help="compare although machine, stores or load differ")
    ] = False,
    allow_qualified: Annotated[
        bool, typer.Option("--allow-qualified", help="compare runs that hold under a condition only")
    ] = False,
    out: options.Out = None,
    json_: options.Json = False,
) -> None:
    """Compare recorded runs: what changed from A to B, and how sure that is."""
    from bench.gating import compare as compare_sets

    raise typer.Exit(
        compare_sets(
            [a, *more_a],
            [b, *more_b],
            out,
            allow_different=allow_different,
            allow_qualified=allow_qualified,
            as_json=json_,
        )
    )


@app.command()
def gate(
    baseline: Annotated[
        str, typer.Option("--baseline", help="flags in quotes ('--set uvicorn.workers=1'), or a URL")
    ],
    candidate: Annotated[str, typer.Option("--candidate", help="the same for what is judged")],
    pairs: Annotated[int, typer.Option("--pairs", help="pairs before the first verdict")] = 8,
    max_pairs: Annotated[
        int | None, typer.Option("--max-pairs", help="pairs after which it ends [default: 16]")
    ] = None,
    budget: Annotated[
        str | None, typer.Option("--budget", help="begin no pair that would end later, e.g. 20m")
    ] = None,
    tolerance: Annotated[str, typer.Option("--tolerance", help="how much slower is accepted")] = "7%",
    error_tolerance: Annotated[
        str, typer.Option("--error-tolerance", help="by how much the share of failures may grow")
    ] = "0.5%",
    on_inconclusive: Annotated[
        str | None, typer.Option("--on-inconclusive", help="pass or fail [default: exit code 5]")
    ] = None,
    junit: Annotated[Path | None, typer.Option("--junit", help="write JUnit XML here")] = None,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", help="write a summary here [and to $GITHUB_STEP_SUMMARY]")
    ] = None,
    save_baseline: Annotated[
        Path | None, typer.Option("--save-baseline", help="keep the candidate's values for `compare`")
    ] = None,
    scenario: options.Scenario = "chat",
    rate: options.Rate = None,
    arrivals: options.Arrivals = None,
    warmup: options.Warmup = _WARMUP,
    duration: options.Duration = _DURATION,
    seed: options.Seed = 1,
    data: options.Data = [],  # noqa: B006
    session: options.Session = [],  # noqa: B006
    corpus: options.Corpus = None,
    connections: options.Connections = None,
    timeout: options.Timeout = 30.0,
    tag: options.Tag = [],  # noqa: B006
    verify: options.Verify = False,
    out: options.Out = None,
    json_: options.Json = False,
) -> None:
    """Measure two targets in turn and say whether the candidate got worse: exit code 0, 4 or 5."""
    even = {"rate": _RATE if rate is None else rate, "arrivals": arrivals or "constant"}
    load = options.run_flags({**locals(), **even})
    from bench.gating import GateFlags
    from bench.gating import gate as run_gate

    flags = GateFlags(
        baseline=baseline,
        candidate=candidate,
        pairs=pairs,
        max_pairs=max_pairs,
        budget=budget,
        tolerance=tolerance,
        error_tolerance=error_tolerance,
        on_inconclusive=on_inconclusive,
        junit=junit,
        markdown=markdown,
        save_baseline=save_baseline,
    )
    raise typer.Exit(run_gate(scenario, load, flags, out, as_json=json_))
