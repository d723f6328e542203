from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from bench.loadgen.distributed import messages
from bench.loadgen.distributed.messages import NonsenseError
from bench.loadgen.distributed.rendezvous import Step
from bench.plan import Arrivals, LoadersPlan, Plan

ORDER = messages.Order(
    plan=Plan(arrivals=Arrivals(rate=5.0), loaders=LoadersPlan(number=3, bind="127.0.0.1:0"), seed=2**70),
    process=2,
    base_url="http://127.0.0.1:8000",
    stores={},
    origin=1.25,
    run="abcd",
    clean_up=True,
    corpus="ab" * 32,
    boot="1",
    kato_version=None,
)


@pytest.mark.parametrize(
    "message",
    [
        ORDER,
        messages.Hello(version="1", host="a", pid=7),
        messages.At(step=Step.READY),
        messages.Leave(step=Step.READY, leads=True, start=12.5),
        messages.Pong(number=3, clock=99.125),
    ],
)
def test_what_is_told_is_what_is_heard(message: Any) -> None:
    assert messages.read(type(message), messages.packed(message)) == message


def test_frames_carry_bytes() -> None:
    piece = messages.Frames(number=0, data=b"\x00\xff")
    assert messages.read(messages.Frames, piece.model_dump()) == piece


@pytest.mark.parametrize(
    ("model", "data", "words"),
    [
        (messages.Order, messages.packed(ORDER.model_copy(update={"run": "../../x"})), "order run"),
        (messages.Order, messages.packed(ORDER.model_copy(update={"process": -1})), "order process"),
        (
            messages.Hello,
            {"json": '{"version": "1", "host": "a", "pid": 1, "code": "import os"}'},
            "hello code",
        ),
        (messages.Hello, {"json": "{"}, "hello"),
        (messages.Hello, None, "hello"),
        (messages.Hello, 7, "hello"),
        (messages.At, {"json": '{"step": 9}'}, "at step"),
        (messages.Pong, {"json": '{"number": 1, "clock": NaN}'}, "pong"),
        (messages.Frames, {"number": -1, "data": b""}, "frames number"),
        (messages.Frames, ["number"], "frames"),
    ],
)
def test_nonsense_is_refused_in_words(model: type[BaseModel], data: Any, words: str) -> None:
    with pytest.raises(NonsenseError, match=words):
        messages.read(model, data)  # type: ignore[type-var]
