"""Does KATO answer under load as it answers a single user? A faster wrong answer is no success.

While the load runs, a `Witness` keeps a few of the predictions that KATO gave, each with all that its session
had been told since its short-term memory was empty. When the load is over, `replay` tells the same to fresh
sessions, one after the other, asks again, and compares. Nodes on which the run itself learns cannot be asked
twice and are left out.

It finds answers that depend on what else KATO is doing: lost updates, sessions that see each other's state,
stores that fall silent. What KATO gets wrong for a single user too, it gets wrong twice.
"""

from __future__ import annotations

import heapq
import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from bench.loadgen import operations
from bench.loadgen.answers import Difference, differences
from bench.loadgen.operations import Request
from bench.loadgen.session import Session, Turn
from bench.record.vocabulary import VERIFIED, WRONG_ANSWER

if TYPE_CHECKING:
    from bench.loadgen.client import Exchange
    from bench.loadgen.traffic import Traffic

#: Predictions that are asked again, and the longest answer that is kept for it, in bytes.
MOST_SAMPLES, MOST_BYTES = 50, 200_000
#: Sessions of which it is kept what they were told, and how many requests of each: KATO's short-term memory
#: holds no more events.
MOST_SESSIONS, MOST_REQUESTS = 200, 1000
#: Wrong answers that get an event of their own.
MOST_EVENTS = 20
#: Index of the sessions that ask again; they are no part of the load.
EXAMINER = -1
#: Seconds for all of the replay.
PATIENCE = 60.0
#: Characters of a value in an event.
_LONGEST_VALUE = 200
_CLEAR_NODE = operations.clear_node().path

_LOAD = ("warmup", "measure")


@dataclass(frozen=True, slots=True)
class Sample:
    """A prediction to ask again: `node` and `session` by index, `opening` the request that made the session,
    `told` what it sent from then on or since it was cleared, `answer` the body that came, to the request that
    was due at `due` (monotonic seconds)."""

    node: int
    session: int
    opening: Request
    told: tuple[Request, ...]
    question: Request
    answer: bytes
    due: float


@dataclass(slots=True)
class _Story:
    """`session`: `told` is what its short-term memory is made of, `configured` what outlives a clear, and
    `certain` whether all of it is known to have arrived."""

    session: Session
    opening: Request
    configured: list[Request] = field(default_factory=list)
    told: list[Request] = field(default_factory=list)
    certain: bool = True


class Witness:
    """Sees every request of a load process in the order of its sessions, and keeps the sample.

    The sample is even over the predictions of the measure phase and follows from the seed: each prediction
    draws a number from the seed, its session and its place there, and the lowest numbers are kept. So it does
    not matter in which order answers come."""

    def __init__(self, seed: int, sessions: int, *, observing_learns: bool = False) -> None:
        """`sessions`: how many the run keeps open. `observing_learns`: each observation may learn (KATO's
        auto-learning), so that no node stays as it was."""
        chosen = random.Random(f"verify/{seed}").sample(range(sessions), min(sessions, MOST_SESSIONS))
        self._watched = frozenset(chosen)
        self._key = blake2b(f"verify/{seed}".encode(), digest_size=16).digest()
        self._observing_learns = observing_learns
        # By identity, as a user may have several sessions; a story holds on to its own, so that no other gets
        # the same.
        self._stories: dict[int, _Story] = {}
        self._kept: list[tuple[int, int, Sample]] = []
        self._order = itertools.count()
        self._asked_of: Counter[int] = Counter()
        self.taught: set[int] = set()
        self.asked_nodes: set[int] = set()
        self.asked = self.too_large = self.uncertain = 0

    @property
    def samples(self) -> list[Sample]:
        """Node by node, session by session, in the order in which they were due."""
        return sorted(
            (sample for _, _, sample in self._kept), key=lambda one: (one.node, one.session, one.due)
        )

    def saw(self, session: Session, request: Request, turn: Turn, exchange: Exchange) -> None:
        """A request of a session came to its end: answered, failed, or never sent."""
        never_sent = exchange.error == "dropped"
        if turn.phase in _LOAD and not never_sent and self._teaches(request):
            self._forget_node(session.node)
        if session.index not in self._watched:
            return
        if request.operation == "create":
            self._stories[id(session)] = _Story(session, request, certain=not exchange.error)
            return
        story = self._stories.get(id(session))
        if story is None:
            return
        if request.operation == "predict":
            self._asked_of[session.index] += 1
            if not exchange.error and turn.phase == "measure":
                self._consider(story, session, request, turn, exchange.body)
        elif request.operation == "delete" or (request.operation == "config" and exchange.error):
            # From here on nobody knows what the session is.
            del self._stories[id(session)]
        elif request.operation == "config" and request.method != "GET":
            story.configured.append(request)
        elif not never_sent:
            self._tell(story, request, arrived=not exchange.error)

    def _tell(self, story: _Story, request: Request, *, arrived: bool) -> None:
        if request.operation == "clear":
            story.told, story.certain = [], arrived
        elif request.operation in ("observe", "sequence"):
            story.certain &= arrived and len(story.told) < MOST_REQUESTS
            if story.certain:
                story.told.append(request)

    def _teaches(self, request: Request) -> bool:
        """Does it change what its node knows?"""
        match request.operation:
            case "learn" | "finalize":
                return True
            case "clear":
                return request.path == _CLEAR_NODE
            case "sequence":
                return self._observing_learns or b'"learn_at_end":true' in (request.body or b"")
            case "observe":
                return self._observing_learns
        return False

    def forget(self, nodes: Iterable[int]) -> None:
        """Leave out nodes on which others have learned."""
        for node in nodes:
            self._forget_node(node)

    def _forget_node(self, node: int) -> None:
        if node not in self.taught:
            self.taught.add(node)
            self._kept = [entry for entry in self._kept if entry[2].node != node]
            heapq.heapify(self._kept)

    def _consider(self, story: _Story, session: Session, request: Request, turn: Turn, body: bytes) -> None:
        self.asked += 1
        self.asked_nodes.add(session.node)
        if session.node in self.taught:
            return
        draw = self._draw(session.index, self._asked_of[session.index])
        full = len(self._kept) >= MOST_SAMPLES
        # The heap's first entry is the highest draw, because draws are negated.
        if full and -draw <= self._kept[0][0]:
            return
        if not story.certain:
            self.uncertain += 1
            return
        if len(body) > MOST_BYTES:
            self.too_large += 1
            return
        told = (*story.configured, *story.told)
        sample = Sample(session.node, session.index, story.opening, told, request, body, turn.due)
        entry = (-draw, next(self._order), sample)
        if full:
            heapq.heapreplace(self._kept, entry)
        else:
            heapq.heappush(self._kept, entry)

    def _draw(self, session: int, number: int) -> int:
        digest = blake2b(b"%d/%d" % (session, number), digest_size=8, key=self._key)
        return int.from_bytes(digest.digest())


