"""What two sides must share, and what they are compared for."""

from __future__ import annotations

from typing import Any

import pytest
from made_values import LOAD, MACHINE, made

from bench.gate.comparable import compared, differences, mixed
from bench.gate.values import Compared
from bench.plan import Arrivals, Phases, Plan, TargetPlan, load_shape


def with_load(**changes: Any) -> Any:
    return made(load=load_shape(Plan(**{**LOAD.model_dump(), **changes})))


def on(**changes: Any) -> Any:
    return made(must_match=MACHINE.model_copy(update=changes))


@pytest.mark.parametrize(
    ("other", "names"),
    [
        (made(), []),
        (on(cpu_model="Xeon"), ["cpu_model: EPYC, Xeon"]),
        (on(cores=4), ["cores: 2, 4"]),
        (on(memory_bytes=4 * 2**30), [f"memory_bytes: {8 * 2**30}, {4 * 2**30}"]),
        (on(memory_bytes=8 * 2**30 - 2**20), []),
        (on(corpus="00" * 32), [f"corpus: {'ab' * 32}, {'00' * 32}"]),
        (on(engines={"redis": "Valkey 8.0.0"}), ["engines.redis: Valkey 9.1.2, Valkey 8.0.0"]),
        (on(target="3.9.0", engines={"kato": "KATO 3.9.0", "redis": "Valkey 9.1.2"}, plan="ef" * 32), []),
        (with_load(arrivals=Arrivals(kind="constant", rate=40.0)), ["load.arrivals.rate: 30.0, 40.0"]),
        (with_load(phases=Phases(measure=60.0)), ["load.phases.measure: 30.0, 60.0"]),
        (with_load(data={"nodes": 4}), ["load.data.patterns: 200, none"]),
        (with_load(session={"recall_threshold": 0.5}), ["load.session.recall_threshold: none, 0.5"]),
        (with_load(seed=9, tags={"commit": "x"}, connections=80, objectives=["errors < 1%"]), []),
        (with_load(target=TargetPlan(knobs={"uvicorn.workers": "2"}, faults={"cpu": "15%"})), []),
    ],
)
def test_what_must_match(other: Any, names: list[str]) -> None:
    assert differences([made(), other]) == names


def test_what_is_compared_is_named() -> None:
    a = Compared(kind="embedded", kato="3.10.1", profile="healthy", knobs={"uvicorn.workers": "1"})
    b = a.model_copy(update={"knobs": {"uvicorn.workers": "2"}, "faults": {"cpu": "15%"}, "kato": "3.11.0"})
    assert compared(a, a) == []
    assert compared(a, b) == [
        "kato: 3.10.1 -> 3.11.0",
        "knobs.uvicorn.workers: 1 -> 2",
        "faults.cpu: none -> 15%",
    ]
    assert mixed([made(compared=a), made(compared=a)]) == []
    assert mixed([made(compared=a), made(compared=b), made(compared=b)]) == compared(a, b)
