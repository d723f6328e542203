"""How a load changes with time: the kinds of arrivals that have no single rate.

Each says what it needs, how many requests it makes due, and itself in words. Rates are requests per second
over all sessions, times are seconds from the beginning of the part of the run that it belongs to. The due
times themselves come from `bench.loadgen.arrivals`.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

#: `poisson`: as chance would have it, at a rate that changes. `constant`: as even as the rate allows.
Spacing: TypeAlias = Literal["poisson", "constant"]
Rate: TypeAlias = Annotated[float, Field(ge=0)]
Seconds: TypeAlias = Annotated[float, Field(gt=0)]


class PlanPart(BaseModel):
    """What every part of a plan is: fixed once made, and without a key that nobody reads."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Ramp(PlanPart):
    """From the rate `start` to the rate `end`, evenly over the part."""

    kind: Literal["ramp"] = "ramp"
    start: Rate
    end: Rate
    spacing: Spacing = "poisson"

    @model_validator(mode="after")
    def _sends_something(self) -> Ramp:
        if self.start == self.end == 0:
            raise ValueError("a ramp from 0 to 0 sends nothing")
        return self

    @property
    def peak(self) -> float:
        return max(self.start, self.end)

    def expected(self, seconds: float) -> float:
        return (self.start + self.end) / 2 * seconds

    def misfit(self, seconds: float) -> str | None:
        return None

    @property
    def words(self) -> str:
        return f"ramp from {self.start:g}/s to {self.end:g}/s{_evenly(self.spacing)}"


class Step(PlanPart):
    """One rate after the other. `lengths`: seconds of each; None = equal shares of the part."""

    kind: Literal["step"] = "step"
    rates: tuple[Rate, ...] = Field(min_length=1)
    lengths: tuple[Seconds, ...] | None = None
    spacing: Spacing = "poisson"

    @model_validator(mode="after")
    def _has_a_length_for_each(self) -> Step:
        if not any(self.rates):
            raise ValueError("steps of rate 0 send nothing")
        if self.lengths is not None and len(self.lengths) != len(self.rates):
            raise ValueError(f"{len(self.rates)} rates need as many lengths, not {len(self.lengths)}")
        return self

    @property
    def peak(self) -> float:
        return max(self.rates)

    def pieces(self, seconds: float) -> list[tuple[float, float]]:
        """(rate, seconds) of each step."""
        lengths = self.lengths or (seconds / len(self.rates),) * len(self.rates)
        return list(zip(self.rates, lengths, strict=True))

    def expected(self, seconds: float) -> float:
        return _area(self.pieces(seconds))

    def misfit(self, seconds: float) -> str | None:
        if self.lengths is None or math.isclose(sum(self.lengths), seconds, rel_tol=1e-9):
            return None
        return (
            f"the steps last {sum(self.lengths):g} s together, but the phase {seconds:g} s: make them equal, "
            "or leave the lengths out"
        )

    @property
    def words(self) -> str:
        if self.lengths is None:
            shown = ", ".join(f"{rate:g}/s" for rate in self.rates)
        else:
            pairs = zip(self.rates, self.lengths, strict=True)
            shown = ", ".join(f"{rate:g}/s for {length:g} s" for rate, length in pairs)
        return f"steps of {shown}{_evenly(self.spacing)}"


class Spike(PlanPart):
    """The rate `base`, but `peak` from second `at` on for `length` seconds."""

    kind: Literal["spike"] = "spike"
    base: Rate
    peak: Rate
    at: float = Field(ge=0)
    length: Seconds
    spacing: Spacing = "poisson"

    @model_validator(mode="after")
    def _rises(self) -> Spike:
        if self.peak <= self.base:
            raise ValueError(f"the peak ({self.peak:g}/s) must be above the base ({self.base:g}/s)")
        return self

    def pieces(self, seconds: float) -> list[tuple[float, float]]:
        """(rate, seconds) before, in and after the spike."""
        rest = max(0.0, seconds - self.at - self.length)
        return [(self.base, self.at), (self.peak, self.length), (self.base, rest)]

    def expected(self, seconds: float) -> float:
        return _area(self.pieces(seconds))

    def misfit(self, seconds: float) -> str | None:
        over = self.at + self.length
        if over <= seconds * (1 + 1e-9):
            return None
        return f"the spike ends after {over:g} s, but the phase after {seconds:g} s: let it begin earlier"

    @property
    def words(self) -> str:
        return (
            f"{self.base:g}/s with a spike of {self.peak:g}/s from {self.at:g} s on for {self.length:g} s"
            f"{_evenly(self.spacing)}"
        )


class Sine(PlanPart):
    """Waves around the rate `mean`, up and down by `amplitude`, one in `period` seconds, upwards first."""

    kind: Literal["sine"] = "sine"
    mean: float = Field(gt=0)
    amplitude: Rate
    period: Seconds
    spacing: Spacing = "poisson"

    @model_validator(mode="after")
    def _is_never_below_zero(self) -> Sine:
        if self.amplitude > self.mean:
            raise ValueError(
                f"an amplitude of {self.amplitude:g}/s around {self.mean:g}/s goes below zero: "
                f"give up to {self.mean:g}"
            )
        return self

    @property
    def peak(self) -> float:
        return self.mean + self.amplitude

    def expected(self, seconds: float) -> float:
        waves = 2 * math.pi / self.period
        return self.mean * seconds + self.amplitude / waves * (1 - math.cos(waves * seconds))

    def misfit(self, seconds: float) -> str | None:
        return None

    @property
    def words(self) -> str:
        low = self.mean - self.amplitude
        return f"waves between {low:g}/s and {self.peak:g}/s every {self.period:g} s{_evenly(self.spacing)}"


class Trace(PlanPart):
    """Requests due as a file recorded them (`bench.loadgen.traces`), `speed` times as fast.

    `count` timestamps that span `lasts` seconds as recorded; `sha256` of the file's content, so that another
    file of the same name is noticed."""

    kind: Literal["trace"] = "trace"
    file: str
    column: str | None = None
    speed: float = Field(default=1.0, gt=0)
    sha256: str
    count: int = Field(gt=0)
    lasts: float = Field(ge=0)

    @property
    def times(self) -> tuple[str, str | None]:
        """Which times are meant: another column of the same content holds others."""
        return self.sha256, self.column

    @property
    def peak(self) -> float | None:
        """Not known without reading the file."""
        return None

    def expected(self, seconds: float) -> float:
        """All of them, or the part's share of an even trace where it is longer than the part."""
        lasts = self.lasts / self.speed
        return self.count if lasts <= seconds else self.count * seconds / lasts

    def misfit(self, seconds: float) -> str | None:
        return None

    @property
    def words(self) -> str:
        name = self.file.replace("\\", "/").rpartition("/")[2]
        fast = "" if self.speed == 1 else f", {self.speed:g} times as fast"
        return f"the {self.count} requests recorded in {name}{fast}"


Course: TypeAlias = Annotated[Ramp | Step | Spike | Sine | Trace, Field(discriminator="kind")]


def _area(pieces: list[tuple[float, float]]) -> float:
    return math.fsum(rate * length for rate, length in pieces)


def _evenly(spacing: Spacing) -> str:
    return ", evenly spaced" if spacing == "constant" else ""
