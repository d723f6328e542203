"""The events of a run, checked as they are read, so that nobody else has to doubt them.

Importing this module imports pydantic.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    NonNegativeFloat,
    NonNegativeInt,
    ValidationError,
    model_validator,
)

from bench.errors import UsageError
from bench.record.vocabulary import PART, RECALL, RECALL_MISSING, VERIFIED, WRONG_ANSWER


class _Event(BaseModel):
    """What every event has: when (seconds since the run's origin) and what kind. It may have more."""

    model_config = ConfigDict(extra="allow", strict=True)

    t: FiniteFloat
    kind: str


class _Phase(_Event):
    start: FiniteFloat = 0.0


class _Part(_Event):
    number: int
    name: str
    start: FiniteFloat
    load: str


class _Recall(_Event):
    collection: str
    points: int
    indexed: int | None
    dimension: int
    k: int = Field(gt=0)
    ef: int | None
    quantisation_ignored: bool
    hits: list[int]
    seconds: list[NonNegativeFloat]

    @model_validator(mode="after")
    def _hits_are_searches(self) -> _Recall:
        if self.hits and not 0 <= min(self.hits) <= max(self.hits) <= self.k:
            raise ValueError(f"hits are from 0 to k, which is {self.k}")
        if self.hits and not self.seconds:
            raise ValueError("there are hits but no seconds")
        return self


class _RecallMissing(_Event):
    collection: str
    reason: str


class _Verified(_Event):
    asked: NonNegativeInt
    sampled: NonNegativeInt
    replayed: NonNegativeInt
    wrong: NonNegativeInt
    unanswered: NonNegativeInt
    too_large: NonNegativeInt
    uncertain: NonNegativeInt
    taught_nodes: NonNegativeInt
    reason: str | None
    seconds: NonNegativeFloat

    @model_validator(mode="after")
    def _wrong_answers_were_compared(self) -> _Verified:
        if self.wrong > self.replayed:
            raise ValueError(f"{self.wrong} of {self.replayed} answers are no share")
        return self


class _WrongAnswer(_Event):
    node: int
    session: int
    told: NonNegativeInt
    field: str
    expected: str
    got: str
    differences: int = Field(gt=0)


_MODELS: dict[str, type[_Event]] = {
    "phase": _Phase,
    PART: _Part,
    RECALL: _Recall,
    RECALL_MISSING: _RecallMissing,
    VERIFIED: _Verified,
    WRONG_ANSWER: _WrongAnswer,
}


def read_events(path: Path) -> list[dict[str, Any]]:
    """The events of a file in order, none if it is missing; a last line that was cut off is left out.

    Raises UsageError, with the number of the line, for one that is no event."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    lines = content.split(b"\n")[:-1]
    return [_event(path, number, line) for number, line in enumerate(lines, 1)]


def _event(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        found: Any = json.loads(line)
        kind = _Event.model_validate(found).kind
        if kind in _MODELS:
            _MODELS[kind].model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        reason = f"{place}: {first['msg']}" if place else first["msg"]
    except (ValueError, RecursionError):
        reason = "it is no JSON"
    else:
        event: dict[str, Any] = found
        return event
    raise UsageError(
        f"{path}, line {number} is damaged ({reason}); put the run's own back, or measure again."
    )
