"""What the advisor says: facts with evidence, and the changes of one knob each that follow from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from advisor.evidence import Evidence, Knob

Severity = Literal["info", "advice", "warning", "critical"]

#: The gravest first. Data loss and wrong answers are critical.
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "advice", "info")

#: What a change is for; where two changes want opposite values of one knob, the earlier purpose wins.
Purpose = Literal["data loss", "correctness", "objective", "cost"]
PURPOSES: tuple[Purpose, ...] = ("data loss", "correctness", "objective", "cost")

Scalar = str | int | float | bool | None


@dataclass(frozen=True)
class Prediction:
    """What a change is expected to do to one metric. `kind`: `interval` from `low` to `high`, `at_least`
    `low`, or `at_most` `high`. `now`: measured in this run. `model`: one sentence, the model or the reason
    behind the numbers. `unit`: "s", "1/s", "share", "bytes" or "1"."""

    metric: str
    unit: str
    kind: Literal["interval", "at_least", "at_most"]
    model: str
    now: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Change:
    """Set one knob from its live value `old` to `new`. `risk` and `verify` are a sentence each: what may go
    wrong, and what to run and look at afterwards. `effect` makes of the evidence with the new value that of
    a run after the change, as far as the rule can tell; a rule is silent on what it expects of its own
    changes. None: nothing but the knob itself."""

    knob: str
    old: Knob
    new: Knob
    purpose: Purpose
    risk: str
    verify: str
    predicted: tuple[Prediction, ...] = ()
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
    source: str = ""


def gravest_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: (SEVERITIES.index(finding.severity), finding.id)))
