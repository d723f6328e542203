"""Wishes of earlier runs against what the latest run has: a deployment moves on between two runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from advisor.evidence import Knob
from advisor.findings import Change, Finding
from bench.knobs.catalogue import in_words

#: Knobs that set an end, where 0 says that there is none.
_ENDLESS_AT_0 = frozenset(
    {
        "redis.maxmemory",
        "container.redis.memory",
        "kato.KATO_BENCH_STREAM_MAXLEN",
        "kato.KATO_BENCH_PREDICTION_TTL",
    }
)


def without_fulfilled(
    findings: Sequence[Finding], latest: Mapping[str, Knob]
) -> tuple[list[Finding], list[str]]:
    """The findings with the changes that are still to be made, and a sentence for each that is not.

    `latest`: the values in force in the latest run; of a knob that is missing nothing is known, and its
    wishes stand. A wish that was made for another value is fulfilled by one that lies at the wished value
    or beyond it; else it stands on the value in force if it still points the same way, and falls where
    there is no way to point, as between words: the latest run speaks for the value that it has."""
    kept: list[Finding] = []
    sentences: dict[str, None] = {}
    for finding in findings:
        standing = []
        for change in finding.changes:
            live = latest.get(change.knob)
            reason = None if live is None else _given_up(finding, change, live)
            if reason is not None:
                sentences[reason] = None
            elif live is None or live == change.old:
                standing.append(change)
            else:
                standing.append(_on(live, change))
        kept.append(replace(finding, changes=tuple(standing)))
    return kept, list(sentences)


def _given_up(finding: Finding, change: Change, live: Knob) -> str | None:
    """Why there is nothing to change any more, as a sentence; None: there is."""
    knob, new = change.knob, _shown(change.knob, change.new)
    if change.new == live:
        return f"{knob} is {new} already in the latest of these runs."
    if change.old == live:
        return None
    present = _shown(knob, live)
    before, wish, now = (_height(knob, value) for value in (change.old, change.new, live))
    if before is None or wish is None or now is None:
        return (
            f"{knob} {new} ({finding.id}) was wished for where it was {_shown(knob, change.old)}; the latest "
            f"of these runs has {present}."
        )
    if now >= wish if wish > before else now <= wish:
        return (
            f"{knob} {new} ({finding.id}) is fulfilled: it is {present} in the latest of these runs, after "
            f"{_shown(knob, change.old)}."
        )
    return None


def _on(live: Knob, change: Change) -> Change:
    """The same wish for a deployment that has `live`, in which nothing was measured that it speaks of."""
    predicted = tuple(replace(prediction, now=None) for prediction in change.predicted)
    return replace(change, old=live, predicted=predicted)


def _height(knob: str, value: Knob) -> float | None:
    """Where a number stands among the values of its knob; None for words, switches and the unknown."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return math.inf if value == 0 and knob in _ENDLESS_AT_0 else float(value)


def _shown(knob: str, value: Knob) -> str:
    return "0 (no limit)" if value == 0 and knob in _ENDLESS_AT_0 else in_words(knob, value)
