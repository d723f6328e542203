"""`calibrate`: what the load generator itself can do here."""

from __future__ import annotations

import json

import typer

from bench.commands import options

app = typer.Typer()


@app.command()
def calibrate(json_: options.Json = False) -> None:
    """Measure anew what one load process can send on this machine, and what it adds to response times."""
    from bench import calibration, words
    from bench.report import sentences

    found = calibration.measure()
    path = calibration.cache_file()
    kept = calibration.remember(found, path)
    if json_:
        facts = found.model_dump(mode="json")
        print(json.dumps({**facts, "kept": str(path) if kept else None}))
        return
    print(f"The load generator sends {sentences.generator(found)} (at {words.rate(found.floor_rate)}).")
    print(f"`kato-bench run` refuses more than {words.requests(calibration.MOST * found.ceiling)} a process.")
    print(f"Kept in {path}." if kept else "Not kept: there is no folder for it that can be written.")
