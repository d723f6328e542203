"""The faults that this API has when it is told to; `bench.targets.embedded.faults` lists them.

Each is a subclass or a middleware in place of the healthy piece; `planting` puts them there."""

from bench.targets.embedded.kato.faults.cpu import CpuFault, Metered
from bench.targets.embedded.kato.faults.planted import Planted

__all__ = ["CpuFault", "Metered", "Planted"]
