"""What every rendering says in the same words: why requests failed, whether answers were right, what the
generator can do, and where the warm-up ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bench import words

if TYPE_CHECKING:
    from bench.record.manifest import Generator, Settling, Verification
    from bench.record.verified import WrongAnswer

#: Kind of error (`bench.record.vocabulary`) -> words that follow a number.
_FAILURES = {
    "dropped": "never sent",
    "connect": "without a connection",
    "reset": "with a connection that broke",
    "timeout": "timed out",
    "unanswered": "still unanswered at the end",
    "lost_session": "false 404 (the session was alive)",
    "not_found": "404",
    "overload": "refused by admission (503)",
    "client_error": "refused as wrong (4xx)",
    "server_error": "failed in the target (5xx)",
    "invalid": "with an answer that breaks KATO's contract",
}


def failures(by_error: Mapping[str, int]) -> str:
    """`30 refused by admission (503), 2 timed out`, the most frequent first."""
    kinds = sorted(by_error.items(), key=lambda item: -item[1])
    return ", ".join(f"{words.count(number)} {_FAILURES.get(kind, kind)}" for kind, number in kinds)


def answers(verification: Verification, wrong: Sequence[WrongAnswer]) -> str:
    """What came of asking predictions again; `wrong` are those that the record tells more of."""
    if not verification.replayed:
        return f"Answers are not verified: {verification.reason or 'the replay got no answers'}."
    again = (
        f"{words.count(verification.replayed)} of {words.count(verification.asked)} predictions were asked "
        "again as one user"
    )
    if not verification.wrong:
        told = f"Answers: {again}, all with the same answer"
    else:
        told = f"Wrong answers: {again}, and {words.count(verification.wrong)} differ"
    if wrong:
        told += f". The first: {wrong[0].sentence}"
    return f"{told}.{_left_out(verification)}"


def _left_out(verification: Verification) -> str:
    parts = []
    if verification.taught_nodes:
        many = "1 node" if verification.taught_nodes == 1 else f"{verification.taught_nodes} nodes"
        parts.append(f"{many} on which the run learned")
    if verification.unanswered:
        parts.append(f"{verification.unanswered} that got no answer the second time")
    if late := verification.sampled - verification.replayed - verification.unanswered:
        parts.append(f"{late} that there was no time to ask again")
    return f" Left out: {' and '.join(parts)}." if parts else ""


def generator(known: Generator) -> str:
    """`up to 8 400 requests/s a process, 119 µs of CPU each, floor p50 0.3 ms and p99 0.9 ms`."""
    return (
        f"up to {words.requests(known.ceiling)} a process, "
        f"{words.seconds(known.cpu_per_request)} of CPU each, "
        f"floor p50 {words.seconds(known.floor_p50)} and p99 {words.seconds(known.floor_p99)}"
    )


def settling(found: Settling, stated: float) -> str | None:
    """Where the warm-up really ended; `stated`: seconds that were to be measured. None: where it was to."""
    if not found.cut:
        return None
    return (
        f"The first {found.cut:.0f} s of the {stated:g} s measured were still warm-up (MSER-5): they stay in "
        "the record and count in no number here."
    )
