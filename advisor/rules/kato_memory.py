"""What KATO's workers keep in memory."""

from __future__ import annotations

from dataclasses import replace

from advisor.evidence import Evidence
from advisor.findings import Change, Finding, Prediction
from advisor.rules.base import known, rule
from bench import words

_INDEXING = "kato.KATO_USE_INDEXING"

#: Fewer learned patterns leave no mark that could be told from other growth.
LEAST_LEARNED = 300
#: Without the index a pattern took 1.8 kB of a worker, with it 7.2 kB (KATO 3.10.1, patterns of ten tokens).
TOO_MUCH, WITH_INDEX, WITHOUT_INDEX = 5e3, 7.2e3, 1.8e3


def _per_pattern(evidence: Evidence) -> float | None:
    learned, grown = evidence.counts.answered.get("learn", 0), evidence.rss_growth_bytes.get("kato")
    return grown / learned if grown is not None and learned >= LEAST_LEARNED else None


@rule(
    "kato.indexes-in-memory",
    holds_for="KATO 3.10",
    precondition=lambda evidence: known(_INDEXING)(evidence) and _per_pattern(evidence) is not None,
    source="KATO 3.10.1 pattern_search.py: the index is built, but patterns are read from ClickHouse",
)
def indexes_in_memory(evidence: Evidence) -> Finding | None:
    """Each worker builds an index of the patterns that it learned and never reads it: its memory grows with
    every pattern, and is given back to nobody."""
    grown = _per_pattern(evidence)
    if grown is None or grown <= TOO_MUCH or evidence.knobs[_INDEXING] is not True:
        return None
    saved = 1 - WITHOUT_INDEX / WITH_INDEX

    def effect(after: Evidence) -> Evidence:
        growth = {**after.rss_growth_bytes, "kato": (1 - saved) * after.rss_growth_bytes["kato"]}
        return replace(after, rss_growth_bytes=growth)

    return Finding(
        "kato.indexes-in-memory",
        "advice",
        "Workers keep an index that nothing reads",
        f"KATO's memory grew by {words.size(grown)} for each of "
        f"{words.count(evidence.counts.answered['learn'])} learned patterns. About three quarters of that "
        "are an index that predictions do not use.",
        {"bytes_per_pattern": grown, "learned": evidence.counts.answered["learn"]},
        (
            Change(
                _INDEXING,
                True,
                False,
                purpose="cost",
                risk="None is known: predictions were the same without it.",
                verify="run the same training again: KATO's memory grows by less for each pattern, and "
                "predictions are the same.",
                predicted=(
                    Prediction(
                        "rss_per_pattern(kato)",
                        "bytes",
                        "interval",
                        f"KATO 3.10.1 took {words.percent(saved)} less per pattern without it; at least half "
                        "of that",
                        now=grown,
                        low=(1 - saved) * grown / 2,
                        high=(1 - saved / 2) * grown,
                    ),
                ),
                effect=effect,
            ),
        ),
    )
