"""Numbers as people read them: about three digits, in the unit that suits."""

from __future__ import annotations

import math

from bench.stats.quantiles import Estimate

UNKNOWN = "n/a"
#: From here on three digits of milliseconds read 1 s.
_A_SECOND = 0.9995
#: A time that has no end.
ENDLESS = "no answer"


def decimals(value: float) -> int:
    """Places after the point that leave about three digits: 0.123, 0.85, 1.23, 12.3, 123."""
    size = abs(value)
    return 0 if size >= 99.95 else 1 if size >= 9.995 else 2 if size >= 0.0995 else 3


def number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.{decimals(value)}f}"


def milliseconds(seconds: float | None) -> str:
    """A time for a column headed ms; from one second on it names its unit: 0.85, 12.3, 1.25 s."""
    if seconds is None:
        return UNKNOWN
    if math.isinf(seconds):
        return ENDLESS
    return number(seconds * 1000) if _below_a_second(seconds) else f"{number(seconds)} s"


def with_unit(seconds: float) -> str:
    """A time in a sentence: 12.3 ms, 1.25 s."""
    shown = milliseconds(seconds)
    return shown if seconds >= _A_SECOND else f"{shown} ms"


def mebibytes(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value / 2**20:.0f}"


def estimate(what: Estimate, *, stacked: bool = False) -> str:
    """The value and its interval in the value's unit and digits: `12.3 (11.9–12.8)`, or one above the other.

    Only the value where there is no interval, `n/a` where there is no value."""
    return _with_interval(what, number(what.value), 1.0, stacked)


def duration(what: Estimate, *, stacked: bool = False) -> str:
    """The same for an estimate in seconds under a heading of ms: `12.3 (11.9–12.8)`, `1.25 s (1.20–1.31)`."""
    scale = 1000.0 if what.value is not None and _below_a_second(what.value) else 1.0
    return _with_interval(what, milliseconds(what.value), scale, stacked)


def _with_interval(what: Estimate, value: str, scale: float, stacked: bool) -> str:
    if what.value is None or what.low is None or what.high is None or math.isinf(what.value):
        return value
    places = decimals(what.value * scale)
    high = ENDLESS if math.isinf(what.high) else f"{what.high * scale:.{places}f}"
    interval = f"{what.low * scale:.{places}f}–{high}"
    return f"{value}\n{interval}" if stacked else f"{value} ({interval})"


def _below_a_second(seconds: float) -> bool:
    return seconds < _A_SECOND
