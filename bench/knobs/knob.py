"""What a knob is, and how its values are read."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Literal

from bench.knobs.homes import LIVE, OUT_OF_REACH, SET, Home

__all__ = [
    "CoresLess", "Danger", "Effect", "Home", "Kind", "Knob", "KnobError", "Profile", "State", "UnknownKnob",
    "Value",
]  # fmt: skip

Value = int | float | bool | str
Kind = Literal["int", "float", "bool", "enum", "list", "bytes", "string"]
Effect = Literal["live", "restart", "rebuild"]
Profile = Literal["healthy", "shipped"]

#: `live`: it acts. `reported`: it is only repeated in answers. `unused`: it is read, and nothing uses it.
#: `unread`: a name that documents or shipped files give and no code reads.
State = Literal["live", "reported", "unused", "unread"]

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
# Redis' own units: k, m, g are decimal, kb, mb, gb binary.
_BYTE_UNITS = {
    "": 1, "b": 1, "k": 1000, "kb": 1 << 10, "m": 1000**2, "mb": 1 << 20, "g": 1000**3, "gb": 1 << 30,
}  # fmt: skip


class KnobError(ValueError):
    """A setting that cannot be taken; the text names the knob, the value and what is legal."""


class UnknownKnob(KnobError):  # noqa: N818
    """No knob has this name; the text names the nearest ones."""


@dataclass(frozen=True)
class CoresLess:
    """A default that depends on the machine: its cores less `spare`, at least 1."""

    spare: int

    def on(self, cores: int) -> int:
        return max(1, cores - self.spare)


@dataclass(frozen=True)
class Danger:
    """Values that do harm whatever else is set: those listed, or with `others` all but those. `why` is a
    clause about the harm."""

    values: tuple[Value, ...]
    why: str
    others: bool = False

    def holds(self, value: Value) -> bool:
        return (value in self.values) != self.others


@dataclass(frozen=True)
class Knob:
    """One setting of one system.

    `home` and `spelled` say where it lives and what it is called there. `shipped` is the value that KATO
    ships (None: KATO leaves it to the system), `healthy` the one of the healthy profile (None: as shipped),
    `own` the system's own default (None: it depends on version or machine, or there is none). `low` and
    `high` are inclusive. `effect`: what it takes until a change acts. `influences`: what moves with it.

    `state` says whether it acts, in the versions of `holds_for`; where it does not, `why` says what became of
    it, and `instead` names the knob that acts in its place. `crashes`: the values with which the system does
    not start. `dangers`: those that do harm. A knob that is `wiring` holds an address, a credential or a name
    that whoever deploys the parts decides; it is never tuned. `unsettable`: why the embedded target cannot be
    given it, and what to do instead, where its home does not say so already. `source` names the evidence."""

    name: str
    system: str
    kind: Kind
    home: Home
    spelled: str
    source: str
    influences: str
    holds_for: str
    aliases: tuple[str, ...] = ()
    shipped: Value | None = None
    healthy: Value | CoresLess | None = None
    own: Value | None = None
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    unit: str | None = None
    effect: Effect = "restart"
    state: State = "live"
    why: str | None = None
    instead: str | None = None
    crashes: str | None = None
    dangers: tuple[Danger, ...] = ()
    wiring: bool = False
    unsettable: str | None = None

    @property
    def live(self) -> str:
        """Where its value in force is read."""
        # KATO's own container is the one without a suffix.
        return LIVE[self.home].format(self.spelled).replace("kato-kato", "kato")

    @property
    def where(self) -> str:
        """Where it is set."""
        return SET[self.home].format(self.spelled)

    @property
    def acts(self) -> bool:
        return self.state == "live"

    @property
    def usual(self) -> Value | None:
        """The value where nobody set it: what KATO ships, else the system's own; None = not known here."""
        return self.own if self.shipped is None else self.shipped

    @property
    def tunable(self) -> bool:
        """Whether changing it can do any good."""
        return self.acts and not self.wiring

    @property
    def refusal(self) -> str | None:
        """Why `--set` cannot give it to the embedded target, and what to do instead; None = it can."""
        if self.wiring:
            reason: str | None = "the deployment decides it itself; leave it out"
        elif not self.acts:
            reason = f"it changes nothing anywhere: {self.why}"
        else:
            reason = self.unsettable or OUT_OF_REACH.get(self.home)
        return reason and f"{self.name} cannot be set on the embedded target: {reason.format(self.spelled)}"

    @property
    def legal(self) -> str:
        """The legal values in words."""
        if self.kind == "enum":
            return "one of " + ", ".join(self.choices)
        if self.kind == "list":
            return "a JSON list of " + ", ".join(self.choices)
        if self.kind == "bool":
            return "true or false"
        if self.kind == "string":
            return "one line of text"
        if self.kind == "bytes":
            return "a size such as 64mb"
        words = ["a whole number" if self.kind == "int" else "a number"]
        if self.low is not None:
            words.append(f"from {self.low:.12g}")
        if self.high is not None:
            words.append(f"up to {self.high:.12g}")
        return " ".join(words) + (f" ({self.unit})" if self.unit else "")

    def default(self, profile: Profile, cores: int) -> Value | None:
        """The value of a profile on a machine with `cores` cores; None: left to the system."""
        if profile == "shipped" or self.healthy is None:
            return self.shipped
        return self.healthy.on(cores) if isinstance(self.healthy, CoresLess) else self.healthy

    def danger(self, value: Value) -> str | None:
        """The harm that a value does whatever else is set, as a clause; None where it does none."""
        return next((danger.why for danger in self.dangers if danger.holds(value)), None)

    def read(self, text: str) -> Value:
        """The value that `text` stands for; sizes become bytes. Raises KnobError outside the legal range."""
        value = self._convert(text.strip())
        if value is None or not self._within(value):
            raise KnobError(f"{self.name} cannot be {text!r}: it takes {self.legal}")
        return value

    def write(self, value: Value) -> str:
        """The text of a value, as its home reads it."""
        return str(value).lower() if isinstance(value, bool) else str(value)

    def _convert(self, text: str) -> Value | None:
        match self.kind:
            case "string":
                return text if text.isprintable() else None
            case "enum":
                return text if text in self.choices else None
            case "bool":
                word = text.lower()
                return word in _TRUE if word in _TRUE | _FALSE else None
            case "list":
                return _list(text, self.choices)
            case "bytes":
                return _bytes(text.lower())
        try:
            number = int(text) if self.kind == "int" else float(text)
        except ValueError:
            return None
        return number if math.isfinite(number) else None

    def _within(self, value: Value) -> bool:
        if isinstance(value, str):
            return True
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


def _bytes(text: str) -> int | None:
    number = text.rstrip("bkmg")
    unit = _BYTE_UNITS.get(text[len(number) :])
    return int(number) * unit if unit is not None and number.isdecimal() else None


def _list(text: str, choices: tuple[str, ...]) -> str | None:
    """One spelling for each list, so that equal ones compare equal."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    known = isinstance(found, list) and all(isinstance(one, str) and one in choices for one in found)
    return json.dumps(found) if known else None
