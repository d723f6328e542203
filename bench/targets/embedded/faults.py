"""Faults that the reference API can be told to have, so that what finds faults can be examined.

cpu=15%    every request burns 15 % more CPU in the API than it needs
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from bench.errors import UsageError

#: Fault -> the API's environment variable.
_VARIABLES = {"cpu": "KATO_BENCH_FAULT_CPU"}
_PERCENT = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*%")
_MOST_PERCENT = 1000.0


def parse(texts: Sequence[str]) -> dict[str, str]:
    """Fault -> value in its one spelling, from `FAULT=VALUE` texts.

    Raises UsageError for an unknown fault, a malformed value, or two values of one fault."""
    found: dict[str, str] = {}
    for text in texts:
        name, _, value = (part.strip() for part in text.partition("="))
        if name not in _VARIABLES:
            raise UsageError(f"--fault {text}: there is no fault {name!r}, only cpu, written cpu=15%.")
        percent = _percent(value)
        if percent is None:
            raise UsageError(f"--fault {text}: give a share up to {_MOST_PERCENT:g}%, as in cpu=15%.")
        spelled = f"{percent:g}%"
        if found.setdefault(name, spelled) != spelled:
            raise UsageError(f"--fault {name}: given two values, {found[name]} and {spelled}.")
    return found


def variables(faults: Mapping[str, str]) -> dict[str, str]:
    """The API's environment for parsed faults; shares as numbers, 0.15 for 15 %."""
    return {_VARIABLES[name]: repr(float(value.rstrip("%")) / 100) for name, value in faults.items()}


def _percent(text: str) -> float | None:
    match = _PERCENT.fullmatch(text)
    percent = float(match[1]) if match else math.nan
    return percent if 0 < percent <= _MOST_PERCENT else None
