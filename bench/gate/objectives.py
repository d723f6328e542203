"""Service level objectives: their grammar, and the verdict on what was measured.

    statistic [ "(" operation ")" ]  comparison  number [ unit ]

    p95(predict) < 50ms      p99.9 < 2s               percentiles of the response time
    mean(observe) <= 10ms    max < 5s
    errors < 0.1%            errors(predict) <= 1%    share of requests that failed
    dropped < 1%                                      share of due requests that were never sent
    wrong <= 0%              wrong < 10%              share of predictions that one user gets otherwise: of
                                                      those that --verify asks again
    rate(predict) >= 20/s                             requests answered successfully per second
    recall@10 >= 0.98        recall@3 >= 98%          share of the true 10 nearest vectors that a search
                                                      finds, asked as KATO asks; the worst collection counts

Without an operation, all of the measure phase counts. Spaces are free. Comparisons: < <= > >=. Times need a
unit (us, ms, s), shares need %, rates may carry /s, recall is a number up to 1 or a percentage.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from bench import words
from bench.errors import UsageError
from bench.record.vocabulary import OPERATIONS, RECALL_AT
from bench.stats.quantiles import Estimate, required
from bench.stats.ratios import required_without_hits

Kind = Literal["time", "share", "rate", "recall"]
Comparison = Literal["<", "<=", ">", ">="]
Outcome = Literal["pass", "fail", "inconclusive"]

#: The statistic of what `--verify` finds.
WRONG = "wrong"

_EXAMPLE: dict[Kind, str] = {
    "time": "p95(predict) < 50ms",
    "share": "errors < 0.1%",
    "rate": "rate(predict) >= 20/s",
    "recall": "recall@10 >= 0.98",
}
#: What a bound of each kind must look like, and the unit that makes it so whatever its number.
_NEEDS: dict[Kind, tuple[str, str]] = {
    "time": ("a time needs us, ms or s", "ms"),
    "share": ("a share needs %", "%"),
    "rate": ("a rate needs /s", "/s"),
    "recall": ("recall is a number up to 1, or has a %", ""),
}
_COMPARISONS: dict[str, Comparison] = {"<": "<", "<=": "<=", "≤": "<=", ">": ">", ">=": ">=", "≥": ">="}
_KINDS: dict[str, Kind] = {
    "mean": "time",
    "max": "time",
    "errors": "share",
    "dropped": "share",
    "wrong": "share",
    "rate": "rate",
}
#: The micro sign and the Greek letter look alike and are different characters.
_SECONDS = {"us": 1e-6, "\u00b5s": 1e-6, "\u03bcs": 1e-6, "ms": 1e-3, "s": 1.0}
_SHOW: dict[Kind, Callable[[float], str]] = {
    "time": words.seconds,
    "share": words.percent,
    "rate": words.rate,
    "recall": "{:.4g}".format,
}

_FORM = re.compile(
    r"(?P<statistic>[A-Za-z][\w.@]*)\s*(?:\(\s*(?P<operation>[^()]*?)\s*\))?\s*"
    r"(?P<comparison><=|>=|[<>≤≥])\s*(?P<number>\d+(?:\.\d*)?|\.\d+)\s*(?P<unit>%|/?\s*[A-Za-zµμ]+)?"
)
_PERCENTILE = re.compile(r"p(\d+(?:\.\d+)?)")
_RECALL = re.compile(r"recall@([1-9]\d*)")


@dataclass(frozen=True, slots=True)
class Objective:
    """A bound on one statistic. `bound` is in seconds, as a share from 0 to 1 (recall is one, too), or per
    second, by `kind`; `operation` None means all of them."""

    text: str
    statistic: str
    operation: str | None
    comparison: Comparison
    bound: float
    kind: Kind

    @property
    def subject(self) -> str:
        """What is bounded, such as `p95(predict)`."""
        return f"{self.statistic}({self.operation})" if self.operation else self.statistic


class Measured(Protocol):
    """What a run measured. Called with (statistic, operation or None for all)."""

    def estimate(self, statistic: str, operation: str | None) -> Estimate | None:
        """The estimate in seconds, as a share, or per second; None where the run had no such operation, no
        such recall probe, or asked no prediction again.

        Percentiles are asked for as `p95` or `p99.9`, recall as `recall@10`; `percentile_of` and
        `neighbours_of` give their numbers. `max` is what it is: its interval is the value itself."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`measured` is None where the run had no such operation, or no such recall probe."""

    objective: Objective
    outcome: Outcome
    measured: Estimate | None
    sentence: str


