"""Numbers as the sentences of this room show them."""

from __future__ import annotations

import math


def duration(seconds: float) -> str:
    """Three significant digits in the unit that suits: 850 µs, 12.3 ms, 1.5 s. Infinite: no answer came."""
    if math.isinf(seconds):
        return "without end (no answer)"
    for scale, unit in ((1e-6, "µs"), (1e-3, "ms")):
        if abs(seconds) < 0.9995 * scale * 1000:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds:.4g} s"


def share(ratio: float) -> str:
    """A ratio in percent: 0.0123 is 1.23 %."""
    return f"{ratio * 100:.3g} %"


def frequency(per_second: float) -> str:
    return f"{per_second:.4g}/s"
