"""The verdict in a few words, and the run in one sentence for somebody who has read nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bench import words
from bench.gate.objectives import bounds_wrong
from bench.knobs.catalogue import in_words
from bench.report import digits
from bench.report.model import OperationSummary, Summary
from bench.report.targets import kato_words

if TYPE_CHECKING:
    from bench.plan import Plan
    from bench.record.advice import Finding, Recommendation

Tone = Literal["good", "mixed", "bad", "plain"]


@dataclass(frozen=True)
class Headline:
    """`title`: the verdict. `tested`, `outcome` and `first` make one sentence: what was tested, how it did,
    what to do first; `first` is empty where nothing was advised."""

    tone: Tone
    title: str
    tested: str
    outcome: str
    first: str

    @property
    def sentence(self) -> str:
        return "; ".join(part for part in (f"{self.tested} {self.outcome}", self.first) if part) + "."


def headline(summary: Summary, plan: Plan, workers: int | None, *, advised: bool) -> Headline:
    """`workers`: those of the target, None = unknown. `advised`: whether anybody looked for advice."""
    tone, title = _verdict(summary, advised)
    return Headline(tone, title, _tested(plan, workers), _outcome(summary), _first(summary, advised))


def urgent(findings: Sequence[Finding]) -> tuple[Finding, Recommendation] | None:
    """The first change to make, with its finding; findings come the gravest first, and what is only worth
    knowing (`info`) is not urgent."""
    return next(
        ((one, change) for one in findings if one.severity != "info" for change in one.recommendations), None
    )


def telling(operations: Sequence[OperationSummary]) -> OperationSummary | None:
    """The operation whose response time says the most: the slowest at p95; at p50 where no sample carries
    p95."""
    for name in ("p95", "p50"):
        carried = [one for one in operations if one.response[name].value is not None]
        if carried:
            return max(carried, key=lambda one: one.response[name].value or 0.0)
    return None


def _verdict(summary: Summary, advised: bool) -> tuple[Tone, str]:
    if summary.status == "running":
        return "plain", "Still being measured"
    if not summary.totals.requests:
        return "bad", "Nothing was measured"
    if summary.soundness is not None and summary.soundness.level == "unsound":
        return "bad", "This measurement cannot be believed"
    if summary.status == "interrupted":
        return "mixed", "Stopped before its end"
    return _judged(summary, advised)


def _judged(summary: Summary, advised: bool) -> tuple[Tone, str]:
    verdicts = [verdict.verdict for verdict in summary.objectives]
    grave = any(finding.severity == "critical" for finding in summary.findings)
    many = len(verdicts)
    if (wrong := _unaccepted(summary)) is not None:
        return "bad", wrong
    if failed := verdicts.count("fail"):
        missed = "its objective" if many == 1 else f"{failed} of its {many} objectives"
        return "bad", f"Missed {missed}"
    if undecided := verdicts.count("inconclusive"):
        return "mixed", f"{undecided} of {many} objectives undecided" if many > 1 else "Objective undecided"
    if verdicts:
        met = "its objective" if many == 1 else f"all {many} objectives"
        return ("mixed", f"Met {met}, but at risk") if grave else ("good", f"Met {met}")
    if summary.totals.errors == summary.totals.requests:
        return "bad", "Every request failed"
    if grave:
        return "mixed", "Measured, with a critical finding"
    if not advised:
        return "plain", "Measured"
    changes = any(finding.recommendations for finding in summary.findings)
    return "plain", "Measured, with advice" if changes else "Measured, and nothing needs changing"


def _unaccepted(summary: Summary) -> str | None:
    """The wrong answers, unless an objective says how many are accepted."""
    found = summary.verification
    if found is None or not found.wrong:
        return None
    if bounds_wrong(verdict.objective for verdict in summary.objectives):
        return None
    return f"{words.count(found.wrong)} of {words.count(found.replayed)} checked answers were wrong"


def _tested(plan: Plan, workers: int | None) -> str:
    what = kato_words(plan.target)
    staff = "" if workers is None else f" with {workers} worker{'' if workers == 1 else 's'}"
    return f"{what[0].upper()}{what[1:]}{staff}"


def _outcome(summary: Summary) -> str:
    totals = summary.totals
    if not totals.requests:
        return f"was to get the {summary.scenario} workload, but no request was made while it was measured"
    good = totals.requests - totals.errors
    many = words.count(totals.requests)
    answered = f"all {many}" if not totals.errors else f"{words.count(good)} of {many}"
    rate = "" if summary.rate.value is None else f" ({digits.number(summary.rate.value)} per second)"
    return f"answered {answered} requests of the {summary.scenario} workload{rate}{_speed(summary)}"


def _speed(summary: Summary) -> str:
    slowest = telling(summary.operations)
    if slowest is None:
        return ""
    name = "p95" if slowest.response["p95"].value is not None else "p50"
    seconds = slowest.response[name].value or 0.0
    share = {"p95": "95 %", "p50": "half"}[name]
    if math.isinf(seconds):
        return f", but fewer than {share} of its {slowest.name} requests"
    if summary.soundness is not None and any(one.code == "overloaded" for one in summary.soundness.reasons):
        # What still waits at the end of an overloaded run has no time yet.
        return f", but was overloaded: {name} of {slowest.name} is {digits.with_unit(seconds)} at least"
    return f", {share} of {slowest.name} within {digits.with_unit(seconds)}"


def _first(summary: Summary, advised: bool) -> str:
    if not advised or not summary.totals.requests:
        return ""
    if summary.soundness is not None and summary.soundness.level == "unsound":
        return "measure again before changing anything"
    change = urgent(summary.findings)
    if change is None:
        advised_changes = sum(len(finding.recommendations) for finding in summary.findings)
        if not advised_changes:
            return "nothing needs to be changed"
        many = "1 change is" if advised_changes == 1 else f"{advised_changes} changes are"
        return f"nothing is urgent, but {many} advised"
    _, recommendation = change
    new = in_words(recommendation.knob, recommendation.new)
    if recommendation.new is None:
        return f"first look at {recommendation.knob}"
    old = in_words(recommendation.knob, recommendation.old)
    return f"first change {recommendation.knob} from {old} to {new}"
