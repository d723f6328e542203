"""Whether two sides may be compared at all.

They must share the machine (CPU model, cores, memory), the stores' versions, the text and the load. What they
are compared *for* may differ: KATO's version, the target's profile, knobs and faults, or its address.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bench.gate.values import Compared, RunValues, flat

#: Memory of equal machines differs by what their kernels keep for themselves.
_MEMORY = 0.05


def differences(runs: Sequence[RunValues]) -> list[str]:
    """One `field: this, that` for each thing in which the runs differ and must not; empty = comparable."""
    world = [_world(run) for run in runs]
    names = dict.fromkeys(name for one in world for name in one)
    found = []
    for name in names:
        values = list(dict.fromkeys(_shown(one.get(name)) for one in world))
        if len(values) > 1 and not (name == "memory_bytes" and _alike([one[name] for one in world])):
            found.append(f"{name}: {', '.join(values)}")
    return found


def compared(a: Compared, b: Compared) -> list[str]:
    """One `field: A -> B` for each thing that the two sides are compared for."""
    sides = [flat(side.model_dump()) for side in (a, b)]
    names = dict.fromkeys(name for side in sides for name in side if name not in ("knobs", "faults"))
    return [
        f"{name}: {_shown(sides[0].get(name))} -> {_shown(sides[1].get(name))}"
        for name in names
        if sides[0].get(name) != sides[1].get(name)
    ]


def mixed(runs: Sequence[RunValues]) -> list[str]:
    """In which of the compared things runs of one side differ from its first."""
    return list(dict.fromkeys(line for run in runs for line in compared(runs[0].compared, run.compared)))


def _world(run: RunValues) -> dict[str, Any]:
    return dict(_machine(run)) | {f"load.{name}": value for name, value in flat(run.load).items()}


def _machine(run: RunValues) -> Iterator[tuple[str, Any]]:
    match = run.must_match
    yield "cpu_model", match.cpu_model
    yield "cores", match.cores
    yield "memory_bytes", match.memory_bytes
    yield "corpus", match.corpus
    for part, version in match.engines.items():
        if part != "kato":
            yield f"engines.{part}", version


def _alike(sizes: Sequence[int]) -> bool:
    return min(sizes) >= (1 - _MEMORY) * max(sizes)


def _shown(value: Any) -> str:
    return "none" if value is None else str(value)
