"""`knobs`: which settings there are, what each takes, and whether it acts."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from bench.commands import options

app = typer.Typer()


@app.command()
def knobs(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="of one knob, in any spelling, right or wrong; or how names begin, such as redis or "
            "qdrant.hnsw",
        ),
    ] = "",
    markdown: Annotated[bool, typer.Option("--markdown", help="as the page docs/knobs.md")] = False,
    json_: options.Json = False,
) -> None:
    """List the settings of KATO and its stores: legal values, defaults, and whether they act."""
    from bench.errors import UsageError
    from bench.knobs import catalogue
    from bench.knobs.knob import UnknownKnob
    from bench.report import knobs as report

    try:
        found = catalogue.matching(name)
    except UnknownKnob as unknown:
        systems = ", ".join(dict.fromkeys(knob.system for knob in catalogue.knobs()))
        raise UsageError(
            f"{str(unknown)[:1].upper()}{str(unknown)[1:]}; the systems are {systems}."
        ) from None
    if json_:
        print(json.dumps({"knobs": [report.as_json(knob) for knob in found]}))
    elif markdown:
        print(report.markdown(found), end="")
    else:
        report.print_knobs(found, sys.stdout)
