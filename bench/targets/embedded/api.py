"""Which KATO stands in front of the engines: our reference API, or what takes its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

from bench.addresses import Address
from bench.knobs.knob import Knob, Value
from bench.targets.base import SourceFacts
from bench.targets.embedded import parts
from bench.targets.embedded.parts import Part

Stores = Mapping[str, Address]


class Api(Protocol):
    """A KATO that can be started. `kind`: what the target's facts call it. `patience`: seconds until it must
    be ready. `makes_tables`: it brings the pattern store's tables, which then starts without any."""

    kind: Literal["embedded", "source"]
    patience: float
    makes_tables: bool

    def refusal(self, knob: Knob) -> str | None:
        """Why a knob cannot be set on it, and what to do instead; None = it can."""

    def prepare(self) -> None:
        """What comes before any part is started. Raises UsageError and PartFailedError."""

    def make_tables(self, port: int) -> None:
        """Make the tables in a pattern store of this machine that has none. Raises as `prepare` does."""

    def part(self, port: int, values: Mapping[str, Value], stores: Stores) -> Part:
        """The part to start once the stores are ready. `stores` by name: redis, qdrant, clickhouse."""

    def told(self, values: Mapping[str, Value], version: str | None) -> dict[str, Value]:
        """Those of the values that are known to be in force."""

    def source(self) -> SourceFacts | None:
        """What it was started from; None for what comes with kato-bench."""


class ReferenceApi:
    """Our own implementation of KATO's contract. `planted`: parsed faults."""

    kind: Literal["embedded", "source"] = "embedded"
    patience = 60.0
    makes_tables = False

    def __init__(self, planted: Mapping[str, str]) -> None:
        self._planted = planted

    def refusal(self, knob: Knob) -> str | None:
        return knob.refusal

    def prepare(self) -> None:
        parts.require_packages(("kato",))

    def make_tables(self, port: int) -> None:
        """The pattern store has KATO's table from the start."""

    def part(self, port: int, values: Mapping[str, Value], stores: Stores) -> Part:
        return parts.kato_part(port, values, self._planted, stores)

    def told(self, values: Mapping[str, Value], version: str | None) -> dict[str, Value]:
        return dict(values)

    def source(self) -> None:
        return None
