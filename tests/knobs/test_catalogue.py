from __future__ import annotations

import contextlib
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.knobs.catalogue import SETTABLE, find, knobs, matching, misnomers, parse, resolve
from bench.knobs.homes import Home
from bench.knobs.knob import CoresLess, Knob, KnobError, UnknownKnob, Value
from bench.report.knobs import markdown

by_name = {"argnames": "knob", "argvalues": knobs(), "ids": lambda knob: knob.name}


class TestTheCatalogue:
    def test_every_name_means_one_knob(self) -> None:
        names = Counter(name for knob in knobs() for name in {knob.name, *knob.aliases})
        assert [name for name, count in names.items() if count > 1] == []

    @pytest.mark.parametrize(**by_name)
    def test_an_entry_is_complete(self, knob: Knob) -> None:
        assert knob.name.startswith(f"{knob.system}.")
        assert knob.source
        assert knob.live
        assert knob.where
        assert knob.influences
        assert knob.holds_for
        assert knob.acts == (knob.why is None)
        assert knob.acts == (knob.state == "live")
        assert (knob.kind in ("enum", "list")) == bool(knob.choices)
        assert knob.tunable == (knob.acts and not knob.wiring)

    @pytest.mark.parametrize(**by_name)
    def test_its_defaults_are_legal(self, knob: Knob) -> None:
        for default in (knob.default("shipped", 2), knob.default("healthy", 2)):
            if default is not None:
                assert knob.read(knob.write(default)) == default

    @pytest.mark.parametrize(**by_name)
    def test_what_nobody_sets_is_legal_too(self, knob: Knob) -> None:
        if knob.usual is not None:
            assert knob.read(knob.write(knob.usual)) == knob.usual

    @pytest.mark.parametrize(**by_name)
    def test_what_acts_in_the_place_of_another_acts(self, knob: Knob) -> None:
        if knob.instead is not None:
            assert not knob.acts
            assert find(knob.instead).acts
            assert knob.spelled in misnomers(knob.instead)

    @pytest.mark.parametrize(
        ("wrong", "right"),
        [
            ("KATO_USE_TOKEN_MATCHING", "kato.USE_TOKEN_MATCHING"),
            ("SORT", "kato.SORT_SYMBOLS"),
            ("WORKERS", "uvicorn.workers"),
            ("UVICORN_LIMIT_CONCURRENCY", "uvicorn.limit_concurrency"),
            ("QDRANT_HNSW_M", "qdrant.hnsw.m"),
            ("CLICKHOUSE_MAX_MEMORY_USAGE", "clickhouse.max_memory_usage"),
        ],
    )
    def test_a_wrong_name_leads_to_the_right_one(self, wrong: str, right: str) -> None:
        assert find(wrong).instead == right
        assert wrong in misnomers(right)

    @pytest.mark.parametrize(
        ("name", "value", "harmful"),
        [
            ("kato.CLICKHOUSE_DB", "kato", False),
            ("kato.CLICKHOUSE_DB", "kato_production", True),
            ("kato.CLICKHOUSE_PORT", 9000, True),
            ("kato.CLICKHOUSE_PORT", 8123, False),
            ("kato.QDRANT_PORT", 6334, True),
            ("kato.INDEXER_TYPE", "LSH", True),
            ("kato.INDEXER_TYPE", "VI", False),
            ("kato.REDIS_ENABLED", False, True),
            ("kato.REDIS_PERSISTENCE", "false", True),
            ("redis.maxmemory-policy", "allkeys-lru", True),
            ("redis.maxmemory-policy", "volatile-lru", False),
            ("session.process_predictions", True, True),
        ],
    )
    def test_some_values_do_harm(self, name: str, value: Value, harmful: bool) -> None:
        assert (find(name).danger(value) is not None) == harmful

    def test_every_home_is_used(self) -> None:
        assert {knob.home for knob in knobs()} == set(get_args(Home))

    def test_every_system_takes_part(self) -> None:
        systems = {"kato", "session", "uvicorn", "redis", "qdrant", "clickhouse", "container"}
        assert {knob.system for knob in knobs()} == systems

    @pytest.mark.parametrize(
        ("name", "live"),
        [
            ("redis.maxmemory", "CONFIG GET maxmemory"),
            ("qdrant.hnsw.m", "GET /collections/<name>, config.hnsw_config.m"),
            ("uvicorn.workers", "arguments of KATO's process, --workers"),
            ("kato.LOG_LEVEL", "environment of KATO's process, LOG_LEVEL"),
            ("session.filter_pipeline", "GET /sessions/<id>/config, config.filter_pipeline"),
            ("container.redis.memory", "docker inspect kato-redis, HostConfig.Memory"),
        ],
    )
    def test_it_says_where_the_live_value_is(self, name: str, live: str) -> None:
        assert find(name).live == live


