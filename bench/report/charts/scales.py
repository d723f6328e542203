"""From values to places on an axis, and the values that an axis names."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Label = Callable[[float], str]
Tick = tuple[float, str]

_STEPS = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True)
class Scale:
    """`low` to `high` in the data's unit; `ticks`: the values that are named, with their names. `bend` makes
    the scale: even steps of `bend(value)` are even steps on the page."""

    low: float
    high: float
    ticks: tuple[Tick, ...]
    bend: Callable[[float], float] = float

    def share(self, value: float) -> float:
        """Where a value lies between the ends, from 0 to 1; what lies outside is at the nearer end."""
        if value == math.inf:
            return 1.0
        inside = min(max(value, self.low), self.high)
        start, end = self.bend(self.low), self.bend(self.high)
        return (self.bend(inside) - start) / (end - start)


def linear(low: float, high: float, label: Label, most: int = 5) -> Scale:
    """Even steps of 1, 2 or 5 times a power of ten."""
    high = high if high > low else low + 1.0
    step = _step((high - low) / most)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return Scale(low, high, tuple((n * step, label(n * step)) for n in range(first, last + 1)))


def from_zero(high: float, label: Label, most: int = 4) -> Scale:
    """From zero to a whole number of steps above `high`."""
    high = high if high > 0 else 1.0
    step = _step(high / most)
    return linear(0.0, step * max(1, math.ceil(high / step - 1e-9)), label, most=2 * most)


def logarithmic(low: float, high: float, label: Label, most: int = 6) -> Scale:
    """Even steps of factors, from 1, 2 or 5 times a power of ten below `low` > 0 to one above `high`."""
    values = [mantissa * 10.0**exponent for exponent in _decades(low, high) for mantissa in (1, 2, 5)]
    start = max(value for value in values if value <= low * (1 + 1e-9))
    end = min(value for value in values if value >= high * (1 - 1e-9) and value > start)
    named = [value for value in values if start <= value <= end]
    if len(named) > most:
        named = [value for value in named if math.isclose(math.log10(value), round(math.log10(value)))]
    return Scale(start, end, tuple((value, label(value)) for value in named), math.log)


def tail(highest: float, named: Sequence[float]) -> Scale:
    """Quantiles, each nine as wide as the one before: the scale of 1/(1-q), up to `highest` < 1."""
    ticks = tuple((q, f"{round(100 * q, 6):g}") for q in named if q <= highest)
    return Scale(0.0, highest, ticks, lambda q: -math.log10(1 - q))


def seconds_label(value: float) -> str:
    """A time on an axis: 500 µs, 20 ms, 1.5 s."""
    if value == 0:
        return "0"
    if value < 0.9995e-3:
        return f"{value * 1e6:.4g} µs"
    return f"{value * 1e3:.4g} ms" if value < 0.9995 else f"{value:.4g} s"


def clock(low: float, high: float, most: int = 10) -> Scale:
    """Time since the start of a run: seconds, or minutes and hours for a longer one."""
    span = high - low
    steps = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 86400)
    step = next((one for one in steps if span / one <= most), math.ceil(span / most / 86400) * 86400)
    numbers = range(math.ceil(low / step), math.floor(high / step) + 1)

    def label(second: int) -> str:
        if high <= 180:
            return f"{second} s"
        minutes, rest = divmod(second, 60)
        if high <= 7200:
            return f"{minutes}:{rest:02d} min"
        return f"{minutes // 60}:{minutes % 60:02d} h"

    return Scale(low, high, tuple((float(n * step), label(n * step)) for n in numbers))


def _step(least: float) -> float:
    exponent = math.floor(math.log10(least))
    return next(step * 10.0**exponent for step in _STEPS if step * 10.0**exponent >= least * (1 - 1e-9))


def _decades(low: float, high: float) -> range:
    return range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
