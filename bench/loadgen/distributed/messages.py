"""What master and workers say to each other, on top of Locust's own protocol.

Each message is a type and a JSON text that one of these models checks; only FRAMES carry bytes.
Code never travels: a worker runs a scenario that it has installed itself, by name.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.loadgen.distributed.rendezvous import Step
from bench.plan import MOST_PROCESSES, Plan

#: Types of messages. From workers: HELLO, PONG, CANNOT, AT, FRAMES. From the master: all the others.
HELLO, PONG, CANNOT, AT, FRAMES = (
    f"kato_bench_{name}" for name in ("hello", "pong", "cannot", "at", "frames")
)
REFUSAL, PING, ORDER, GO, STOP, BYE = (
    f"kato_bench_{name}" for name in ("refusal", "ping", "order", "go", "stop", "bye")
)
FROM_WORKERS = (HELLO, PONG, CANNOT, AT, FRAMES)
FROM_MASTER = (REFUSAL, PING, ORDER, GO, STOP, BYE)


class Message(BaseModel):
    """What every one of them is: checked, and never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Hello(Message):
    """A worker has come. `version` is kato-bench's; `host` and `pid` say who it is."""

    version: str = Field(max_length=100)
    host: str = Field(max_length=300)
    pid: int


class Told(Message):
    """A refusal by the master, or why a worker cannot do what it is to do, in one sentence."""

    sentence: str = Field(max_length=2000)


class Ping(Message):
    number: int


class Pong(Message):
    """The answer to a ping: the worker's monotonic clock, in seconds."""

    number: int
    clock: float


class Order(Message):
    """What a worker is to do: its share is number `process` of the plan's processes. `origin` is the run's
    second 0 on the worker's own monotonic clock; `corpus` the SHA-256 of the text that is sent; `boot` tells
    the master's machine from others; `kato_version` is what the target said to the master."""

    plan: Plan
    process: int = Field(ge=0, lt=MOST_PROCESSES)
    base_url: str
    stores: dict[str, str]
    origin: float
    run: str = Field(pattern=r"^[A-Za-z0-9]+$")
    clean_up: bool
    corpus: str
    boot: str
    kato_version: str | None


class At(Message):
    """A worker has come to a step, and has taught these nodes."""

    step: Step
    taught: tuple[int, ...] = ()


class Leave(Message):
    """Leave to go on from a step (`rendezvous.Go`); `start` on the worker's own monotonic clock."""

    step: Step
    leads: bool
    start: float | None
    taught: tuple[int, ...] = ()


class Frames(Message):
    """A piece of the stream of frames for the recorder; pieces are numbered from 0."""

    number: int = Field(ge=0)
    data: bytes


class NonsenseError(Exception):
    """A message does not have the shape that it must have; the text says where."""


Model = TypeVar("Model", bound=Message)


def packed(message: Message) -> dict[str, Any]:
    """A message as Locust sends it. JSON, because numbers of any size fit into it."""
    return {"json": message.model_dump_json()}


def read(model: type[Model], data: Any) -> Model:
    """A message's data as its model. Raises NonsenseError."""
    try:
        if model is Frames:
            return model.model_validate(data)
        text = data.get("json") if isinstance(data, dict) else None
        return model.model_validate_json(text if isinstance(text, str) else "")
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        raise NonsenseError(f"{model.__name__.lower()} {place}: {first['msg']}".strip()) from None
