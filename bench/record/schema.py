"""Write the JSON Schemas of `run.json` and `advice.json`: `python -m bench.record.schema [FOLDER]`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import BaseModel

DEFAULT_FOLDER = Path(__file__).parents[2] / "docs" / "schema"


def schemas() -> dict[str, str]:
    """File name -> schema as text, stable from run to run."""
    from bench.record import advice, manifest

    return {
        "run.schema.json": _schema(manifest.SCHEMA_VERSION, manifest.Manifest),
        "advice.schema.json": _schema(advice.SCHEMA_VERSION, advice.Advice),
    }


def _schema(version: int, model: type[BaseModel]) -> str:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": f"Schema version {version}; written by python -m bench.record.schema.",
        **model.model_json_schema(mode="serialization"),
    }
    return json.dumps(schema, indent=2) + "\n"


def main(arguments: list[str]) -> None:
    folder = Path(arguments[0]) if arguments else DEFAULT_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in schemas().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
