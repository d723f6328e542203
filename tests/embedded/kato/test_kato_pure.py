"""Names, settings, options, memory and sketches: the parts that touch no store."""

from __future__ import annotations

import asyncio
import math

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.knobs.catalogue import find
from bench.targets.embedded.kato import (
    codec,
    filters,
    memory,
    minhash,
    naming,
    patterns,
    session_config,
    settings,
)
from bench.targets.embedded.kato.domain import Pattern, Session
from bench.targets.embedded.kato.middleware import checked_session_id

REDIS = {"REDIS_URL": "redis://127.0.0.1:6379"}
symbols = st.text(min_size=1, max_size=4)


class TestNaming:
    @pytest.mark.parametrize(
        ("node_id", "kb"),
        [
            ("chat:user-1", "chat_user_1_kato"),
            ("a-b", "a_b_kato"),
            ("a.b", "a_b_kato"),
            ("", "_kato"),
            ("x" * 55, "x" * 55 + "_kato"),
        ],
    )
    def test_knowledge_bases(self, node_id, kb):
        assert naming.kb_id(node_id, "kato") == kb

    def test_long_names_are_cut_and_stay_apart(self):
        one, other = naming.kb_id("x" * 56, "kato"), naming.kb_id("x" * 57, "kato")
        assert len(one) == len(other) == 60
        assert one != other
        assert one[:51] == other[:51] == "x" * 51

    def test_patterns_are_named_by_their_python_text(self):
        events = [["a"], ["b"], ["c"]]
        assert naming.pattern_name(events) == "b98534b32c1d7489d4ce1a48724aa65aeecbdba9"

    def test_vectors_of_one_event_are_one_vector(self):
        assert naming.sum_vectors([[0.5, 1.0], [0.5, 1.0]]) == naming.sum_vectors([[1.0, 2.0]])
        symbol, total = naming.sum_vectors([[1.0, 2.0]])
        assert (symbol, total) == ("VCTR|6786a5fc0b30a70ed8fdbaaa451e7c26b5d6c359", [1.0, 2.0])
        with pytest.raises(ValueError, match="shape"):
            naming.sum_vectors([[1.0, 2.0], [1.0, 2.0, 3.0]])


class TestSettings:
    def test_defaults_are_those_of_kato(self):
        loaded = settings.load(REDIS)
        assert (loaded.session_ttl, loaded.recall_threshold, loaded.max_predictions) == (3600, 0.1, 100)
        assert (loaded.clickhouse_url, loaded.qdrant_url) == (
            "http://localhost:8123",
            "http://localhost:6333",
        )
        assert (loaded.distance, loaded.quantization) == ("Euclid", None)
        assert (loaded.stream_maxlen, loaded.prediction_ttl) == (None, None)

    @pytest.mark.parametrize(
        ("env", "sentence"),
        [
            ({}, "REDIS_URL is not set; give it a value."),
            ({"SESSION_TTL": "59"}, "SESSION_TTL must be from 60 to 86400, but it is 59."),
            ({"RECALL_THRESHOLD": "1.1"}, "RECALL_THRESHOLD must be from 0.0 to 1.0, but it is 1.1."),
            ({"RECALL_THRESHOLD": "nan"}, "RECALL_THRESHOLD must be from 0.0 to 1.0, but it is nan."),
            ({"MAX_PREDICTIONS": "many"}, "MAX_PREDICTIONS must be a whole number, but it is 'many'."),
            ({"MAX_PATTERN_LENGTH": "-1"}, "MAX_PATTERN_LENGTH must be at least 0, but it is -1."),
            ({"STM_MODE": "clear"}, "STM_MODE must be one of CLEAR, ROLLING, but it is 'clear'."),
            ({"SORT_SYMBOLS": "maybe"}, "SORT_SYMBOLS must be true or false, but it is 'maybe'."),
            ({"CLICKHOUSE_DB": "a;b"}, "CLICKHOUSE_DB must be a plain identifier, but it is 'a;b'."),
        ],
    )
    def test_what_kato_would_not_start_with_is_named(self, env, sentence):
        with pytest.raises(settings.SettingsError) as raised:
            settings.load({**(REDIS if env else {}), **env})
        assert str(raised.value) == sentence

    @pytest.mark.parametrize(("value", "bound"), [("", None), ("0", None), ("7", 7)])
    def test_bounds_of_ours_may_be_absent(self, value, bound):
        assert settings.load({**REDIS, "KATO_BENCH_STREAM_MAXLEN": value}).stream_maxlen == bound