class TestFind:
    @pytest.mark.parametrize(
        ("name", "canonical"),
        [
            ("uvicorn.workers", "uvicorn.workers"),
            ("--workers", "uvicorn.workers"),
            ("KATO_WORKERS", "uvicorn.workers"),
            ("KATO_LIMIT_CONCURRENCY", "uvicorn.limit_concurrency"),
            ("SESSION_TTL", "kato.SESSION_TTL"),
            ("kato.SESSION_TTL", "kato.SESSION_TTL"),
            ("redis.maxmemory", "redis.maxmemory"),
            ("redis.MaxMemory", "redis.maxmemory"),
            ("redis.lua-time-limit", "redis.lua-time-limit"),
            ("qdrant.hnsw.m", "qdrant.hnsw.m"),
            ("KATO_GPU_ENABLED", "kato.KATO_GPU_ENABLED"),
            ("kato.MONGO_BASE_URL", "kato.MONGO_BASE_URL"),
        ],
    )
    def test_by_name_and_alias(self, name: str, canonical: str) -> None:
        assert find(name).name == canonical

    @pytest.mark.parametrize(
        ("name", "near"),
        [
            ("uvicorn.worker", "uvicorn.workers"),
            ("workers", "uvicorn.workers"),
            ("--worker", "uvicorn.workers"),
            ("maxmemory", "redis.maxmemory"),
            ("session_tll", "kato.SESSION_TTL"),
            ("qdrant.hnsw.ef", "qdrant.hnsw.ef_construct"),
            ("hnsw.m", "qdrant.hnsw.m"),
        ],
    )
    def test_an_unknown_name_gets_the_nearest(self, name: str, near: str) -> None:
        with pytest.raises(UnknownKnob) as caught:
            find(name)
        assert repr(name) in str(caught.value)
        assert near in str(caught.value)

    @pytest.mark.parametrize("name", ["", "redis.", "redis.a b", "redis", "zzzzzzzz"])
    def test_nothing_like_it(self, name: str) -> None:
        with pytest.raises(UnknownKnob):
            find(name)

    @given(st.text())
    def test_never_fails_otherwise(self, name: str) -> None:
        with contextlib.suppress(UnknownKnob):
            assert find(name).name


class TestMatching:
    @pytest.mark.parametrize(
        ("name", "found"),
        [
            ("redis.save", ["redis.save"]),
            ("KATO_WORKERS", ["uvicorn.workers"]),
            ("KATO_BATCH_SIZE", ["kato.KATO_BATCH_SIZE"]),
            ("JWT_SECRET", ["kato.JWT_SECRET"]),
            ("redis.lua-time-limit", ["redis.lua-time-limit"]),
            ("uvicorn.ws_", ["uvicorn.ws_max_size", "uvicorn.ws_ping_interval", "uvicorn.ws_ping_timeout"]),
        ],
    )
    def test_a_name_or_a_beginning(self, name: str, found: list[str]) -> None:
        assert [knob.name for knob in matching(name)] == found

    def test_nothing_means_all(self) -> None:
        assert matching("") == knobs()

    def test_an_unknown_name(self) -> None:
        with pytest.raises(UnknownKnob, match=r"uvicorn\.workers"):
            matching("uvicorn.worckers")


