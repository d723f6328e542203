"""`run.json`: what a run was, in which world, and how it ended.

The file is replaced atomically, so a reader sees the old manifest or the new one and never half of it.
Importing this module imports pydantic; import it where it is used.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bench.errors import UsageError
from bench.plan import Plan, comparable_dump
from bench.record.folder import MANIFEST
from bench.record.writer import Writer
from bench.record.writing import replacing, write_failure
from bench.targets.base import TargetFacts

SCHEMA_VERSION = 2

#: Everything in a run folder that never changes once the run has finished, besides the manifest itself.
RECORD_FILES = ("requests.parquet", "histograms.parquet", "metrics.parquet", "events.jsonl")

#: Seconds, 100 days: no run lasts longer, and what is counted by the second has to fit into memory.
_LONGEST = 8_640_000.0

Scalar = str | int | float | bool | None


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Phase(_Part):
    """One phase as it was; seconds since the run's origin. `end` is null in a phase that did not end."""

    name: Literal["preload", "warmup", "measure", "cooldown"]
    start: float = Field(ge=-_LONGEST, le=_LONGEST)
    end: float | None = Field(default=None, ge=-_LONGEST, le=_LONGEST)

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> Phase:
        if self.end is not None and self.end < self.start:
            raise ValueError(f"the phase {self.name} ends before it starts")
        return self


class Corpus(_Part):
    """The text behind the events: its name, the SHA-256 of its tokens, how many, and how many different."""

    name: str
    sha256: str
    tokens: int
    vocabulary: int


class MustMatch(_Part):
    """What two runs have to share before their numbers may be compared. `plan` is `plan_hash`."""

    cpu_model: str
    cores: int = Field(gt=0, description="cores that this process may run on")
    memory_bytes: int = Field(ge=0)
    target: str | None = Field(default=None, description="KATO's version")
    engines: dict[str, str | None] = Field(default_factory=dict, description="part -> engine and version")
    corpus: str | None = Field(default=None, description="SHA-256 of the corpus")
    plan: str


class Noted(_Part):
    """What may explain a difference, without forbidding a comparison."""

    kernel: str
    python: str
    load_average: list[float] = Field(description="1, 5 and 15 minutes, when the run began; empty = unknown")
    libraries: dict[str, str]


class Fingerprint(_Part):
    must_match: MustMatch
    noted: Noted


class Reason(_Part):
    """`code` for programs, `sentence` with the numbers for people."""

    code: str
    sentence: str


class Soundness(_Part):
    """Whether the measurement may be believed, why not, and what could not be judged."""

    level: Literal["sound", "qualified", "unsound"]
    reasons: list[Reason] = Field(default_factory=list)
    unknown: list[Reason] = Field(default_factory=list)


class ObjectiveVerdict(_Part):
    """An objective as the user wrote it, the judgement, and what was measured: seconds, a share from 0 to 1,
    or per second, with its 95 % interval and the number of observations."""

    objective: str
    verdict: Literal["pass", "fail", "inconclusive"]
    measured: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    sentence: str = ""


class Totals(_Part):
    """Requests of all phases together. `requests` is the number of rows; `errors` counts every row that is
    not a success, dropped and unanswered ones included; `by_error` has one entry per kind that occurred."""

    requests: int = 0
    answered: int = 0
    errors: int = 0
    dropped: int = 0
    unanswered: int = 0
    by_error: dict[str, int] = Field(default_factory=dict)


class Verification(_Part):
    """What came of asking a sample of the predictions again, as one user, when the load was over. `asked`:
    predictions answered in the measure phase; `sampled` of these were kept; `replayed`: compared with what
    one user gets; `wrong` of these differ; `unanswered` got no answer the second time. Left out of the
    sample: `too_large` answers, `uncertain` ones before which a request had failed, and those of
    `taught_nodes`, on which the run learned. `reason`: why none was compared."""

    asked: int = Field(ge=0)
    sampled: int = Field(ge=0)
    replayed: int = Field(ge=0)
    wrong: int = Field(ge=0)
    unanswered: int = Field(default=0, ge=0)
    too_large: int = Field(default=0, ge=0)
    uncertain: int = Field(default=0, ge=0)
    taught_nodes: int = Field(default=0, ge=0)
    reason: str | None = None

    @model_validator(mode="after")
    def _wrong_answers_were_compared(self) -> Verification:
        if self.wrong > self.replayed:
            raise ValueError(f"{self.wrong} of {self.replayed} answers are no share")
        return self


class Generator(_Part):
    """What one load process can do on this machine against a server that does nothing: answered requests per
    second as fast as they go, the CPU-seconds of each, and the response time in seconds that it measures of
    its own making, at `floor_rate` requests per second."""

    ceiling: float = Field(gt=0)
    cpu_per_request: float = Field(gt=0)
    floor_rate: float = Field(gt=0)
    floor_p50: float = Field(ge=0)
    floor_p99: float = Field(ge=0)
    measured: datetime = Field(description="UTC")


