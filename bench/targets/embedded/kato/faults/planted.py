"""Which faults one worker has, read from its environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from bench.targets.embedded.faults import FAULTS, values, variable
from bench.targets.embedded.faults.values import Cpu, Hang, Latency

T = TypeVar("T")


@dataclass(frozen=True)
class Planted:
    """Times are in seconds, sizes in bytes, shares are fractions; the defaults plant nothing."""

    deadlock: bool = False
    session_pool: int | None = None
    lost_updates: bool = False
    node_eviction: int | None = None
    stall: float | None = None
    process_pool: int | None = None
    quote: int | None = None
    store_hang: Hang | None = None
    ram_index: int = 0
    """Of one pattern."""
    lying_metrics: float | None = None
    latency: Latency | None = None
    leak: int = 0
    cpu: Cpu = field(default_factory=Cpu)


def read(env: Mapping[str, str]) -> Planted:
    """Raises ValueError, naming the variable, for a malformed value."""
    return Planted(
        deadlock=_value(env, "deadlock", _switch) or False,
        session_pool=_value(env, "session-pool", values.count),
        lost_updates=_value(env, "lost-updates", _switch) or False,
        node_eviction=_value(env, "node-eviction", values.count),
        stall=_value(env, "stall", values.seconds),
        process_pool=_value(env, "process-pool", values.count),
        quote=_value(env, "quote", values.count),
        store_hang=_value(env, "store-hang", values.hang),
        ram_index=_value(env, "ram-index", values.size) or 0,
        lying_metrics=_value(env, "lying-metrics", values.share),
        latency=_value(env, "latency", values.latency),
        leak=_value(env, "leak", values.size) or 0,
        cpu=_value(env, "cpu", values.cpu) or Cpu(),
    )


def _value(env: Mapping[str, str], name: str, of_text: Callable[[str], T | None]) -> T | None:
    text = env.get(variable(name))
    if not text:
        return None
    value = of_text(text)
    if value is None:
        raise ValueError(f"{variable(name)} must be {FAULTS[name].form.words}, but it is {text!r}.")
    return value


def _switch(text: str) -> bool | None:
    return True if text == values.ON else None
