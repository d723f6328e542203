"""Write the JSON Schema of `run.json`: `python -m bench.record.schema [FILE]`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

DEFAULT_PATH = Path(__file__).parents[2] / "docs" / "schema" / "run.schema.json"


def run_schema() -> str:
    """The schema as text, stable from run to run."""
    from bench.record.manifest import SCHEMA_VERSION, Manifest

    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": f"Schema version {SCHEMA_VERSION}; written by python -m bench.record.schema.",
        **Manifest.model_json_schema(mode="serialization"),
    }
    return json.dumps(schema, indent=2) + "\n"


def main(arguments: list[str]) -> None:
    path = Path(arguments[0]) if arguments else DEFAULT_PATH
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(run_schema(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