def percentile_of(statistic: str) -> float | None:
    """The quantile that a statistic such as `p99.9` means (0.999); None if it is no percentile."""
    match = _PERCENTILE.fullmatch(statistic)
    if match is None:
        return None
    # 99.9 / 100 is not the double nearest to 0.999; rounding makes it so.
    q = round(float(match[1]) / 100, 12)
    return q if 0 < q < 1 else None


def neighbours_of(statistic: str) -> int | None:
    """The number of neighbours that a statistic such as `recall@10` means (10); None if it is no recall."""
    match = _RECALL.fullmatch(statistic)
    return None if match is None else int(match[1])


def parse(text: str) -> Objective:
    """Read an objective. Raises UsageError with one sentence that quotes it and shows a right one."""

    def wrong(what: str, example: str) -> UsageError:
        return UsageError(f'objective "{" ".join(text.split())}": {what}, for example "{example}"')

    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise wrong(_complaint(text), _EXAMPLE["time"])
    statistic, unit = match["statistic"].lower(), (match["unit"] or "").replace(" ", "")
    operation = match["operation"].lower() if match["operation"] is not None else None
    comparison = _COMPARISONS[match["comparison"]]
    kind = _kind(statistic)
    if kind is None:
        example = _EXAMPLE["recall" if statistic.startswith("recall") else "time"]
        raise wrong(_unknown_statistic(statistic), example)
    if kind == "recall" and neighbours_of(statistic) not in RECALL_AT:
        probed = " and ".join(f"recall@{k}" for k in RECALL_AT)
        raise wrong(f"{probed} are what is probed", _EXAMPLE[kind])
    if kind == "recall" and operation is not None:
        raise wrong("recall is that of collections, it takes no operation", _EXAMPLE[kind])
    if statistic == WRONG and operation is not None:
        raise wrong("wrong answers are those of predictions, it takes no operation", "wrong <= 0%")
    if operation is not None and operation not in OPERATIONS:
        suggested = _nearest(operation, OPERATIONS) or "predict"
        raise wrong(
            f'there is no operation "{operation}"',
            f"{statistic}({suggested}) {comparison} {match['number']}{unit}",
        )
    number = float(match["number"])
    subject = f"{statistic}({operation})" if operation else statistic
    bound = _bound(kind, number, unit)
    if bound is None:
        needs, suffix = _NEEDS[kind]
        raise wrong(needs, f"{subject} {comparison} {number:g}{suffix}" if suffix else _EXAMPLE[kind])
    if kind in ("share", "recall") and bound > 1:
        raise wrong(f"{'recall' if kind == 'recall' else 'a share'} cannot exceed 100%", _EXAMPLE[kind])
    if comparison == "<" and bound == 0:
        raise wrong("nothing is below zero", f"{subject} <= 0{'%' if kind == 'share' else unit}")
    return Objective(" ".join(text.split()), statistic, operation, comparison, bound, kind)


def require_sent(objective: Objective, operations: Sequence[str]) -> None:
    """Raises UsageError for an objective on an operation that is not among those a scenario sends."""
    if objective.operation is not None and objective.operation not in operations:
        raise UsageError(
            f'objective "{objective.text}": the scenario never sends {objective.operation}, it sends '
            f"{', '.join(operations)}."
        )


def bounds_wrong(texts: Iterable[str]) -> bool:
    """Does one of these objectives say how many wrong answers are accepted?"""
    matches = (_FORM.fullmatch(text.strip()) for text in texts)
    return any(match is not None and match["statistic"].lower() == WRONG for match in matches)


def _kind(statistic: str) -> Kind | None:
    if percentile_of(statistic) is not None:
        return "time"
    return "recall" if neighbours_of(statistic) is not None else _KINDS.get(statistic)


def _bound(kind: Kind, number: float, unit: str) -> float | None:
    if kind == "time":
        scale = _SECONDS.get(unit.lower())
        return None if scale is None else number * scale
    if kind == "share":
        return number / 100 if unit == "%" else None
    if kind == "recall":
        return {"": number, "%": number / 100}.get(unit)
    return number if unit in ("", "/s") else None


def _complaint(text: str) -> str:
    if not text.strip():
        return "it is empty"
    if not re.search(r"[<>≤≥]", text):
        return "it needs a comparison (<, <=, > or >=)"
    if not re.search(r"[<>≤≥]=?\s*[\d.]", text):
        return "it needs a number after the comparison"
    return "it is not of the form statistic(operation) comparison number unit"


