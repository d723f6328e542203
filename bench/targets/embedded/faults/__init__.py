"""Faults that the embedded deployment can be told to have, so that what finds faults can be examined.

`registry` lists them. Those of the API live in `bench.targets.embedded.kato.faults`, a slow path to a store
is a process of its own (`bench.targets.embedded.proxy`), and what happens at a time is done by `timed`."""

from bench.targets.embedded.faults.parsing import (
    knobs,
    parse,
    require_carried,
    require_free,
    variable,
    variables,
    warnings,
)
from bench.targets.embedded.faults.registry import FAULTS, Fault

__all__ = [
    "FAULTS",
    "Fault",
    "knobs",
    "parse",
    "require_carried",
    "require_free",
    "variable",
    "variables",
    "warnings",
]
