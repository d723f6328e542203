"""The fixed words of a run record; their order is part of the wire format between load child and recorder."""

from __future__ import annotations

OPERATIONS = (
    "create",
    "observe",
    "sequence",
    "learn",
    "predict",
    "stm",
    "clear",
    "config",
    "extend",
    "delete",
    "finalize",
    "events",
    "lookup",
)

PHASES = ("preload", "warmup", "measure", "cooldown")

#: Why a request did not succeed; "" is success. `dropped`: due, but never sent. `unanswered`: sent, and
#: still open when the run ended. `lost_session`: 404 for a session that the run had created. `overload`:
#: 503. `invalid`: a 2xx whose body breaks KATO's contract.
ERRORS = (
    "",
    "dropped",
    "connect",
    "reset",
    "timeout",
    "unanswered",
    "lost_session",
    "not_found",
    "overload",
    "client_error",
    "server_error",
    "invalid",
)

#: Errors of requests that nobody answered: no time was measured, and it was longer than any that was.
LOST = frozenset({"dropped", "connect", "reset", "timeout", "unanswered"})

#: Kinds of events: a probe of a collection's recall (`bench.record.recall`), why there is none, values of
#: knobs that only became known while the run went on, a part of a phase with a load of its own, what came of
#: asking predictions again (`bench.record.verified`), and an answer that was another one then.
RECALL, RECALL_MISSING, KNOBS, PART = "recall", "recall_missing", "knobs", "part"
VERIFIED, WRONG_ANSWER = "verified", "wrong_answer"
#: An answer that breaks the contract and how; events of sessions that were caused and heard; how many
#: patterns a node had learned at that moment, as far as this load process knows.
INVALID, DELIVERY, LEARNED = "invalid", "delivery", "learned"

#: A process of the run ended without a word (`name`, such as load-1).
LOST_SOURCE = "process_lost"

#: Neighbours of which recall is probed: what the literature compares, and what KATO asks for.
RECALL_AT = (10, 3)

OUTCOMES = ("ok", "error", "lost")
