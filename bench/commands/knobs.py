"""`knobs`: which settings there are, and what each takes."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from bench.commands import options

app = typer.Typer()


@app.command()
def knobs(
    prefix: Annotated[str, typer.Argument(help="of the names to show, such as redis or qdrant.hnsw")] = "",
    json_: options.Json = False,
) -> None:
    """List the settings of KATO and its stores: legal values, defaults, and whether --set takes them."""
    from bench.errors import UsageError
    from bench.knobs import catalogue

    found = [knob for knob in catalogue.knobs() if knob.name.startswith(prefix)]
    if not found:
        systems = ", ".join(dict.fromkeys(knob.system for knob in catalogue.knobs()))
        raise UsageError(f"No knob's name begins with {prefix!r}; the systems are {systems}.")
    if json_:
        rows = [
            {
                "name": knob.name,
                "legal": knob.legal,
                "shipped": knob.shipped,
                "home": knob.home,
                "acts": knob.acts,
                "takes": knob.effect,
                "refused": knob.refusal,
                "source": knob.source,
            }
            for knob in found
        ]
        print(json.dumps({"knobs": rows}))
        return
    dead = [knob.name for knob in found if not knob.acts]
    for knob in found:
        if not knob.acts:
            continue
        shipped = "the system's own" if knob.shipped is None else knob.write(knob.shipped) or '""'
        print(f"{knob.name}\n    {knob.legal}; KATO ships {shipped}; {_TAKES[knob.effect]}")
        if knob.refusal is not None:
            print(f"    {knob.refusal}")
    if dead:
        print(f"These change nothing, whoever documents them: {', '.join(dead)}")


_TAKES = {
    "live": "acts at once",
    "restart": "acts after a restart",
    "rebuild": "acts once everything is built anew",
}
