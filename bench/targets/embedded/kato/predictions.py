"""KATO's prediction objects: their metrics, their order, and the futures that they agree on. Pure.

Every formula reproduces the recorded predictions of KATO 3.10.1 to the last digit. Those recordings hold
one learned pattern; where that leaves a metric open, it has its usual meaning, as documented here:
entropies after Shannon (1948), tf-idf with smoothed idf, Bayes over the ensemble of matching patterns.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.targets.embedded.kato.domain import Event, Experience, SymbolCounts, Totals
from bench.targets.embedded.kato.matching import Alignment, Match
from bench.targets.embedded.kato.memory import flatten, mean_emotives

Prediction = dict[str, Any]

_WEIGHTED = ("weighted_similarity", "weighted_evidence", "weighted_confidence", "weighted_snr")


@dataclass(frozen=True, slots=True)
class Survivor:
    """A matching pattern with all that is known of it."""

    match: Match
    alignment: Alignment
    experience: Experience


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Sums over all patterns that match the STM."""

    frequency: int
    weighted_frequency: float
    """Of frequency times similarity; Bayes' denominator, up to the factor `frequency`."""
    weight_of_future: Mapping[str, float]

    @classmethod
    def of(cls, survivors: Sequence[Survivor]) -> Ensemble:
        weights: Counter[str] = Counter()
        for one in survivors:
            weights[_future_key(one.alignment.future)] += _weight(one)  # type: ignore[assignment]
        return cls(
            frequency=sum(one.experience.frequency for one in survivors),
            weighted_frequency=sum(map(_weight, survivors)),
            weight_of_future=weights,
        )


def prediction(
    state: Sequence[str],
    survivor: Survivor,
    ensemble: Ensemble,
    counts: SymbolCounts,
    totals: Totals,
    chance: float,
    weights: Mapping[str, float] | None = None,
) -> Prediction:
    """The prediction object for an STM of two or more symbols. `chance` is `chance_of` its present;
    `weights` are those of the symbols by an emotive, if the session named one."""
    match, alignment, experience = survivor.match, survivor.alignment, survivor.experience
    present = flatten(alignment.present)
    probability = experience.frequency / max(1, totals.pattern_frequencies)
    similarity_to_state = frequency_weighted_cosine(state, present, counts)
    prior = experience.frequency / ensemble.frequency
    return {
        "type": "prototypical",
        "name": match.pattern.name,
        "frequency": experience.frequency,
        "emotives": mean_emotives(experience.emotives),
        "matches": alignment.matches,
        "past": alignment.past,
        "present": alignment.present,
        "missing": alignment.missing,
        "extras": alignment.extras,
        "anomalies": alignment.anomalies,
        "potential": (alignment.evidence + alignment.confidence) * alignment.snr
        + similarity_to_state
        + 1 / (alignment.fragmentation + 1),
        "evidence": alignment.evidence,
        "similarity": match.similarity,
        "fragmentation": alignment.fragmentation,
        "snr": alignment.snr,
        "confluence": probability * (1 - chance),
        "predictive_information": match.similarity * _agreement(survivor, ensemble),
        "sequence": match.pattern.events,
        "future": alignment.future,
        "confidence": alignment.confidence,
        **weighted(alignment.matches, flatten(alignment.extras), present, match.tokens, weights),
        "entropy": entropy(present),
        "normalized_entropy": normalized_entropy(present, totals),
        "global_normalized_entropy": global_normalized_entropy(present, counts, totals),
        "itfdf_similarity": similarity_to_state,
        "tfidf_score": tfidf(present, counts, totals),
        "pattern_probability": probability,
        "weighted_strength": match.similarity * probability,
        "bayesian_posterior": _weight(survivor) / ensemble.weighted_frequency,
        "bayesian_prior": prior,
        "bayesian_likelihood": match.similarity,
    }


def single_symbol_prediction(
    symbol: str,
    events: list[Event],
    name: str,
    known: Experience,
    weights: Mapping[str, float] | None = None,
) -> Prediction:
    """The object of the fast path: the STM is one symbol, the pattern begins with it."""
    tokens = flatten(events)
    evidence, confidence = 1 / len(tokens), 1 / len(events[0])
    return {
        "name": name,
        "pattern_data": events,
        "length": len(tokens),
        "frequency": known.frequency,
        "emotives": mean_emotives(known.emotives),
        "matches": [symbol],
        "missing": events[0][1:],
        "present": events[0],
        "past": [],
        "future": flatten(events[1:]),
        "extras": [],
        "similarity": 2 / (1 + len(tokens)),
        "evidence": evidence,
        "confidence": confidence,
        "snr": 1.0,
        "fragmentation": 0.0,
        "anomalies": [],
        **weighted([symbol], [], events[0], tokens, weights),
        "potential": evidence + confidence + 1.0,
    }


def weighted(
    matches: Sequence[str],
    extras: Sequence[str],
    present: Sequence[str],
    tokens: Sequence[str],
    weights: Mapping[str, float] | None,
) -> dict[str, float | None]:
    """Similarity, evidence, confidence and signal-to-noise ratio where each symbol counts by its weight
    instead of as one; all None without weights, zero where nothing has any."""
    if weights is None:
        return dict.fromkeys(_WEIGHTED)

    def weight(symbols: Sequence[str]) -> float:
        return sum(weights.get(symbol, 0.0) for symbol in symbols)

    matched, extra, pattern = weight(matches), weight(extras), weight(tokens)
    ratios = (
        (2 * matched, matched + extra + pattern),
        (matched, pattern),
        (matched, weight(present)),
        (2 * matched - extra, 2 * matched + extra),
    )
    values = (part / whole if whole else 0.0 for part, whole in ratios)
    return dict(zip(_WEIGHTED, values, strict=True))


