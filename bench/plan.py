"""The plan of a run: everything that is needed to do it again."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Option = int | float | str | bool

#: Options that every scenario counts its nodes and sessions by.
_COUNTS = frozenset({"nodes", "sessions"})


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Arrivals(_Part):
    """When requests are due. `poisson` and `constant`: `rate` per second over all sessions (open model).
    `closed`: `users` sessions that each send their next request `think` seconds after the last answer."""

    kind: Literal["poisson", "constant", "closed"] = "poisson"
    rate: float | None = Field(default=None, gt=0)
    users: int | None = Field(default=None, gt=0)
    think: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _has_its_number(self) -> Arrivals:
        if self.kind == "closed" and self.users is None:
            raise ValueError("closed arrivals need users")
        if self.kind != "closed" and self.rate is None:
            raise ValueError(f"{self.kind} arrivals need a rate")
        return self


class Phases(_Part):
    """Lengths of the timed phases in seconds. `preload` takes as long as its data needs."""

    warmup: float = Field(default=5.0, ge=0)
    measure: float = Field(default=30.0, gt=0)
    drain: float = Field(default=10.0, ge=0, description="longest wait for open requests at the end")


class TargetPlan(_Part):
    """What is loaded: `embedded` (with its profile, knobs and planted faults) or a URL, perhaps with the
    addresses of its stores."""

    kind: Literal["embedded", "url"] = "embedded"
    url: str | None = None
    stores: dict[str, str] = Field(
        default_factory=dict, description="addresses of a URL target's stores: redis, qdrant, clickhouse"
    )
    profile: Literal["healthy", "shipped"] = "healthy"
    knobs: dict[str, str] = Field(default_factory=dict, description="--set, by canonical knob name")
    faults: dict[str, str] = Field(default_factory=dict, description="--fault, by name")


class Plan(_Part):
    scenario: str = "chat"
    arrivals: Arrivals
    phases: Phases = Phases()
    target: TargetPlan = TargetPlan()
    data: dict[str, Option] = Field(
        default_factory=dict, description="the scenario's options, all of them, defaults filled in"
    )
    session: dict[str, object] = Field(default_factory=dict, description="KATO config of every session")
    corpus: str | None = Field(default=None, description="path of the user's own corpus; null = built in")
    objectives: list[str] = Field(default_factory=list)
    connections: int | None = Field(
        default=None, gt=0, description="most connections open to the target at once; null = what it takes"
    )
    timeout: float = Field(default=30.0, gt=0, description="seconds until a request counts as timed out")
    seed: int = 1
    tags: dict[str, str] = Field(default_factory=dict)
    keep_data: bool = False

    @field_validator("data")
    @classmethod
    def _counts_are_whole(cls, data: dict[str, Option]) -> dict[str, Option]:
        for name in _COUNTS & data.keys():
            if isinstance(data[name], bool) or not isinstance(data[name], int):
                raise ValueError(f"{name} is a whole number")
        return data


def load_shape(plan: Plan) -> dict[str, Any]:
    """What two plans must share before the targets they load may be compared: scenario, arrivals, phases,
    data, session config and timeout.

    Left out, besides what changes no measurement: the target, which is what is compared; the connections,
    which follow its workers; the corpus' path, because the fingerprint has the hash of its content."""
    return plan.model_dump(
        mode="json", include={"scenario", "arrivals", "phases", "data", "session", "timeout"}
    )


def session_value(text: str) -> object:
    """A session config value as `--session` takes it: JSON where it is JSON (numbers, true, lists), else the
    text itself. Raises ValueError for a number that JSON cannot hold, RecursionError for endless nesting."""
    try:
        value: object = json.loads(text)
    except ValueError:
        return text
    # Python reads NaN, and 1e999 as infinity, but no JSON may hold them.
    json.dumps(value, allow_nan=False)
    return value