def test_the_page_is_current() -> None:
    """`kato-bench knobs --markdown > docs/knobs.md` writes it."""
    assert (Path(__file__).parents[2] / "docs" / "knobs.md").read_text() == markdown(knobs())


class TestParse:
    @pytest.mark.parametrize(
        ("assignments", "expected"),
        [
            ([], {}),
            (["KATO_WORKERS=2"], {"uvicorn.workers": "2"}),
            (["--workers=2", "uvicorn.workers= 2", "KATO_WORKERS=02"], {"uvicorn.workers": "2"}),
            (["redis.maxmemory=64mb"], {"redis.maxmemory": "67108864"}),
            (["redis.maxmemory=64MB", "redis.maxmemory=67108864"], {"redis.maxmemory": "67108864"}),
            (["redis.maxmemory=1k"], {"redis.maxmemory": "1000"}),
            (["redis.save="], {"redis.save": ""}),
            (["redis.save=900 1 300 10"], {"redis.save": "900 1 300 10"}),
            (["redis.user-thing=a=b"], {"redis.user-thing": "a=b"}),
            (
                ['session.filter_pipeline=["length","jaccard"]'],
                {"session.filter_pipeline": '["length", "jaccard"]'},
            ),
            (["PROCESS_PREDICTIONS=No"], {"kato.PROCESS_PREDICTIONS": "false"}),
            (["RECALL_THRESHOLD=.5"], {"kato.RECALL_THRESHOLD": "0.5"}),
            (["redis.slowlog-log-slower-than=-1"], {"redis.slowlog-log-slower-than": "-1"}),
        ],
    )
    def test_reads(self, assignments: list[str], expected: dict[str, str]) -> None:
        assert parse(assignments) == expected

    @pytest.mark.parametrize(
        ("assignments", "words"),
        [
            (["uvicorn.workers"], ["KNOB=VALUE", "'uvicorn.workers'"]),
            (["=4"], ["KNOB=VALUE"]),
            (["uvicorn.workers=0"], ["uvicorn.workers", "'0'", "from 1 up to 1024"]),
            (["KATO_WORKERS=two"], ["uvicorn.workers", "'two'", "a whole number"]),
            (["KATO_WORKERS=1.5"], ["uvicorn.workers", "'1.5'"]),
            (["redis.maxmemory=lots"], ["redis.maxmemory", "'lots'", "64mb"]),
            (["redis.maxmemory=-1"], ["redis.maxmemory"]),
            (
                ["redis.maxmemory-policy=lru"],
                ["redis.maxmemory-policy", "'lru'", "allkeys-lru, "],
            ),
            (["redis.appendonly=true"], ["redis.appendonly", "yes, no"]),
            (["redis.save=1 1\nappendonly yes"], ["redis.save", "one line"]),
            (["LOG_LEVEL=info"], ["kato.LOG_LEVEL", "INFO"]),
            (["RECALL_THRESHOLD=nan"], ["kato.RECALL_THRESHOLD", "from 0 up to 1"]),
            (["METRICS_CACHE_TTL_SECONDS=inf"], ["kato.METRICS_CACHE_TTL_SECONDS"]),
            (["PROCESS_PREDICTIONS=maybe"], ["kato.PROCESS_PREDICTIONS", "true or false"]),
            (
                ["session.filter_pipeline=jaccard"],
                ["session.filter_pipeline", "JSON list of length, jaccard"],
            ),
            (['session.filter_pipeline=["jackard"]'], ["session.filter_pipeline"]),
            (["session.minhash_bands=40"], ["session.minhash_bands", "from 20 up to 20"]),
            (["qdrant.hnsw.ef_construct=3"], ["qdrant.hnsw.ef_construct", "from 4"]),
            (["--workers=2", "KATO_WORKERS=3"], ["uvicorn.workers", "'--workers=2'", "'KATO_WORKERS=3'"]),
            (["uvicorn.workers=2", "uvicorn.workers=3"], ["two different values"]),
        ],
    )
    def test_refuses(self, assignments: list[str], words: list[str]) -> None:
        with pytest.raises(KnobError) as caught:
            parse(assignments)
        for word in words:
            assert word in str(caught.value)

    @given(st.integers(min_value=1, max_value=1024))
    def test_a_legal_value_survives(self, workers: int) -> None:
        assert parse([f"uvicorn.workers={workers}"]) == {"uvicorn.workers": str(workers)}
        assert parse([f"{name}={value}" for name, value in parse([f"--workers={workers}"]).items()])

    @given(st.sampled_from(knobs()), st.text() | st.integers().map(str) | st.floats().map(str))
    def test_any_value_is_taken_or_refused_with_its_name(self, knob: Knob, text: str) -> None:
        try:
            value = knob.read(text)
        except KnobError as refused:
            message = str(refused)
        else:
            assert knob.read(knob.write(value)) == value
            return
        assert knob.name in message
        assert knob.legal in message