def ranked(predictions: Sequence[Prediction], ranking: str, limit: int) -> list[Prediction]:
    """The best `limit`, best first: the highest value wins, except for fragmentation. Names break ties.

    A weighted metric that is None, as it is without an emotive, counts as zero."""
    sign = 1 if ranking == "fragmentation" else -1
    return sorted(predictions, key=lambda one: (sign * (one[ranking] or 0.0), one["name"]))[:limit]


def future_potentials(predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
    """The distinct futures of these predictions, the one with the largest share of all weight first."""
    groups: dict[str, dict[str, Any]] = {}
    for one in predictions:
        group = groups.setdefault(
            _future_key(one["future"]),
            {
                "future": one["future"],
                "aggregate_potential": 0.0,
                "supporting_patterns": 0,
                "total_weighted_frequency": 0.0,
            },
        )
        group["supporting_patterns"] += 1
        group["total_weighted_frequency"] += one["frequency"] * one["similarity"]
    total = sum(group["total_weighted_frequency"] for group in groups.values())
    for group in groups.values():
        group["aggregate_potential"] = group["total_weighted_frequency"] / total if total else 0.0
    with_future = [group for group in groups.values() if group["future"]]
    return sorted(with_future, key=lambda group: -group["aggregate_potential"])


def chance_of(symbols: Sequence[str], counts: SymbolCounts, totals: Totals) -> float:
    """The probability that a pattern holds all these symbols if each came independently."""
    return math.prod(_probability(symbol, counts, totals) for symbol in dict.fromkeys(symbols))


def entropy(symbols: Sequence[str]) -> float:
    """Shannon entropy of the symbols' frequencies, in bits."""
    return -sum(p * math.log2(p) for p in _shares(symbols))


def normalized_entropy(symbols: Sequence[str], totals: Totals) -> float:
    """The entropy in units of the node's vocabulary: 1 if all its symbols occur equally often."""
    if totals.unique_symbols < 2:
        return 0.0
    return -sum(p * math.log(p, totals.unique_symbols) for p in _shares(symbols))


def global_normalized_entropy(symbols: Sequence[str], counts: SymbolCounts, totals: Totals) -> float:
    """As `normalized_entropy`, of the symbols' probabilities in the node instead of in the pattern."""
    if totals.unique_symbols < 2:
        return 0.0
    terms = ((p, math.log(p, totals.unique_symbols)) for p in _probabilities(symbols, counts, totals) if p)
    return abs(sum(p * log for p, log in terms))


def frequency_weighted_cosine(state: Sequence[str], present: Sequence[str], counts: SymbolCounts) -> float:
    """Cosine between STM and present, each symbol weighing its count times its frequency in the node
    (term frequency × document frequency, the inverse of tf-idf's weighting)."""
    left, right = Counter(state), Counter(present)
    frequency = counts.frequency
    dot = sum(left[symbol] * count * frequency.get(symbol, 1) ** 2 for symbol, count in right.items())
    return dot / (_norm(left, counts) * _norm(right, counts))


def tfidf(symbols: Sequence[str], counts: SymbolCounts, totals: Totals) -> float:
    """The mean over the distinct symbols of tf · (ln((1 + N) / (1 + df)) + 1)."""
    occurrences = Counter(symbols)
    return sum(
        count
        / len(symbols)
        * (math.log((1 + totals.unique_patterns) / (1 + counts.member_frequency.get(symbol, 0))) + 1)
        for symbol, count in occurrences.items()
    ) / len(occurrences)


def term_frequencies(symbols: Sequence[str]) -> dict[str, float]:
    """Each distinct symbol's share."""
    return {symbol: count / len(symbols) for symbol, count in Counter(symbols).items()}


def _norm(occurrences: Counter[str], counts: SymbolCounts) -> float:
    return math.sqrt(
        sum((count * counts.frequency.get(symbol, 1)) ** 2 for symbol, count in occurrences.items())
    )


def _shares(symbols: Sequence[str]) -> list[float]:
    return [count / len(symbols) for count in Counter(symbols).values()]


def _probability(symbol: str, counts: SymbolCounts, totals: Totals) -> float:
    return min(1.0, counts.member_frequency.get(symbol, 0) / max(1, totals.unique_patterns))


def _probabilities(symbols: Sequence[str], counts: SymbolCounts, totals: Totals) -> list[float]:
    return [_probability(symbol, counts, totals) for symbol in dict.fromkeys(symbols)]


def _weight(survivor: Survivor) -> float:
    return survivor.experience.frequency * survivor.match.similarity


def _agreement(survivor: Survivor, ensemble: Ensemble) -> float:
    """The share of the ensemble's weight that expects this pattern's future."""
    return ensemble.weight_of_future[_future_key(survivor.alignment.future)] / ensemble.weighted_frequency


def _future_key(future: Sequence[Event]) -> str:
    return str(future)