class TestSessionConfig:
    loaded = settings.load(REDIS)

    @given(st.dictionaries(st.sampled_from(["recall_threshold", "max_predictions", "x"]), st.integers(-5, 5)))
    def test_at_creation_all_or_nothing(self, wanted):
        config = session_config.at_creation(self.loaded, wanted)
        taken = {key: value for key, value in wanted.items() if key != "x"}
        valid = 0 <= wanted.get("recall_threshold", 0) <= 1 and wanted.get("max_predictions", 1) >= 1
        assert config == {**session_config.defaults(self.loaded), **(taken if valid else {})}

    def test_token_matching_takes_sorting_along_on_update_only(self):
        config, _ = session_config.updated(
            session_config.defaults(self.loaded), {"use_token_matching": False}
        )
        assert config["sort_symbols"] is False
        assert session_config.at_creation(self.loaded, {"use_token_matching": False})["sort_symbols"] is True

    def test_the_names_to_rank_by_are_those_that_kato_documents(self):
        weighable = ("similarity", "evidence", "confidence", "snr")
        known = {
            *("potential", "fragmentation", "frequency", *weighable),
            *("normalized_entropy", "global_normalized_entropy", "predictive_information"),
            *("itfdf_similarity", "tfidf_score", "confluence"),
            *("bayesian_posterior", "bayesian_prior", "bayesian_likelihood"),
            *(f"weighted_{metric}" for metric in weighable),
        }
        assert set(settings.RANKINGS) == known
        assert len(known) == 20
        assert find("kato.RANK_SORT_ALGO").choices == settings.RANKINGS

    def test_filters_are_not_checked_on_update_and_an_unknown_mode_is_clear(self):
        config, errors = session_config.updated(
            session_config.defaults(self.loaded), {"filter_pipeline": ["nope"], "stm_mode": "nope"}
        )
        assert (config["filter_pipeline"], config["stm_mode"], errors) == (["nope"], "CLEAR", {})

    @pytest.mark.parametrize("value", [True, "5", None, 0, 10001, 1.5])
    def test_numbers_of_predictions(self, value):
        config, errors = session_config.updated({"max_predictions": 7}, {"max_predictions": value})
        assert config == {"max_predictions": 7}
        assert bool(errors) is (value is not None)


class TestMemory:
    def session(self, **config):
        defaults = session_config.defaults(settings.load(REDIS))
        return Session("s", "n", "", "", 60, {}, {**defaults, **config})

    def test_vectors_come_first_and_each_group_is_sorted(self):
        assert memory.event_of(["b", "a"], {"VCTR|2", "VCTR|1"}, sort=True) == ["VCTR|1", "VCTR|2", "a", "b"]
        assert memory.event_of(["b", "a"], set(), sort=False) == ["b", "a"]

    @given(st.lists(st.lists(symbols, max_size=3), max_size=20))
    def test_time_counts_every_observation_and_memory_the_events(self, events):
        session = self.session()
        for event in events:
            memory.observe(session, event, [], {}, {})
        assert session.time == len(events)
        assert session.stm == [event for event in events if event]

    def test_everything_is_capped_at_a_thousand(self):
        session = self.session()
        for number in range(1005):
            memory.observe(session, [str(number)], [], {"joy": number}, {"n": number})
        assert len(session.stm) == len(session.emotives) == len(session.observed_metadata) == 1000
        assert session.stm[0] == ["5"]

    def test_emotives_are_averaged_where_they_occur(self):
        assert memory.mean_emotives([{"joy": 1.0}, {"joy": 0.0, "fear": 0.5}]) == {"joy": 0.5, "fear": 0.5}

    def test_metadata_become_lists_of_distinct_values(self):
        assert memory.merge_metadata({"k": [1]}, {"k": 1, "l": {}}, {"k": 2}) == {"k": [1, 2], "l": [{}]}

    @given(st.integers(1, 5), st.lists(st.lists(symbols, min_size=1, max_size=2), max_size=12))
    def test_a_rolling_window_keeps_all_but_its_oldest(self, longest, events):
        session = self.session(max_pattern_length=longest, stm_mode="ROLLING")
        for event in events:
            memory.observe(session, event, [], {}, {})
            if memory.auto_learn_due(session):
                memory.after_auto_learn(session, session.stm)
        assert len(session.stm) == min(len(events), longest - 1)
        assert session.stm == events[len(events) - len(session.stm) :]