class TestResolve:
    @pytest.mark.parametrize(
        ("name", "healthy", "shipped"),
        [
            ("uvicorn.workers", 3, 4),
            ("uvicorn.limit_concurrency", 40, 100),
            ("redis.maxmemory", 8 << 30, 8 << 30),
            ("redis.maxmemory-policy", "noeviction", "allkeys-lru"),
            ("redis.appendonly", "yes", "no"),
            ("redis.appendfsync", "everysec", None),
            ("redis.save", "", ""),
            ("redis.hz", None, None),
            ("kato.PROCESS_PREDICTIONS", True, True),
            ("kato.KATO_BENCH_STREAM_MAXLEN", 10_000, 0),
            ("kato.KATO_BENCH_PREDICTION_TTL", 3600, 0),
            ("qdrant.hnsw.m", 16, 16),
            ("kato.REDIS_URL", None, None),
        ],
    )
    def test_profiles(self, name: str, healthy: Value | None, shipped: Value | None) -> None:
        assert resolve("healthy", {}, 4).get(name) == healthy
        assert resolve("shipped", {}, 4).get(name) == shipped

    @pytest.mark.parametrize(("cores", "workers"), [(1, 1), (2, 1), (3, 2), (64, 63)])
    def test_healthy_leaves_a_core_to_the_stores(self, cores: int, workers: int) -> None:
        assert resolve("healthy", {}, cores)["uvicorn.workers"] == workers
        assert CoresLess(1).on(cores) == workers

    def test_the_chosen_ones_win(self) -> None:
        chosen = parse(["redis.maxmemory=64mb", "redis.lua-time-limit=10", "KATO_WORKERS=7"])
        values = resolve("healthy", chosen, 2)
        assert values["redis.maxmemory"] == 64 << 20
        assert values["redis.lua-time-limit"] == "10"
        assert values["uvicorn.workers"] == 7

    @pytest.mark.parametrize(
        ("name", "fix"),
        [
            ("redis.port", "leave it out"),
            ("kato.REDIS_URL", "leave it out"),
            ("session.recall_threshold", "give --session recall_threshold=VALUE"),
            ("container.redis.memory", "--target URL"),
            ("kato.ENVIRONMENT", "--target URL"),
            ("kato.CONNECTION_POOL_SIZE", "it changes nothing anywhere: KATO reads it but nothing uses it"),
            ("kato.SORT", "SORT_SYMBOLS is the name that acts"),
        ],
    )
    def test_what_cannot_be_set_gets_a_sentence_with_the_fix(self, name: str, fix: str) -> None:
        with pytest.raises(KnobError, match=f"^{name} cannot be set on the embedded target: ") as caught:
            resolve("healthy", {name: "1"}, 2)
        assert fix in str(caught.value)

    @pytest.mark.parametrize(**by_name)
    def test_only_what_can_be_set_is_decided(self, knob: Knob) -> None:
        assert knob.name not in resolve("shipped", {}, 2) or knob.home in SETTABLE
        beyond = knob.home not in SETTABLE or knob.wiring or knob.unsettable or not knob.acts
        assert (knob.refusal is not None) == bool(beyond)
