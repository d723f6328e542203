"""Whether KATO answers under load what it answers one user."""

from __future__ import annotations

from advisor.evidence import Evidence
from advisor.findings import Finding
from advisor.rules.base import rule
from bench import words


@rule(
    "kato.wrong-answers",
    holds_for="KATO 3.10",
    precondition=lambda evidence: evidence.asked_again.answers > 0,
    source="KATO promises that the same input gives the same output; --verify asks again",
)
def wrong_answers(evidence: Evidence) -> Finding | None:
    """KATO promises the same answer to the same question. Where load changes it, requests see each other's
    state, updates are lost, or a store falls silent, and no response time makes up for that."""
    again = evidence.asked_again
    if not again.wrong:
        return None
    first = f" The first: {again.first}." if again.first else ""
    return Finding(
        "kato.wrong-answers",
        "critical",
        "Answers are wrong under load",
        f"Of {words.count(again.answers)} predictions that were asked again as one user, "
        f"{words.count(again.wrong)} were others under load.{first}",
        {"replayed": again.answers, "wrong": again.wrong},
    )
