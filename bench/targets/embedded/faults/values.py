"""How the values of faults are written: each form has one spelling, and one meaning in seconds, bytes or
shares. Pure; the deployment and the API read values here alike."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

ON = "on"
"""The spelling of a fault that has no value."""

_NUMBER = r"(\d+(?:\.\d*)?|\.\d+)"
_TIME = re.compile(rf"{_NUMBER}\s*(ms|s|min)", re.ASCII)
_SIZE = re.compile(rf"{_NUMBER}\s*(B|kB|MB|KiB|MiB)", re.ASCII)
_SHARE = re.compile(rf"{_NUMBER}\s*%", re.ASCII)
_SECONDS = {"ms": 1e-3, "s": 1.0, "min": 60.0}
_BYTES = {"B": 1, "kB": 1000, "MB": 1000**2, "KiB": 1 << 10, "MiB": 1 << 20}

Spell = Callable[[str], str | None]


@dataclass(frozen=True)
class Form:
    """`words` say what is legal; `spell` gives the one spelling of a text, None for one that is not legal."""

    words: str
    spell: Spell


@dataclass(frozen=True)
class Latency:
    """Seconds that are added: always `mean`, or drawn from an exponential distribution of that mean."""

    mean: float
    exponential: bool = False


@dataclass(frozen=True)
class Cpu:
    """What a request burns: a share of what it used itself, or so many CPU-seconds."""

    share: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True)
class Hang:
    """A store that stops answering `start` seconds after the deployment is ready, and a client that waits
    `patience` seconds for each answer."""

    patience: float
    start: float


def seconds(text: str) -> float | None:
    """`50ms`, `1.5s` or `2min` in seconds; None for another text."""
    match = _TIME.fullmatch(text)
    return float(match[1]) * _SECONDS[match[2]] if match else None


def size(text: str) -> int | None:
    """`10kB` in bytes (kB and MB are decimal, KiB and MiB binary); None for another text."""
    match = _SIZE.fullmatch(text)
    return round(float(match[1]) * _BYTES[match[2]]) if match else None


def share(text: str) -> float | None:
    """`15%` as 0.15; None for another text."""
    match = _SHARE.fullmatch(text)
    return float(match[1]) / 100 if match else None


def count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() else None


def latency(text: str) -> Latency | None:
    """`50ms`, or `exp:50ms` for the mean of an exponential distribution; None for another text."""
    law, colon, rest = text.rpartition(":")
    mean = seconds(rest.strip())
    if mean is None or (colon and law.strip() != "exp"):
        return None
    return Latency(mean, bool(colon))


def cpu(text: str) -> Cpu | None:
    """`15%` or `5ms`; None for another text."""
    part, time = share(text), seconds(text)
    if part is not None:
        return Cpu(share=part)
    return None if time is None else Cpu(seconds=time)


def hang(text: str) -> Hang | None:
    """`30s@10s`, patience and start; None for another text."""
    patience, _, start = text.partition("@")
    waits, begins = seconds(patience.strip()), seconds(start.strip())
    return None if waits is None or begins is None else Hang(waits, begins)


def spell_seconds(value: float) -> str:
    return f"{value:g}s" if value >= 1 or value == 0 else f"{1000 * value:g}ms"


def spell_size(value: int) -> str:
    for unit in ("MB", "kB"):
        if value >= _BYTES[unit]:
            return f"{value / _BYTES[unit]:g}{unit}"
    return f"{value}B"


def switch() -> Form:
    return Form("no value", lambda text: ON if text == ON else None)


def a_time(low: float, high: float) -> Form:
    def spell(text: str) -> str | None:
        value = seconds(text)
        return spell_seconds(value) if value is not None and low <= value <= high else None

    return Form(f"a time from {spell_seconds(low)} up to {spell_seconds(high)}", spell)


def a_count(low: int, high: int) -> Form:
    def spell(text: str) -> str | None:
        value = count(text)
        return str(value) if value is not None and low <= value <= high else None

    return Form(f"a whole number from {low} up to {high}", spell)


def a_size(high: int) -> Form:
    def spell(text: str) -> str | None:
        value = size(text)
        return spell_size(value) if value is not None and 0 < value <= high else None

    return Form(f"a size up to {spell_size(high)}", spell)


def a_share(high: float) -> Form:
    def spell(text: str) -> str | None:
        value = share(text)
        return f"{100 * value:g}%" if value is not None and 0 < value <= high else None

    return Form(f"a share up to {100 * high:g}%", spell)


def a_latency(high: float) -> Form:
    def spell(text: str) -> str | None:
        value = latency(text)
        if value is None or not 0 < value.mean <= high:
            return None
        return ("exp:" if value.exponential else "") + spell_seconds(value.mean)

    return Form(
        f"a time up to {spell_seconds(high)}, or exp: and the mean of exponentially distributed ones", spell
    )


def a_cpu(most: float, longest: float) -> Form:
    of_share, of_time = a_share(most), a_time(1e-6, longest)

    def spell(text: str) -> str | None:
        return of_share.spell(text) or of_time.spell(text)

    return Form(f"{of_share.words} of its own CPU, or a CPU time up to {spell_seconds(longest)}", spell)


def a_hang(patience: float, latest: float) -> Form:
    def spell(text: str) -> str | None:
        """The start may be left out."""
        value = hang(text if "@" in text else f"{text}@10s")
        if value is None or not (0 < value.patience <= patience and value.start <= latest):
            return None
        return f"{spell_seconds(value.patience)}@{spell_seconds(value.start)}"

    return Form(
        f"how long the API waits for an answer, up to {spell_seconds(patience)}, perhaps with @ and the time "
        "after the start from which there is none",
        spell,
    )