class Settling(_Part):
    """Where the warm-up really ended, by MSER-5: `cut` seconds of the measure phase, up to `start` (seconds
    since the origin), are warm-up too and count in no number. `settled` false: it never ended, so that
    nothing was cut; null: too short to say."""

    cut: float = Field(default=0.0, ge=0)
    start: float | None = None
    settled: bool | None = None


class LostProcess(_Part):
    """A load process that died. `at`: second of its last sign of life. Of the requests of the measure phase
    that were its own, `due`, `unsent` have no row; in a closed model, which has no schedule, both follow from
    what a user of the other processes sent."""

    process: int = Field(ge=0)
    at: float
    due: int = Field(ge=0)
    unsent: int = Field(ge=0)


class LoadEnds(_Part):
    """What each load process said of itself when it ended, how many ended without a word, and which of them
    died while the others went on."""

    ends: list[dict[str, Any]] = Field(default_factory=list)
    missing_end: int = 0
    lost: list[LostProcess] = Field(default_factory=list)


class FileFacts(_Part):
    sha256: str
    bytes: int


class Manifest(_Part):
    schema_version: int = SCHEMA_VERSION
    run: str = Field(description="the run id, which is the folder's name")
    status: Literal["running", "finished", "interrupted"] = "running"
    reason: str | None = Field(default=None, description="why it was interrupted")
    created: datetime = Field(description="UTC")
    origin_monotonic: float = Field(description="CLOCK_MONOTONIC of the writer's machine at second 0")
    writer: Writer
    kato_bench: str = Field(description="version of kato-bench that measured")
    plan: Plan
    tags: dict[str, str] = Field(default_factory=dict)
    fingerprint: Fingerprint
    target: TargetFacts | None = None
    live_knobs: dict[str, Scalar] = Field(
        default_factory=dict, description="values that the systems themselves reported"
    )
    phases: list[Phase] = Field(default_factory=list)
    corpus: Corpus | None = None
    soundness: Soundness | None = None
    objectives: list[ObjectiveVerdict] = Field(default_factory=list)
    totals: Totals = Field(default_factory=Totals)
    verification: Verification | None = None
    generator: Generator | None = None
    settling: Settling | None = None
    load: LoadEnds = Field(default_factory=LoadEnds)
    files: dict[str, FileFacts] = Field(default_factory=dict)

    def phase(self, name: str) -> Phase | None:
        return next((phase for phase in self.phases if phase.name == name), None)


def plan_hash(plan: Plan) -> str:
    """SHA-256 over the parts of a plan that shape the load.

    Left out: tags, objectives, `keep_data`, `verify`, the seed and the loaders, which do not change what is
    measured; the target's addresses and the paths of corpus and trace, which name the same thing differently
    on two machines."""
    shape = plan.model_dump(
        mode="json",
        exclude=dict.fromkeys(
            ("tags", "objectives", "keep_data", "verify", "seed", "loaders", "corpus"), True
        )
        | {"target": {"url", "compose", "stores", "source"}},
    )
    return hashlib.sha256(json.dumps(comparable_dump(shape), sort_keys=True).encode()).hexdigest()


def read(folder: Path) -> Manifest:
    """The manifest of a run folder as it was written, whatever became of its writer since.

    Raises UsageError if there is none, or if it is broken or of a newer kato-bench."""
    path = folder / MANIFEST
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"{folder} is not a run folder: it has no {MANIFEST}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}.") from error
    try:
        found = json.loads(text)
        version = found["schema_version"]
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise UsageError(
                f"{path} has schema version {version}, but this kato-bench reads up to {SCHEMA_VERSION}; "
                "update kato-bench."
            )
        if version == 1:
            # Findings moved to `derived/advice.json`, which any version can write again.
            found.pop("findings", None)
            found["schema_version"] = SCHEMA_VERSION
        return Manifest.model_validate_json(json.dumps(found))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise UsageError(f"{path} is not a valid manifest: {where}: {first['msg']}.") from error
    except RecursionError:
        raise UsageError(f"{path} is not a valid manifest: it is nested too deeply.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is not a valid manifest: {error}.") from error


def write(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest of a run folder; after a crash either the old or the new one is there.

    Raises UsageError, in one sentence, if the disk is full or the folder cannot be written."""
    text = manifest.model_dump_json(indent=2) + "\n"
    try:
        with replacing(folder / MANIFEST) as file:
            file.write(text.encode())
    except OSError as error:
        raise UsageError(
            f"{write_failure(folder, error)}; make room, or name another folder with --out."
        ) from error


def hash_files(folder: Path) -> dict[str, FileFacts]:
    """Size and SHA-256 of each record file that is there, for `Manifest.files`."""
    return {name: file_facts(folder / name) for name in RECORD_FILES if (folder / name).exists()}


def file_facts(path: Path) -> FileFacts:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileFacts(sha256=digest, bytes=file.tell())
