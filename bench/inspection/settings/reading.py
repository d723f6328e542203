"""How a text becomes the value of a knob."""

from __future__ import annotations

import re

from bench.knobs.knob import Knob, KnobError, Value


def value_of(knob: Knob, text: str) -> Value:
    """The value, or the text itself where it is none that the knob may have."""
    try:
        return knob.read(text)
    except KnobError:
        return text


def number_of(knob: Knob, text: str) -> Value:
    """As `value_of`, for servers that write `auto(2)` where a number follows the machine, and quote it."""
    if knob.kind in ("int", "float", "bytes"):
        match = re.search(r"-?\d+(\.\d+)?", text)
        return value_of(knob, match[0]) if match else text
    return value_of(knob, text)
