"""Matching, alignment and metrics, apart from any store."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.targets.embedded.kato import matching, predictions
from bench.targets.embedded.kato.domain import Experience, Pattern, SymbolCounts, Totals
from bench.targets.embedded.kato.matching import Match
from bench.targets.embedded.kato.memory import flatten
from bench.targets.embedded.kato.predictions import Ensemble, Survivor

events = st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=3), min_size=1, max_size=6)
state_of_two = events.filter(lambda stm: len(flatten(stm)) > 1)


def match(pattern_events, similarity=0.5, name="p"):
    return Match(Pattern(name, pattern_events), flatten(pattern_events), similarity)


def longest_common_subsequence(left, right):
    row = [0] * (len(right) + 1)
    for one in left:
        last = row
        row = [0]
        for column, other in enumerate(right, start=1):
            row.append(last[column - 1] + 1 if one == other else max(last[column], row[-1]))
    return row[-1]


class TestSimilarity:
    @given(events, events)
    def test_is_the_normalised_common_subsequence(self, left, right):
        state, tokens = flatten(left), flatten(right)
        expected = 2 * longest_common_subsequence(state, tokens) / (len(state) + len(tokens))
        assert matching.token_similarity(state, tokens) == pytest.approx(expected)
        assert matching.block_similarity(state, tokens) <= expected + 1e-12

    def test_has_the_last_digit_that_kato_has(self):
        tokens = ["hello", "world", "foo", "bar", "baz", "end"]
        assert matching.token_similarity(tokens[:3], tokens) == 0.6666666666666665

    def test_of_text_compares_characters(self):
        assert matching.text_similarity(["ab"], ["ac"]) == pytest.approx(0.5)

    @given(state_of_two, st.lists(events, max_size=5), st.floats(0, 1))
    def test_only_candidates_above_the_threshold_survive(self, stm, patterns, threshold):
        candidates = [Pattern(str(number), one) for number, one in enumerate(patterns)]
        state = flatten(stm)
        found = matching.matches(state, candidates, threshold, matching.token_similarity)
        assert [one.pattern for one in found] == [
            pattern
            for pattern in candidates
            if matching.token_similarity(state, flatten(pattern.events)) >= threshold
        ]


class TestAlignment:
    @given(state_of_two, events)
    def test_divides_the_pattern_and_counts_what_it_matched(self, stm, pattern):
        aligned = matching.align(stm, match(pattern))
        if aligned is None:
            assert not set(flatten(stm)) & set(flatten(pattern))
            return
        assert aligned.past + aligned.present + aligned.future == pattern
        assert 0 < aligned.evidence <= aligned.confidence <= 1
        assert -1 < aligned.snr <= 1
        assert 0 <= aligned.fragmentation < len(aligned.matches)
        assert len(aligned.missing) == len(aligned.present)
        assert len(aligned.extras) == len(stm)
        assert longest_common_subsequence(aligned.matches, flatten(pattern)) == len(aligned.matches)
        assert longest_common_subsequence(aligned.matches, flatten(stm)) == len(aligned.matches)

    def test_names_what_is_missing_and_what_is_extra(self):
        aligned = matching.align([["a", "x"], ["c"]], match([["z"], ["a", "b"], ["c"], ["d"]]))
        assert aligned.past == [["z"]]
        assert aligned.present == [["a", "b"], ["c"]]
        assert aligned.future == [["d"]]
        assert aligned.matches == ["a", "c"]
        assert aligned.missing == [["b"], []]
        assert aligned.extras == [["x"], []]
        assert (aligned.evidence, aligned.confidence) == (2 / 5, 2 / 3)
        assert aligned.snr == (4 - 1) / (4 + 1)
        assert aligned.fragmentation == 1.0


class TestResemblance:
    @given(state_of_two, events, st.floats(0.01, 1.0))
    def test_more_tokens_match_and_only_such_that_the_pattern_lacks(self, stm, pattern, resemblance):
        exact, fuzzy = matching.align(stm, match(pattern)), matching.align(stm, match(pattern), resemblance)
        if fuzzy is None:
            assert exact is None
            return
        for anomaly in fuzzy.anomalies:
            assert resemblance - 1e-9 <= anomaly["similarity"] < 1
            assert anomaly["observed"] not in flatten(pattern)
            assert anomaly["expected"] in fuzzy.matches
        if not fuzzy.anomalies:
            assert fuzzy == exact

    def test_a_symbol_counts_as_the_most_similar_one(self):
        aligned = matching.align([["kitchen"], ["c"]], match([["kit", "kitten"], ["c"], ["d"]]), 0.7)
        assert aligned.matches == ["kitten", "c"]
        assert aligned.extras == [[], []]
        assert aligned.missing == [["kit"], []]
        assert [(one["observed"], one["expected"]) for one in aligned.anomalies] == [("kitchen", "kitten")]


class TestWeights:
    @given(state_of_two, events, st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1e6)))
    def test_weighted_metrics_are_shares(self, stm, pattern, weights):
        aligned = matching.align(stm, match(pattern))
        if aligned is None:
            return
        present = flatten(aligned.present)
        made = predictions.weighted(
            aligned.matches, flatten(aligned.extras), present, flatten(pattern), weights
        )
        assert list(made) == [
            f"weighted_{metric}" for metric in ("similarity", "evidence", "confidence", "snr")
        ]
        for metric in ("similarity", "evidence", "confidence"):
            assert 0 <= made[f"weighted_{metric}"] <= 1 + 1e-9
        assert -1 <= made["weighted_snr"] <= 1

    @given(state_of_two, events)
    def test_equal_weights_change_nothing(self, stm, pattern):
        aligned = matching.align(stm, match(pattern))
        if aligned is None:
            return
        made = predictions.weighted(
            aligned.matches, [], flatten(aligned.present), flatten(pattern), dict.fromkeys("abcdef", 2.0)
        )
        assert made["weighted_evidence"] == pytest.approx(aligned.evidence)
        assert made["weighted_confidence"] == pytest.approx(aligned.confidence)

    def test_without_weights_there_are_none(self):
        assert set(predictions.weighted(["a"], [], ["a"], ["a"], None).values()) == {None}


class TestMetrics:
    counts = SymbolCounts({"a": 4, "b": 1, "c": 1}, {"a": 2, "b": 1, "c": 1})
    totals = Totals(pattern_frequencies=5, unique_patterns=2, unique_symbols=3)

    def survivor(self, frequency, future, similarity=0.5, name="p"):
        one = match([["a"], ["b"], [future]], similarity, name)
        return Survivor(one, matching.align([["a"], ["b"]], one), Experience(frequency, [], {}))

    def test_entropies(self):
        assert predictions.entropy(["a", "b", "a", "b"]) == 1.0
        assert predictions.normalized_entropy(["a", "b", "c"], self.totals) == pytest.approx(1.0)
        both = 2 * -0.5 * math.log(0.5, 3)
        assert predictions.global_normalized_entropy(
            ["a", "b", "c"], self.counts, self.totals
        ) == pytest.approx(both)

    def test_chance_is_that_of_independent_symbols(self):
        assert predictions.chance_of(["a", "b", "c", "c"], self.counts, self.totals) == 0.25

    def test_rare_symbols_distinguish(self):
        common = predictions.tfidf(["a"], self.counts, self.totals)
        assert common == 1.0
        assert predictions.tfidf(["b"], self.counts, self.totals) > common

    @given(state_of_two, state_of_two)
    def test_the_cosine_is_one_for_equal_symbols_and_zero_for_none(self, left, right):
        cosine = predictions.frequency_weighted_cosine(flatten(left), flatten(right), self.counts)
        assert -1e-12 <= cosine <= 1 + 1e-12
        assert predictions.frequency_weighted_cosine(
            flatten(left), flatten(left), self.counts
        ) == pytest.approx(1.0)

    @given(st.lists(st.tuples(st.integers(1, 9), st.sampled_from("xyz")), min_size=1, max_size=8))
    def test_beliefs_sum_to_one_over_the_ensemble(self, patterns):
        survivors = [
            self.survivor(frequency, future, name=str(number))
            for number, (frequency, future) in enumerate(patterns)
        ]
        ensemble = Ensemble.of(survivors)
        made = [
            predictions.prediction(["a", "b"], one, ensemble, self.counts, self.totals, 0.25)
            for one in survivors
        ]
        for belief in ("bayesian_posterior", "bayesian_prior"):
            assert sum(one[belief] for one in made) == pytest.approx(1.0)
        futures = predictions.future_potentials(made)
        assert sum(one["aggregate_potential"] for one in futures) == pytest.approx(1.0)
        assert sum(one["supporting_patterns"] for one in futures) == len(made)
        potentials = [one["aggregate_potential"] for one in futures]
        assert potentials == sorted(potentials, reverse=True)

    def test_the_best_come_first_and_no_more_than_asked_for(self):
        made = [
            {"name": name, "potential": potential, "fragmentation": potential}
            for name, potential in (("b", 1.0), ("c", 3.0), ("a", 1.0), ("d", 2.0))
        ]
        assert [one["name"] for one in predictions.ranked(made, "potential", 3)] == ["c", "d", "a"]
        assert [one["name"] for one in predictions.ranked(made, "fragmentation", 2)] == ["a", "b"]

    def test_a_metric_that_there_is_not_ranks_as_zero(self):
        made = [
            {"name": name, "weighted_snr": value} for name, value in (("a", None), ("b", 0.5), ("c", -0.5))
        ]
        assert [one["name"] for one in predictions.ranked(made, "weighted_snr", 3)] == ["b", "a", "c"]