class TestMinhash:
    @given(st.sets(symbols, min_size=1, max_size=20))
    def test_the_shape_of_a_sketch(self, tokens):
        minima = minhash.signature(tokens)
        assert len(minima) == 100
        assert all(0 <= one < 2**32 for one in minima)
        assert len(minhash.bands(minima)) == 20
        assert minima == minhash.signature(sorted(tokens))

    def test_agreement_estimates_the_jaccard_index(self):
        left, right = ({f"t{number}" for number in range(start, start + 60)} for start in (0, 30))
        pairs = zip(minhash.signature(left), minhash.signature(right), strict=True)
        agreement = sum(one == other for one, other in pairs) / 100
        assert agreement == pytest.approx(30 / 90, abs=0.15)


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


class TestFilters:
    @given(
        st.lists(
            st.sampled_from(["length", "jaccard", "minhash", "bloom", "rapidfuzz"]) | any_json, max_size=4
        )
        | any_json,
        st.dictionaries(
            st.sampled_from(
                [
                    *("length_min_ratio", "length_max_ratio", "jaccard_threshold", "jaccard_min_overlap"),
                    *("minhash_threshold", "minhash_bands", "max_candidates_per_stage"),
                ]
            ),
            any_json,
        ),
    )
    def test_no_option_is_beyond_a_pipeline(self, names, options):
        config = {**session_config.defaults(settings.load(REDIS)), **options, "filter_pipeline": names}
        pipeline = filters.pipeline_of(config, ["a", "b"], False)
        if pipeline is not None:
            for stage in pipeline.stages:
                for value in stage.condition.parameters.values() if stage.condition else ():
                    assert patterns.text(value)
            assert not pipeline.stages or pipeline.stages[0].condition is not None


class TestCodec:
    @given(any_json)
    def test_what_is_written_can_be_read(self, value):
        codec.loads(codec.dumps(value))

    @pytest.mark.parametrize(
        "value", [{"a": [1, 2.5, None, True, "text"]}, "\ud800", ["a", {"\udfff": 1}], 2**64 - 1, {}]
    )
    def test_nothing_is_lost(self, value):
        assert codec.loads(codec.dumps(value)) == value

    def test_numbers_beyond_64_bits_keep_their_size(self):
        assert math.isclose(codec.loads(codec.dumps(10**30)), 1e30)


def test_whatever_stops_an_insert_nobody_waits_for_ever():
    def stop(_):
        raise LookupError("mine")

    async def add():
        async with httpx.AsyncClient(transport=httpx.MockTransport(stop)) as http:
            store = patterns.PatternStore(http, "http://store", "kato", "default", "")
            await asyncio.wait_for(store.add("kb", Pattern("p", [["a"], ["b"]])), 5)

    with pytest.raises(LookupError, match="mine"):
        asyncio.run(add())


class TestQueryParameters:
    @pytest.mark.parametrize(
        ("value", "written"),
        [
            ("it's", "it\\'s"),
            ("a\\b\tc\n", "a\\\\b\\tc\\n"),
            (["a", "it's"], "['a','it\\'s']"),
            ([1, 2], "[1,2]"),
            ([], "[]"),
            (0.5, "0.5"),
        ],
    )
    def test_are_written_so_that_the_server_reads_the_same_value(self, value, written):
        assert patterns.text(value) == written


@pytest.mark.parametrize(
    ("method", "path", "session_id"),
    [
        ("POST", "/sessions", None),
        ("GET", "/sessions/count", None),
        ("GET", "/sessions/x", None),
        ("DELETE", "/sessions/x", "x"),
        ("GET", "/sessions/x/exists", None),
        ("GET", "/sessions/test/abc", "test"),
        ("GET", "/sessions/x/stm", "x"),
        ("GET", "/sessions//stm", None),
        ("GET", "/health", None),
    ],
)
def test_which_requests_need_a_living_session(method, path, session_id):
    assert checked_session_id(method, path) == session_id
