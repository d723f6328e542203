"""Runs' values in one small file, to compare with when the run folders are gone or elsewhere."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from bench import __version__
from bench.errors import UsageError
from bench.gate.values import ALL, RunValues

SCHEMA_VERSION = 1


class Baseline(BaseModel):
    """Per-run values with the world that they were measured in."""

    model_config = ConfigDict(extra="forbid")

    schema_version: int = SCHEMA_VERSION
    kato_bench: str = __version__
    runs: list[RunValues] = Field(min_length=1)

    @field_validator("runs")
    @classmethod
    def _measured_something(cls, runs: list[RunValues]) -> list[RunValues]:
        for run in runs:
            if not run.requests.get(ALL):
                raise ValueError(f"{run.run} has no requests of {ALL}")
            if without := sorted(run.values.keys() - {name for name, count in run.requests.items() if count}):
                raise ValueError(f"{run.run} has values of {without[0]} but no requests")
        return runs


def save(path: Path, runs: list[RunValues]) -> None:
    """Raises UsageError if the file cannot be written."""
    try:
        path.write_text(Baseline(runs=runs).model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from error


def load(path: Path) -> list[RunValues]:
    """Raises UsageError if there is no such file, or if it is no baseline or one of a newer kato-bench."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    _require_known_version(path, text)
    try:
        return Baseline.model_validate_json(text).runs
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"]) or "the file"
        raise UsageError(f"{path} is not a baseline: {where}: {first['msg']}.") from error


def _require_known_version(path: Path, text: bytes) -> None:
    """Before anything else is judged: a newer file may hold what this version calls wrong."""
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(text)
        version = found.get("schema_version") if isinstance(found, dict) else None
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise UsageError(
                f"{path} has schema version {version}, but this kato-bench reads up to {SCHEMA_VERSION}; "
                "update kato-bench."
            )
