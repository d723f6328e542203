"""Short-term memory: what an observation does to a session. Pure; the caller stores the result."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.targets.embedded.kato.domain import Event, Session

_LARGEST_EMOTIVE = 1e300
"""Sums of what is larger may lie beyond a double, which neither JSON nor Redis can hold."""

LONGEST_STM = 1000
"""Events, and entries of the emotives and metadata accumulators; the oldest go first."""


def event_of(strings: Sequence[str], vector_symbols: Iterable[str], sort: bool) -> Event:
    """The symbols of one observation: vectors first, each group in ascending order."""
    return [*sorted(vector_symbols), *(sorted(strings) if sort else strings)]


def observe(
    session: Session,
    event: Event,
    vectors: Sequence[Sequence[float]],
    emotives: Mapping[str, float],
    metadata: Mapping[str, Any],
) -> None:
    """Takes one observation in. An empty one moves time on and leaves the STM as it was."""
    session.time += 1
    if event:
        session.stm = [*session.stm, event][-LONGEST_STM:]
    if emotives:
        bounded = {
            name: max(-_LARGEST_EMOTIVE, min(_LARGEST_EMOTIVE, value)) for name, value in emotives.items()
        }
        session.emotives = [*session.emotives, bounded][-LONGEST_STM:]
    if metadata:
        session.observed_metadata = [*session.observed_metadata, dict(metadata)][-LONGEST_STM:]
    session.percept = {
        "strings": sorted(event),
        "vectors": [list(vector) for vector in vectors],
        "emotives": mean_emotives(session.emotives),
        "path": [],
        "metadata": dict(metadata),
    }


def auto_learn_due(session: Session) -> bool:
    longest: int = session.config["max_pattern_length"]
    return 0 < longest <= len(session.stm)


def after_auto_learn(session: Session, learned: Sequence[Event]) -> None:
    """Empties the STM, or in ROLLING mode keeps all but the oldest event of a full window."""
    keep = session.config["max_pattern_length"] - 1
    rolling = session.config["stm_mode"] == "ROLLING" and keep > 0
    session.stm = list(learned[-keep:]) if rolling else []


def clear(session: Session) -> None:
    """Forgets everything observed, and starts time again."""
    session.stm = []
    session.time = 0
    session.emotives = []
    session.observed_metadata = []
    session.percept = {}
    session.predictions = []
    session.vectors = {}


def mean_emotives(observed: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each emotive over the observations that carried it."""
    values: defaultdict[str, list[float]] = defaultdict(list)
    for emotives in observed:
        for name, value in emotives.items():
            values[name].append(value)
    return {name: sum(of_name) / len(of_name) for name, of_name in values.items()}


def merge_metadata(*observed: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Per key the distinct values, in the order of their first appearance; a list adds its items."""
    merged: defaultdict[str, list[Any]] = defaultdict(list)
    for metadata in observed:
        for key, value in metadata.items():
            values = merged[key]
            for item in value if isinstance(value, list) else [value]:
                if item not in values:
                    values.append(item)
    return dict(merged)


def flatten(events: Iterable[Event]) -> list[str]:
    return [symbol for event in events for symbol in event]
