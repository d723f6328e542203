"""Whether KATO's answers under load were those that one user gets, from a run's events.

A run with `--verify` asks a sample of its predictions again when the load is over (`bench.loadgen.verify`).
The load process that leads keeps one event of what came of it, and one for each of the first wrong answers:

    {"kind": "verified", "asked": int, "sampled": int, "replayed": int, "wrong": int, "unanswered": int,
     "too_large": int, "uncertain": int, "taught_nodes": int, "reason": sentence or null, "seconds": float}
    {"kind": "wrong_answer", "node": int, "session": int, "told": int, "field": path, "expected": JSON,
     "got": JSON, "differences": int}

The counts mean what those of `Verification` do; `expected` and `got` are cut to a readable length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.record.manifest import Verification
from bench.record.vocabulary import VERIFIED, WRONG_ANSWER
from bench.stats.quantiles import Estimate
from bench.stats.ratios import wilson

if TYPE_CHECKING:
    from bench.record.reader import RunRecord


@dataclass(frozen=True, slots=True)
class WrongAnswer:
    """A prediction that one user gets otherwise: the first `field` of `differences` that differs, with the
    value that one user gets and the one under load, as JSON. `told`: how many requests led to it."""

    node: int
    session: int
    told: int
    field: str
    expected: str
    got: str
    differences: int

    @property
    def sentence(self) -> str:
        more = ", and other fields too" if self.differences > 1 else ""
        return f"{self.field} was {self.got} under load and is {self.expected} for one user{more}"


def verification_of(events: Sequence[dict[str, Any]]) -> Verification | None:
    """The counts of all load processes together; None if the run asked nothing again."""
    found = [event for event in events if event["kind"] == VERIFIED]
    if not found:
        return None
    counts = {
        name: sum(event[name] for event in found)
        for name, field in Verification.model_fields.items()
        if field.annotation is int
    }
    return Verification(**counts, reason=None if counts["replayed"] else found[0]["reason"])


def wrong_answers(record: RunRecord) -> list[WrongAnswer]:
    """Those of which the record tells more than their number."""
    names = WrongAnswer.__dataclass_fields__
    return [
        WrongAnswer(**{name: event[name] for name in names})
        for event in record.events()
        if event["kind"] == WRONG_ANSWER
    ]


def share_of(verification: Verification | None) -> Estimate | None:
    """The share of predictions that are wrong under load, with its interval; None where none was asked
    again."""
    return None if verification is None else wilson(verification.wrong, verification.replayed)
