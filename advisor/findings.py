"""What the advisor says: facts with evidence, and the changes of one knob each that follow from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from advisor.evidence import Evidence, Knob

Severity = Literal["info", "advice", "warning", "critical"]

#: The gravest first. Data loss and wrong answers are critical.
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "advice", "info")

Scalar = str | int | float | bool | None


@dataclass(frozen=True)
class Change:
    """Set one knob from its live value `old` to `new`. `expected` is the evidence of a run after the change,
    as far as the rule can tell; a rule is silent on what it expects of its own changes."""

    knob: str
    old: Knob
    new: Knob
    effect: Callable[[Evidence], Evidence] | None = field(default=None, compare=False, repr=False)

    def expected(self, evidence: Evidence) -> Evidence:
        changed = evidence.with_knob(self.knob, self.new)
        return changed if self.effect is None else self.effect(changed)


@dataclass(frozen=True)
class Finding:
    """A fact. `title`: a few words. `sentence`: one or two sentences with the numbers and their units.
    `evidence`: the numbers that it rests on, for programs. `changes`: what would mend it, if anything."""

    id: str
    severity: Severity
    title: str
    sentence: str
    evidence: Mapping[str, Scalar] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()


def gravest_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: (SEVERITIES.index(finding.severity), finding.id)))