def _unknown_statistic(statistic: str) -> str:
    if re.fullmatch(r"p\d+(\.\d+)?", statistic):
        return "a percentile lies between p0 and p100, both excluded (the largest value is max)"
    if statistic.startswith("recall"):
        return "recall needs a number of neighbours"
    known = ("p50", "p95", "p99", *_KINDS)
    nearest = _nearest(statistic, known)
    return f'there is no statistic "{statistic}"' + (f" (did you mean {nearest}?)" if nearest else "")


def _nearest(word: str, known: tuple[str, ...]) -> str | None:
    """The known word nearest to one that is not known: abbreviations first, then typing errors."""
    lower = word.lower()
    related = [name for name in known if lower and (name.startswith(lower) or lower.startswith(name))]
    close = related or difflib.get_close_matches(lower, known, n=1, cutoff=0.5)
    return close[0] if close else None


def judge(objective: Objective, measured: Measured, *, overloaded: bool = False) -> Verdict:
    """Pass if the whole interval meets the bound, fail if the whole interval misses it, else inconclusive.

    A bound of zero per cent asks about this run, not about the next one, and is judged by the count alone.
    In an overloaded run the slowest requests were dropped or never answered, so that times are lower bounds:
    what such a time proves only from below stays unproven."""
    estimate = measured.estimate(objective.statistic, objective.operation)
    outcome, sentence = _compare(objective, estimate)
    unproven: Outcome = "pass" if objective.comparison in ("<", "<=") else "fail"
    if overloaded and objective.kind == "time" and outcome == unproven:
        outcome = "inconclusive"
        sentence += "; but the target was overloaded, so the true value may be higher"
    return Verdict(objective, outcome, estimate, sentence)


def _compare(objective: Objective, estimate: Estimate | None) -> tuple[Outcome, str]:
    subject, show = objective.subject, _SHOW[objective.kind]
    if estimate is None or (estimate.value is None and estimate.n == 0):
        what = "has no such probe" if objective.kind == "recall" else "measured no such request"
        if objective.statistic == WRONG:
            what = "compared no answers"
        return "inconclusive", f"{subject}: the run {what}"
    if estimate.value is None:
        q = percentile_of(objective.statistic)
        needed = f"; it takes {required(q)}" if q is not None else ""
        return "inconclusive", f"{subject} cannot be told from {_observations(objective, estimate.n)}{needed}"
    wanted = f"{objective.comparison} {show(objective.bound)}"
    value = show(estimate.value)
    if objective.kind == "share" and objective.bound == 0 and objective.comparison == "<=":
        outcome: Outcome = "pass" if estimate.value == 0 else "fail"
        return outcome, f"{subject} is {value} of {_observations(objective, estimate.n)}, wanted {wanted}"
    if estimate.low is None or estimate.high is None:
        return (
            "inconclusive",
            f"{subject} is {value}, wanted {wanted}, but the run is too short for an interval",
        )
    met = [_meets(end, objective) for end in (estimate.low, estimate.high)]
    interval = "" if estimate.low == estimate.high else f" ({show(estimate.low)} to {show(estimate.high)})"
    sentence = f"{subject} is {value}{interval}, wanted {wanted}"
    if all(met):
        return "pass", sentence
    if not any(met):
        return "fail", sentence
    return "inconclusive", f"{sentence}: the interval holds both sides{_remedy(objective, estimate)}"


def _meets(value: float, objective: Objective) -> bool:
    bound = objective.bound
    match objective.comparison:
        case "<":
            return value < bound
        case "<=":
            return value <= bound
        case ">":
            return value > bound
        case ">=":
            return value >= bound


def _remedy(objective: Objective, estimate: Estimate) -> str:
    if objective.kind == "share" and estimate.value == 0 and 0 < objective.bound < 1:
        needed = required_without_hits(objective.bound)
        told = f"; without a single one it takes {needed} {_noun(objective)}s, not {estimate.n}"
        return told if objective.statistic != WRONG else f"{told}; `wrong <= 0%` asks about this run alone"
    if objective.kind == "recall":
        return "; more queries narrow it (--data queries=N)"
    return "; a longer run narrows it"


def _observations(objective: Objective, n: int) -> str:
    return f"1 {_noun(objective)}" if n == 1 else f"{n} {_noun(objective)}s"


def _noun(objective: Objective) -> str:
    return "compared answer" if objective.statistic == WRONG else "request"
