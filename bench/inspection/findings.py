"""What an inspection says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from bench.inspection.seen import Seen
from bench.knobs.catalogue import find
from bench.knobs.knob import KnobError

#: As of the advisor's findings. `critical`: it may lose data, answer wrongly, stop KATO, or open it to
#: others.
Severity = Literal["critical", "warning", "advice", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "advice", "info")

#: What is said of a knob: it is set and has no effect; nothing reads its name; a critical finding says to
#: change it.
Flag = Literal["dead", "wrong", "dangerous"]

Scalar = str | int | float | bool | None


@dataclass(frozen=True)
class Finding:
    """A fact. `title`: a few words. `sentence`: one or two with the numbers and their units. `fix`: what
    mends it, in one sentence. `knobs`: canonical names of those that it is about, the one to change first."""

    id: str
    severity: Severity
    title: str
    sentence: str
    fix: str
    knobs: tuple[str, ...] = ()
    evidence: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True)
class Inspection:
    """`seconds`: how long it took, without the start of an embedded deployment."""

    target: str
    kind: str
    seen: Seen
    findings: tuple[Finding, ...]
    seconds: float

    @property
    def dangerous(self) -> bool:
        return any(finding.severity == "critical" for finding in self.findings)

    @property
    def unreachable(self) -> tuple[str, ...]:
        """The parts that should answer and do not."""
        return tuple(part.name for part in self.seen.parts if part.reachable is False)

    def flags(self, name: str) -> tuple[Flag, ...]:
        """What is to be said of a knob that is set."""
        found: list[Flag] = []
        try:
            knob = find(name)
        except KnobError:
            return ()
        setting = self.seen.settings.get(name)
        if setting is not None and setting.chosen and not knob.acts:
            found.append("wrong" if knob.state == "unread" else "dead")
        if any(one.severity == "critical" and one.knobs[:1] == (name,) for one in self.findings):
            found.append("dangerous")
        return tuple(found)


def gravest_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: (SEVERITIES.index(finding.severity), finding.id)))
