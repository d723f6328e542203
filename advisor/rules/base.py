"""What a rule is: one pure function from evidence to a finding, with what is to be known of it beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from advisor.evidence import Evidence
from advisor.findings import Finding

Judge = Callable[[Evidence], Finding | None]
Precondition = Callable[[Evidence], bool]


@dataclass(frozen=True)
class Rule:
    """`id`: `system.what-is-wrong`, also the id of its findings. `holds_for`: systems and versions.
    `precondition`: when the evidence can be judged at all; otherwise the rule is silent. `source`: where
    the claim comes from. `needs_load`: it judges measured requests; without any it is silent. The function's
    docstring says why it matters."""

    id: str
    holds_for: str
    precondition: Precondition
    source: str
    judge: Judge
    needs_load: bool = True

    @property
    def why(self) -> str:
        return " ".join((self.judge.__doc__ or "").split())

    def __call__(self, evidence: Evidence) -> Finding | None:
        if self.needs_load and not evidence.measured:
            return None
        return self.judge(evidence) if self.precondition(evidence) else None


def rule(
    name: str, *, holds_for: str, precondition: Precondition, source: str, needs_load: bool = True
) -> Callable[[Judge], Rule]:
    """Make a function the rule of this id."""
    return lambda judge: Rule(name, holds_for, precondition, source, judge, needs_load)


def known(*knobs: str) -> Precondition:
    """The precondition that the live values of these knobs are known."""
    return lambda evidence: all(evidence.knobs.get(knob) is not None for knob in knobs)


def failure(name: str, sentence: str) -> Finding:
    """What is said in place of a rule that could not judge."""
    return Finding(name, "warning", "A rule failed", sentence)
