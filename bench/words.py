"""Numbers as every sentence shows them: three digits, in the unit that suits."""

from __future__ import annotations

import math


def seconds(value: float) -> str:
    """850 µs, 12.3 ms, 1.5 s. Infinite: no answer came."""
    if math.isinf(value):
        return "without end (no answer)"
    for scale, unit in ((1e-6, "µs"), (1e-3, "ms")):
        if abs(value) < 999.5 * scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value:.3g} s" if abs(value) < 999.5 else f"{value:.0f} s"


def size(in_bytes: float) -> str:
    """512 B, 20 MiB, 8 GiB."""
    value, unit = in_bytes, "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if abs(value) < 1023.5:
            break
        value, unit = value / 1024, larger
    return f"{value:.3g} {unit}" if abs(value) < 999.5 else f"{value:.0f} {unit}"


def count(value: float) -> str:
    """A whole number in groups of three: 12 345."""
    return f"{value:,.0f}".replace(",", " ")


def percent(share: float) -> str:
    """Two digits of a share: 0.0123 is 1.2 %. Only what is all of it is 100 %, up to rounding."""
    return f"{100 * share:.2g} %" if abs(share) < 0.995 else f"{100 * share:.0f} %"


def rate(per_second: float) -> str:
    """0.25/s, 12.3/s, 1 230/s."""
    return f"{_three_digits(per_second)}/s"


def requests(per_second: float) -> str:
    """12.3 requests/s."""
    return f"{_three_digits(per_second)} requests/s"


def cores(value: float) -> str:
    """At most two digits behind the point: 0.93 core, 1 core, 1.4 cores."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return f"{text} core" if value <= 1 else f"{text} cores"


def _three_digits(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 999.5 else count(value)