def replay(
    witness: Witness,
    traffic: Traffic,
    *,
    begin: Callable[[Turn], None],
    note: Callable[..., None],
    stopped: Callable[[], bool] = lambda: False,
    patience: float = PATIENCE,
) -> None:
    """Ask the sample again as one user would, and note what came of it: an event for each of the first wrong
    answers, and one for the whole (`bench.record.verified`).

    `begin` is told of each request before it is sent, `note(kind, **fields)` keeps an event. Ends early when
    `stopped`, or after `patience` seconds, in the middle of a history too: one may be long."""
    began = time.monotonic()
    samples = witness.samples
    wrong = compared = unanswered = 0

    def over() -> bool:
        return stopped() or time.monotonic() - began > patience

    for sample in samples:
        if over():
            break
        answer, limit = _ask_again(sample, traffic, begin, over)
        if answer is None:
            unanswered += 1
            continue
        compared += 1
        if found := differences(answer, sample.answer, limit):
            wrong += 1
            if wrong <= MOST_EVENTS:
                note(WRONG_ANSWER, **_facts(sample, found))
    note(
        VERIFIED,
        asked=witness.asked,
        sampled=len(samples),
        replayed=compared,
        wrong=wrong,
        unanswered=unanswered,
        too_large=witness.too_large,
        uncertain=witness.uncertain,
        taught_nodes=len(witness.asked_nodes & witness.taught) if witness.asked else len(witness.taught),
        reason=_why_nothing(witness) if not compared else None,
        seconds=round(time.monotonic() - began, 3),
    )


def _ask_again(
    sample: Sample, traffic: Traffic, begin: Callable[[Turn], None], over: Callable[[], bool]
) -> tuple[bytes | None, int | None]:
    """The answer that a fresh session with the same history gets, None if one of its requests fails or it is
    `over` before the question; and the most predictions of an answer, None if that is not known."""

    def turn() -> Turn:
        now = time.monotonic()
        leave = Turn(now, now, "cooldown")
        begin(leave)
        return leave

    opening = json.loads(sample.opening.body or b"{}")
    session = Session(EXAMINER, sample.node, str(opening.get("node_id")))
    opened = traffic.open(session, opening.get("config", {}), turn())
    if not session.session_id:
        return None, None
    try:
        for request in sample.told:
            if over() or traffic.send(session, request.on(session), turn()).error:
                return None, None
        exchange = traffic.send(session, sample.question.on(session), turn())
        return None if exchange.error else exchange.body, _most_predictions(sample, opened)
    finally:
        traffic.send(session, operations.delete(), turn())


def _most_predictions(sample: Sample, opened: Exchange) -> int | None:
    """What KATO says of itself where it opens a session, unless the session was configured anew."""
    config = opened.json().get("session_config")
    most = config.get("max_predictions") if isinstance(config, dict) else None
    configured = any(request.operation == "config" for request in sample.told)
    return most if isinstance(most, int) and not configured else None


def _facts(sample: Sample, found: list[Difference]) -> dict[str, Any]:
    first = found[0]
    return {
        "node": sample.node,
        "session": sample.session,
        "told": len(sample.told),
        "field": first.field,
        "expected": _shown(first.expected),
        "got": _shown(first.got),
        "differences": len(found),
    }


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def _why_nothing(witness: Witness) -> str:
    if witness.taught and witness.asked_nodes <= witness.taught:
        return "the run learns on every node that it asks" if witness.asked else "the run learns on its nodes"
    if not witness.asked:
        return "the run asked for no prediction while it was measured"
    if witness.too_large:
        return f"answers are larger than {MOST_BYTES // 1000} kB"
    if not witness.samples:
        return "no session's history was known to have arrived"
    return "the replay got no answers"
