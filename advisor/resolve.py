"""Settles what all findings together wish for: one value a knob, legal, and within the machine's means.

A wish that cannot be granted is given up whole and said aloud. It is never bent into another one: the
rule's prediction would no longer be about the value that stands there."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard

from advisor.findings import PURPOSES, SEVERITIES, Change, Finding
from bench import words
from bench.knobs.catalogue import find, in_words
from bench.knobs.knob import Knob, KnobError, Value

_LIMIT = "container.redis.memory"
_MAXMEMORY = "redis.maxmemory"

#: Redis needs memory beyond its data: buffers, fragmentation, pages copied while a snapshot is written.
DATA_SHARE = 0.75


@dataclass(frozen=True)
class Means:
    """What there is to spend. `cores`: those that KATO may use. `memory_bytes`: of the machine that Redis
    runs on. `redis_limit_bytes`: of Redis' container. None: unknown, and then nothing is refused for it."""

    cores: float | None = None
    memory_bytes: float | None = None
    redis_limit_bytes: float | None = None


@dataclass(frozen=True)
class Settlement:
    """The findings with the changes that stand. `settled`: one sentence for each that does not."""

    findings: tuple[Finding, ...]
    settled: tuple[str, ...]


@dataclass(frozen=True)
class _Wish:
    """One change of one finding; `at` is its place among the findings and their changes."""

    at: tuple[int, int]
    finding: Finding
    change: Change

    def __str__(self) -> str:
        return f"{self.change.knob} {in_words(self.change.knob, self.change.new)} ({self.finding.id})"


def settle(findings: Sequence[Finding], means: Means) -> Settlement:
    """Pure. Of opposite wishes for one knob stands the one that prevents data loss, then the one for
    correctness, for an objective, for cost; of one purpose that of the graver finding, then the safer value
    (`_step`). No finding is lost: one whose wishes were all given up still is a fact."""
    wishes: defaultdict[str, list[_Wish]] = defaultdict(list)
    for place, finding in enumerate(findings):
        for number, change in enumerate(finding.changes):
            wishes[change.knob].append(_Wish((place, number), finding, change))
    given_up: dict[tuple[int, int], str] = {}
    # The container's limit decides how much Redis may be allowed.
    for knob in sorted(wishes, key=lambda name: (name != _LIMIT, name)):
        possible = []
        for wish in wishes[knob]:
            if (reason := refusal(wish.change, means)) is None:
                possible.append(wish)
            else:
                given_up[wish.at] = f"{wish} was refused: {reason}."
        if not possible:
            continue
        best = min(possible, key=_rank)
        given_up |= {wish.at: _loss(wish, best) for wish in possible if wish.change.new != best.change.new}
        if knob == _LIMIT and isinstance(best.change.new, int | float):
            means = replace(means, redis_limit_bytes=best.change.new)
    return Settlement(
        tuple(
            replace(
                finding,
                changes=tuple(
                    change for number, change in enumerate(finding.changes) if (place, number) not in given_up
                ),
            )
            for place, finding in enumerate(findings)
        ),
        tuple(given_up[at] for at in sorted(given_up)),
    )


def refusal(change: Change, means: Means) -> str | None:
    """Why this change cannot be: no such knob, one that does not act, an illegal value, or more than the
    machine has. None: it can."""
    knob = _known(change.knob)
    if knob is None:
        return "there is no such knob"
    if not knob.tunable:
        return knob.why or "it is not there to be tuned"
    if not _is_legal(knob, change.new):
        return f"it takes {knob.legal}"
    if change.knob == _MAXMEMORY and change.new == 0:
        return "0 takes away the limit"
    ceiling = _CEILINGS[change.knob](means) if change.knob in _CEILINGS else None
    if ceiling is None or not _is_number(change.new) or change.new <= ceiling[0]:
        return None
    return ceiling[1]


_Ceiling = tuple[float, str] | None


def _cores(means: Means) -> _Ceiling:
    if means.cores is None:
        return None
    cores = max(1, math.floor(means.cores))
    return cores, f"there {'is' if cores == 1 else 'are'} {words.cores(cores)}"


def _memory(means: Means) -> _Ceiling:
    if means.memory_bytes is None:
        return None
    return means.memory_bytes, f"the machine has {words.size(means.memory_bytes)} of memory"


def _data(means: Means) -> _Ceiling:
    known = [
        (size, what)
        for size, what in (
            (means.redis_limit_bytes, "its container's limit"),
            (means.memory_bytes, "the machine's memory"),
        )
        if size is not None
    ]
    if not known:
        return None
    size, what = min(known)
    return DATA_SHARE * size, f"Redis needs a quarter of {what} of {words.size(size)} beside its data"


_CEILINGS: dict[str, Callable[[Means], _Ceiling]] = {
    "uvicorn.workers": _cores,
    "redis.io-threads": _cores,
    "clickhouse.max_threads": _cores,
    "clickhouse.max_memory_usage": _memory,
    _LIMIT: _memory,
    _MAXMEMORY: _data,
}


def _rank(wish: _Wish) -> tuple[object, ...]:
    """The lower the rank, the sooner the wish stands; equal only for equal values."""
    change, finding = wish.change, wish.finding
    purpose, severity = PURPOSES.index(change.purpose), SEVERITIES.index(finding.severity)
    return purpose, severity, _step(change), _text(change.new)


def _step(change: Change) -> float:
    """How far a change goes from what is known to run, as the safer of two goes less far: for numbers the
    distance from the value in force (from 0 where that is unknown); for words 0 for the value of a healthy
    deployment, 1 for the one that KATO ships, 2 for others."""
    if _is_number(change.new):
        return float(abs(change.new - (change.old if _is_number(change.old) else 0)))
    knob = find(change.knob)
    usual: list[object] = [knob.healthy, knob.shipped]
    return float(usual.index(change.new)) if change.new in usual else 2.0


def _loss(wish: _Wish, best: _Wish) -> str:
    said = f"{wish} was given up for {in_words(best.change.knob, best.change.new)} ({best.finding.id}): "
    lost, won = wish.change, best.change
    if lost.purpose != won.purpose:
        return f"{said}{won.purpose} comes before {lost.purpose}."
    if wish.finding.severity != best.finding.severity:
        return f"{said}the finding is graver ({best.finding.severity}, not {wish.finding.severity})."
    if _is_number(won.new):
        return f"{said}it is the smaller step."
    return f"{said}it is the safer value."


def _text(value: Value | None) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_legal(knob: Knob, value: Value | None) -> bool:
    try:
        return value is not None and knob.read(knob.write(value)) == value
    except KnobError:
        return False


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _known(name: str) -> Knob | None:
    try:
        return find(name)
    except KnobError:
        return None


def least(means: Iterable[Means]) -> Means:
    """What several machines all have."""
    several = list(means)

    def smallest(name: str) -> float | None:
        return min((size for one in several if (size := getattr(one, name)) is not None), default=None)

    return Means(smallest("cores"), smallest("memory_bytes"), smallest("redis_limit_bytes"))
