"""Numbers as the advisor's sentences show them."""

from __future__ import annotations


def seconds(value: float) -> str:
    """Two significant digits in the unit that suits: 85 µs, 6.1 ms, 1.5 s."""
    for scale, unit in ((1e-6, "µs"), (1e-3, "ms")):
        if value < 999.5 * scale:
            return f"{value / scale:.2g} {unit}" if value < 99.5 * scale else f"{value / scale:.0f} {unit}"
    return f"{value:.3g} s"


def cores(value: float) -> str:
    """At most two digits behind the point: 0.93 core, 1 core, 1.4 cores."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return f"{text} core" if value <= 1 else f"{text} cores"


def rate(per_second: float) -> str:
    """Two significant digits: a forecast carries no more."""
    rounded = float(f"{per_second:.2g}")
    return f"{rounded:,.0f} requests/s" if rounded >= 10 else f"{rounded:g} requests/s"


def size(value: float) -> str:
    """Binary units as Redis counts them: 512 B, 20 MB, 8 GB."""
    for unit in ("B", "KB", "MB", "GB"):
        if abs(value) < 1023.5 or unit == "GB":
            return f"{value:.3g} {unit}" if abs(value) < 999.5 else f"{value:.0f} {unit}"
        value /= 1024
    raise AssertionError("unreachable")


def count(value: float) -> str:
    return f"{value:,.0f}"


def percent(share: float) -> str:
    return f"{share * 100:.0f} %"
