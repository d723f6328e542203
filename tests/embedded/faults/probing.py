"""What a probe is, and the register of all.

Tests and the table (`make fault-table`) share the probes: each measures, and says whether what it measured is
the fault's signature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.targets.embedded.faults import FAULTS, parse

from .bed import Bed


@dataclass(frozen=True)
class Seen:
    """`shown`: whether it is the signature; `text`: the figures, for people."""

    shown: bool
    text: str


@dataclass(frozen=True)
class Probe:
    """`measure(bed, value)` looks for the fault as if it were planted with `value`. `quick` is the value in
    tests, where the default takes too long to show."""

    measure: Callable[[Bed, str], Seen]
    workers: int = 1
    quick: str | None = None
    shown_at: str | None = None
    """The value in the table, where it is not the default."""

    def value(self, name: str, quick: bool) -> str:
        chosen = (self.quick if quick else None) or self.shown_at
        return parse([f"{name}={chosen}" if chosen else name])[name]


PROBES: dict[str, Probe] = {}


def probe(
    name: str, *, workers: int = 1, quick: str | None = None, shown_at: str | None = None
) -> Callable[[Callable[[Bed, str], Seen]], Callable[[Bed, str], Seen]]:
    """Registers the function as the probe of this fault."""

    def register(measure: Callable[[Bed, str], Seen]) -> Callable[[Bed, str], Seen]:
        assert name in FAULTS
        PROBES[name] = Probe(measure, workers, quick, shown_at)
        return measure

    return register
