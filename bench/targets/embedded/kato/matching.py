"""How an STM is compared with a pattern. Pure.

Reference: D. Hirschberg, "A linear space algorithm for computing maximal common subsequences", 1975
(the subsequence that the similarity counts); Python's difflib (the blocks that the alignment uses).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from rapidfuzz import fuzz, process
from rapidfuzz.distance import LCSseq

from bench.targets.embedded.kato.domain import Event, Pattern
from bench.targets.embedded.kato.memory import flatten

Similarity = Callable[[Sequence[str], Sequence[str]], float]
"""From 0 to 1, of an STM's tokens and a pattern's."""


@dataclass(frozen=True, slots=True)
class Match:
    """A pattern similar enough to the STM, and its tokens in order."""

    pattern: Pattern
    tokens: list[str]
    similarity: float


@dataclass(frozen=True, slots=True)
class Alignment:
    """Where the STM lies in a pattern."""

    matches: list[str]
    past: list[Event]
    present: list[Event]
    """From the first to the last event that holds a match."""
    future: list[Event]
    missing: list[Event]
    """Per present event: what was expected and not matched."""
    extras: list[Event]
    """Per STM event: what was observed and not matched."""
    evidence: float
    """Matched share of the pattern's symbols."""
    confidence: float
    """Matched share of the present's symbols."""
    snr: float
    """(2·matches - unmatched observed symbols) / (2·matches + unmatched observed symbols)."""
    fragmentation: float
    """Contiguous blocks of matches, less one."""
    anomalies: list[dict[str, Any]]
    """Matches of symbols that only resemble each other."""


def matches(
    state: Sequence[str], candidates: Iterable[Pattern], threshold: float, similarity: Similarity
) -> list[Match]:
    """The candidates whose similarity to the STM's tokens reaches the threshold, in the given order."""
    found = []
    for pattern in candidates:
        tokens = flatten(pattern.events)
        score = similarity(state, tokens)
        if score >= threshold:
            found.append(Match(pattern, tokens, score))
    return found


def token_similarity(state: Sequence[str], tokens: Sequence[str]) -> float:
    """2·LCS / (m + n), taken through percent and back as KATO's last digit shows that it does."""
    return 2 * LCSseq.similarity(state, tokens) / (len(state) + len(tokens)) * 100 / 100


def text_similarity(state: Sequence[str], tokens: Sequence[str]) -> float:
    """The same measure over the characters of the joined tokens."""
    return float(fuzz.ratio(" ".join(state), " ".join(tokens))) / 100


def block_similarity(state: Sequence[str], tokens: Sequence[str]) -> float:
    """2·M / (m + n) with M the tokens in difflib's matching blocks: KATO's measure without RapidFuzz."""
    return SequenceMatcher(None, tokens, state, autojunk=False).ratio()


def align(stm: Sequence[Event], match: Match, resemblance: float = 0.0) -> Alignment | None:
    """Lays the STM along the pattern; None if they have no symbol in common.

    With a `resemblance` over zero, an observed symbol that the pattern lacks counts as the pattern's most
    similar one, if their texts are at least that similar."""
    events, tokens = match.pattern.events, match.tokens
    state = flatten(stm)
    meant = _meant(state, tokens, resemblance) if resemblance > 0 else {}
    if meant:
        state = [meant[symbol][0] if symbol in meant else symbol for symbol in state]
    blocks = SequenceMatcher(None, tokens, state, autojunk=False).get_matching_blocks()[:-1]
    if not blocks:
        return None
    matched = [tokens[i] for block in blocks for i in range(block.a, block.a + block.size)]
    first = _event_index(events, blocks[0].a)
    last = _event_index(events, blocks[-1].a + blocks[-1].size - 1)
    present = events[first : last + 1]
    known = set(matched)
    unmatched = len(state) - len(matched)
    return Alignment(
        matches=matched,
        past=events[:first],
        present=present,
        future=events[last + 1 :],
        missing=[[symbol for symbol in event if symbol not in known] for event in present],
        extras=[[symbol for symbol in event if _expected(symbol, meant) not in known] for event in stm],
        evidence=len(matched) / len(tokens),
        confidence=len(matched) / sum(map(len, present)),
        snr=(2 * len(matched) - unmatched) / (2 * len(matched) + unmatched),
        fragmentation=float(len(blocks) - 1),
        anomalies=[
            {"observed": symbol, "expected": expected, "similarity": similarity}
            for symbol, (expected, similarity) in meant.items()
            if expected in known
        ],
    )


def _meant(state: Sequence[str], tokens: Collection[str], resemblance: float) -> dict[str, tuple[str, float]]:
    """Observed symbol -> the pattern's symbol that it resembles, and how much."""
    expected = list(dict.fromkeys(tokens))
    found = {}
    for symbol in dict.fromkeys(state):
        if symbol not in expected:
            best = process.extractOne(symbol, expected, scorer=fuzz.ratio, score_cutoff=100 * resemblance)
            if best is not None:
                found[symbol] = (best[0], best[1] / 100)
    return found


def _expected(symbol: str, meant: dict[str, tuple[str, float]]) -> str:
    return meant[symbol][0] if symbol in meant else symbol


def _event_index(events: Sequence[Event], token: int) -> int:
    for index, event in enumerate(events):
        if token < len(event):
            return index
        token -= len(event)
    raise IndexError(token)
