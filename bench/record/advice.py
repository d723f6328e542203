"""`derived/advice.json` and `derived/patches/`: what the advisor concluded from run records, as data.

They are derived: a newer version may write them again. Importing this module imports pydantic.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.errors import UsageError
from bench.record.writing import replacing, write_failure

SCHEMA_VERSION = 1
ADVICE_FILE = "derived/advice.json"
PATCHES = "derived/patches"
#: Of the patches, the one that holds arguments of `kato-bench run`.
ARGUMENTS = "set.txt"

Scalar = str | int | float | bool | None
Severity = Literal["info", "advice", "warning", "critical"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Prediction(_Part):
    """What a change is expected to do to one metric, and how that is known.

    `kind` says what the numbers mean: `interval` (from `low` to `high`), `at_least` (`low` alone) or
    `at_most` (`high` alone)."""

    metric: str = Field(description='such as "p95(predict)", "recall@10", "ceiling", "evicted_keys"')
    unit: str = Field(description='"s", "1/s", "share", "bytes", "1" ...')
    kind: Literal["interval", "at_least", "at_most"]
    now: float | None = Field(default=None, description="measured in this run")
    low: float | None = None
    high: float | None = None
    model: str = Field(description="one sentence: the model or the reason behind the numbers")


class Patch(_Part):
    """A change in the form in which one kind of deployment takes it."""

    kind: Literal["set", "session", "environment", "compose", "redis", "redis.conf", "qdrant"]
    title: str = Field(description="where it goes, and when it acts")
    text: str


class Recommendation(_Part):
    """Set one knob, by its canonical name, from its live value to a new one. `applies`: what it takes until
    the change acts."""

    knob: str
    old: Scalar
    new: Scalar
    applies: Literal["live", "restart", "rebuild"]
    predicted: list[Prediction] = Field(default_factory=list)
    risk: str
    verify: str = Field(description="a command, and what it must show")
    patches: list[Patch] = Field(default_factory=list)


class Finding(_Part):
    """A fact with its evidence, and the changes that would mend it, if any."""

    id: str
    severity: Severity
    title: str
    message: str
    evidence: dict[str, Scalar] = Field(default_factory=dict)
    source: str = ""
    runs: list[str] = Field(default_factory=list, description="the runs that show it")
    recommendations: list[Recommendation] = Field(default_factory=list)


class Advice(_Part):
    """All findings of one or several runs, the gravest first. No knob has two values in it. `settled`: one
    sentence for each wish that was given up, and why. `files`: all changes together as patches, file name
    below `derived/patches` -> text."""

    schema_version: int = SCHEMA_VERSION
    kato_bench: str
    runs: list[str]
    findings: list[Finding]
    settled: list[str] = Field(default_factory=list)
    files: dict[str, str] = Field(default_factory=dict)


class _Version(BaseModel):
    """All that is read of advice before it is known to be of this version or an older one."""

    schema_version: int = SCHEMA_VERSION


def write(folder: Path, advice: Advice) -> Path:
    """Replace the advice and the patches of a run folder; the path of the advice.

    Raises UsageError if they cannot be written."""
    path, patches = folder / ADVICE_FILE, folder / PATCHES
    try:
        patches.mkdir(parents=True, exist_ok=True)
        for old in patches.iterdir():
            if old.name not in advice.files and old.is_file():
                old.unlink()
        for name, text in advice.files.items():
            _replace(patches / name, text)
        _replace(path, advice.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise UsageError(
            f"{write_failure(path.parent, error)}, where the advice goes; make room, or make it writable."
        ) from error
    return path


def read(folder: Path) -> Advice | None:
    """The advice of a run folder, None if none was written. Raises UsageError if it is broken or newer."""
    path = folder / ADVICE_FILE
    try:
        content = path.read_bytes()
        # A newer file may hold what this version calls wrong, or read as something else.
        version = _Version.model_validate_json(content).schema_version
        if version <= SCHEMA_VERSION:
            return Advice.model_validate_json(content)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValidationError) as error:
        raise UsageError(f"{path} is not valid advice; write it again: kato-bench advise {folder}") from error
    raise UsageError(
        f"{path} has schema version {version}, but this kato-bench reads up to {SCHEMA_VERSION}; update "
        "kato-bench."
    )


def read_or_reason(folder: Path) -> tuple[Advice | None, str | None]:
    """The advice, and a sentence on why there is none where it cannot be read: what was measured can be told
    without it."""
    try:
        return read(folder), None
    except UsageError as error:
        return None, f"The advice is left out: {error}"


def _replace(path: Path, text: str) -> None:
    with replacing(path) as file:
        file.write(text.encode())
