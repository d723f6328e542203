"""The verdict of a gate: is B worse than A by more than is tolerated?

Each gated metric gets an interval for B's change. **Fail**: its lower bound lies above the tolerance, so that
B is surely worse by more than that. **Pass**: its upper bound lies below. Else **inconclusive**. The build
fails if one metric fails, and passes if all pass.

How sure "surely" is: `RISK` = 5 % for the whole gate, whatever the number of metrics and looks.

* Pairs are judged at planned looks (after 8, 12 and 16, say). Each look gets an equal part of the risk, so
  that all together keep it (Bonferroni): looking again earns no verdict.
* A false *failure* needs only one metric to go wrong by chance: the lower bounds share the look's part among
  the metrics. For the build's verdict this is as sharp as Holm's procedure, whose first step it is.
* A false *pass* needs every metric to pass, the one that is truly worse among them: the upper bounds need no
  such share (intersection-union test: Berger, Technometrics 24, 1982).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bench.gate.effects import Effect, effect, every_effect
from bench.gate.values import ALL, METRICS, RunValues

Verdict = Literal["pass", "fail", "inconclusive", "reported"]

RISK = 0.05
#: An operation's median is gated where every run has so many requests of it: of fewer, chance alone moves
#: it by as much as the tolerance (times with a spread of half their median: 1.25 · 0.5 / √100 is 6 %).
LEAST_REQUESTS = 100
_PER_OPERATION = ("service_p50",)
_OVERALL = ("kato_cpu", "target_cpu", "errors")


@dataclass(frozen=True, slots=True)
class Tolerance:
    """`ratio`: how much worse, as a share of A, a time or CPU may get; `errors`: by how much the share of
    failed requests may grow."""

    ratio: float = 0.07
    errors: float = 0.005

    def of(self, one: Effect) -> float:
        return self.ratio if one.metric.scale == "ratio" else self.errors


@dataclass(frozen=True, slots=True)
class Judged:
    """An effect and what it means. `reported`: it is shown, and cannot fail the build."""

    effect: Effect
    verdict: Verdict
    tolerance: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Ungated:
    """A metric that would be gated and was not. `blocks`: only some runs lack it, or no ratio can be made of
    it, so that nobody can say that it did not get worse; what no run can show is named and stays out."""

    operation: str
    metric: str
    reason: str
    blocks: bool


def judge(
    a: Sequence[RunValues], b: Sequence[RunValues], tolerance: Tolerance, looks: int = 1
) -> list[Judged]:
    """Of a[i] and b[i], measured side by side; at least two pairs. `looks`: how many are planned in all.

    The gated metrics come first; the others are reported with the same interval."""
    gated = gated_metrics((*a, *b))
    below = RISK / looks / max(1, len(gated))
    above = RISK / looks
    judged = [
        _verdict(one, a, b, tolerance.of(one))
        for operation, name in gated
        if (one := effect(METRICS[name], operation, a, b, "paired", (below, above))) is not None
    ]
    others = [
        Judged(one, "reported", tolerance.of(one))
        for one in every_effect(a, b, "paired", (below, above))
        if (one.operation, one.metric.name) not in gated and one.metric.name != "rate"
    ]
    return judged + others


def gated_metrics(runs: Sequence[RunValues]) -> list[tuple[str, str]]:
    """(operation, metric) of all that can fail a build: those that every run measured well enough."""
    return [
        (operation, metric)
        for operation, metric in _wanted(runs)
        if all(_shows(run, operation, metric) for run in runs)
    ]


def ungated_metrics(runs: Sequence[RunValues]) -> list[Ungated]:
    """What the gate says nothing about, and why."""
    found = []
    for operation, metric in _wanted(runs):
        lacking = sum(not _shows(run, operation, metric) for run in runs)
        if lacking:
            rare = operation != ALL and min(run.requests.get(operation, 0) for run in runs) < LEAST_REQUESTS
            why = f"fewer than {LEAST_REQUESTS} requests" if rare else "it could not be measured"
            where = "every run" if lacking == len(runs) else f"{lacking} of {len(runs)} runs"
            # How many requests of a rare operation a run has is the schedule's chance, and hides nothing.
            blocks = lacking < len(runs) and not rare
            found.append(Ungated(operation, metric, f"{why} in {where}", blocks))
        elif any(run.value(operation, metric) == 0 for run in runs) and METRICS[metric].scale != "difference":
            found.append(Ungated(operation, metric, "it is 0 in a run, which has no ratio", blocks=True))
    return found


def overall(judged: Sequence[Judged], ungated: Sequence[Ungated] = ()) -> Verdict:
    """One failure fails, and every gated metric has to pass, a time or CPU among them."""
    verdicts = [one.verdict for one in judged if one.verdict != "reported"]
    if "fail" in verdicts:
        return "fail"
    costs = any(one.verdict == "pass" and one.effect.metric.scale != "difference" for one in judged)
    sure = costs and set(verdicts) == {"pass"} and not any(one.blocks for one in ungated)
    return "pass" if sure else "inconclusive"


def _wanted(runs: Sequence[RunValues]) -> list[tuple[str, str]]:
    operations = dict.fromkeys(name for run in runs for name in run.values if name != ALL)
    wanted = [(name, metric) for name in operations for metric in _PER_OPERATION]
    return wanted + [(ALL, metric) for metric in _OVERALL]


def _shows(run: RunValues, operation: str, metric: str) -> bool:
    enough = operation == ALL or run.requests.get(operation, 0) >= LEAST_REQUESTS
    return enough and run.value(operation, metric) is not None


def _verdict(one: Effect, a: Sequence[RunValues], b: Sequence[RunValues], tolerance: float) -> Judged:
    if one.low is None or one.high is None:
        return Judged(one, "inconclusive", tolerance, "too few pairs")
    time = one.operation != ALL
    if one.low > tolerance:
        if time and any(run.overloaded for run in a):
            return Judged(
                one, "inconclusive", tolerance, "the baseline was overloaded: its times are too low"
            )
        return Judged(one, "fail", tolerance)
    if one.high < tolerance:
        if time and any(run.overloaded for run in b):
            return Judged(
                one, "inconclusive", tolerance, "the candidate was overloaded: its times are too low"
            )
        return Judged(one, "pass", tolerance)
    return Judged(one, "inconclusive", tolerance)
