"""All findings of one run."""

from __future__ import annotations

from collections.abc import Iterable

from advisor.bottleneck import binding_resource
from advisor.evidence import Evidence
from advisor.findings import Finding, gravest_first
from advisor.rules import discover
from advisor.rules.base import Rule, failure


def advise(evidence: Evidence, rules: Iterable[Rule] | None = None) -> tuple[Finding, ...]:
    """The binding resource and what the rules find (by default all there are), the gravest first. Nothing
    binds where no load was measured.

    A rule that raises is reported as a finding and silences no other."""
    judged = [_judge(rule, evidence) for rule in (discover() if rules is None else rules)]
    first = [binding_resource(evidence)] if evidence.measured else []
    return gravest_first([*first, *(finding for finding in judged if finding is not None)])


def _judge(rule: Rule, evidence: Evidence) -> Finding | None:
    try:
        return rule(evidence)
    except Exception as error:
        return failure(rule.id, f"The rule {rule.id} failed: {type(error).__name__}: {error}.")
