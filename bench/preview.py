"""What a plan will do, worked out beforehand: requests, time, sessions, and data that stays in the stores.

Sizes are rough. They were measured on KATO 3.10.1 with patterns of 10 tokens, and each stands with its basis.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench import words
from bench.courses import Trace
from bench.plan import Part, Plan

#: Bytes in Redis: a session, an observation's two entries in event streams, what each component of its vector
#: adds to them, and a learned pattern's metadata, apart from what each of its tokens adds.
_SESSION, _OBSERVATION, _COMPONENT, _PATTERN, _TOKEN = 1500, 322, 43, 344, 87
#: A prediction that KATO stores with an observation, if it is told to predict then; and how many it stores.
_STORED_PREDICTION, _PREDICTIONS = 1220, 100
#: Bytes of a pattern's token in ClickHouse, and of a vector's component in Qdrant (float32).
_TOKEN_IN_CLICKHOUSE, _COMPONENT_IN_QDRANT = 70, 4


@dataclass(frozen=True)
class PartPreview:
    """A stretch of the load. `requests`: how many are due, None where the target decides."""

    phase: str
    name: str | None
    seconds: float
    load: str
    requests: float | None


@dataclass(frozen=True)
class Written:
    """About how many bytes stay in a store, and where the number comes from."""

    store: str
    bytes: float
    basis: tuple[str, ...]


@dataclass(frozen=True)
class Preview:
    """`requests`: those due in warm-up and measurement, None where the target decides; `spread`: by how many
    chance moves that, in 19 of 20 runs; `most`: the requests are a bound, no expectation. `peak`: the highest
    rate per second, None where it is not known. `learned`: patterns learned before the load; `vectors`:
    vectors loaded straight into Qdrant. `at_most`: the bytes are a bound, because answers decide how much is
    sent, or because the scenario does not say what share of its requests writes."""

    parts: tuple[PartPreview, ...]
    seconds: float
    drain: float
    requests: float | None
    spread: float
    most: bool
    peak: float | None
    sessions: int
    nodes: int
    learned: int
    vectors: int
    written: tuple[Written, ...]
    at_most: bool


def preview(plan: Plan, about: Mapping[str, Any]) -> Preview:
    """`about`: the literal SCENARIO of the plan's scenario. Its `mix`, if it has one, is the share of each
    operation of the requests; its `learning` the share that learns a
    pattern, where not `learn` alone does."""
    parts = tuple(
        PartPreview(part.phase, part.name, part.seconds, part.arrivals.words, _requests(part))
        for part in plan.parts
    )
    known = [part.requests for part in parts if part.requests is not None]
    requests = math.fsum(known) if len(known) == len(parts) else None
    nodes = int(plan.data.get("nodes", 1))
    return Preview(
        parts=parts,
        seconds=plan.phases.warmup + plan.phases.measure,
        drain=plan.phases.drain,
        requests=requests,
        spread=2 * math.sqrt(math.fsum(_variance(part) for part in plan.parts)),
        most=plan.closed,
        peak=plan.peak,
        sessions=plan.sessions,
        nodes=nodes,
        learned=int(plan.data.get("patterns", 0)) * nodes,
        vectors=int(plan.data.get("vectors", 0)) * nodes,
        written=tuple(one for one in _written(plan, about, nodes, requests or 0.0) if one.bytes),
        at_most=plan.closed or "mix" not in about,
    )


def _requests(part: Part) -> float | None:
    """Due in a part. Of users who think, no more than answers without delay would allow."""
    arrivals = part.arrivals
    if not arrivals.closed:
        return arrivals.expected(part.seconds)
    return (arrivals.users or 0) * (part.seconds / arrivals.think + 1) if arrivals.think else None


def _variance(part: Part) -> float:
    """Of the number of requests: that of a Poisson process is its mean, all else leaves nothing to chance."""
    course = part.arrivals.course
    if course is None:
        by_chance = part.arrivals.kind == "poisson"
    else:
        by_chance = not isinstance(course, Trace) and course.spacing == "poisson"
    return (part.arrivals.expected(part.seconds) or 0.0) if by_chance else 0.0


def _written(plan: Plan, about: Mapping[str, Any], nodes: int, requests: float) -> Iterator[Written]:
    data = plan.data
    events, symbols = int(data.get("events", 1)), int(data.get("symbols", 1))
    tokens, dimension = events * symbols, int(data.get("dimension", 0))
    shares = _shares(about)
    before = int(data.get("patterns", 0)) * nodes
    an_observe, a_sequence = shares.get("observe", 0.0), shares.get("sequence", 0.0)
    observed = before * events + requests * (an_observe + events * a_sequence)
    learned = before + requests * about.get("learning", shares.get("learn", 0.0))
    left = max(0.0, shares.get("create", 0.0) - shares.get("delete", 0.0))
    sessions = plan.sessions + requests * left
    yield _in_redis(plan, sessions, observed, learned, tokens, dimension)
    yield Written(
        "clickhouse",
        learned * tokens * _TOKEN_IN_CLICKHOUSE,
        (_times(learned, "learned pattern", tokens * _TOKEN_IN_CLICKHOUSE),),
    )
    bulk = int(data.get("vectors", 0)) * nodes
    vectors = (bulk + learned * events) if dimension else 0
    size = dimension * _COMPONENT_IN_QDRANT
    yield Written(
        "qdrant", vectors * size, (_times(vectors, "vector", size), "index and payload come on top")
    )


def _in_redis(
    plan: Plan, sessions: float, observed: float, learned: float, tokens: int, dimension: int
) -> Written:
    items = [
        (sessions, "session", _SESSION),
        (observed, "observation, in streams that may be trimmed", _OBSERVATION + dimension * _COMPONENT),
        (learned, "learned pattern", _PATTERN + tokens * _TOKEN),
    ]
    if plan.session.get("process_predictions"):
        asked = plan.session.get("max_predictions")
        stored = asked if isinstance(asked, int) else _PREDICTIONS
        items.append((observed, "observation's predictions, at most", _STORED_PREDICTION * stored))
    return Written(
        "redis",
        math.fsum(number * each for number, _, each in items),
        tuple(_times(*item) for item in items if item[0]),
    )


def _shares(about: Mapping[str, Any]) -> Mapping[str, float]:
    """Share of each operation of the requests; where the scenario does not say, each has all of them."""
    mix: Mapping[str, float] = about.get("mix") or dict.fromkeys(about["operations"], 1.0)
    return mix


def _times(number: float, what: str, each: float) -> str:
    return f"{words.count(number)} × {words.size(each)} ({what})"
