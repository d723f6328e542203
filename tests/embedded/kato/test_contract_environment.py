"""The environment variables of KATO 3.10.1: those that act, that stop the start, and that are dead."""

from __future__ import annotations

import random
import tracemalloc
from dataclasses import fields

import pytest

from bench.targets.embedded.kato import config_files, settings
from bench.targets.embedded.kato.index import NodeIndex

REDIS = {"REDIS_URL": "redis://127.0.0.1:6379"}
DEAD = (
    *("KATO_WORKERS", "KATO_LIMIT_CONCURRENCY", "KATO_BATCH_SIZE", "KATO_VECTOR_BATCH_SIZE"),
    *("KATO_VECTOR_SEARCH_LIMIT", "KATO_USE_TOKEN_MATCHING", "KATO_FUZZY_TOKEN_THRESHOLD", "SORT"),
    *("KATO_USE_OPTIMIZED", "AFFINITY_EMOTIVE", "KATO_USE_BLOOM_FILTER", "KATO_USE_REDIS_CACHE"),
    *(
        "AUTO_LEARN_ENABLED",
        "AUTO_LEARN_THRESHOLD",
        "LOG_FORMAT",
        "SERVICE_VERSION",
        "HOST",
        "PORT",
        "WORKERS",
    ),
    *("CORS_ENABLED", "DOCS_ENABLED", "MAX_REQUEST_SIZE", "QDRANT_GRPC_PORT", "QDRANT_COLLECTION"),
    *("KATO_VECTOR_DIM", "KATO_CACHE_ENABLED", "KATO_ARCHITECTURE_MODE", "KATO_STRICT_MODE", "PROCESSOR_ID"),
    *("REDIS_MAX_CONNECTIONS", "GUNICORN_WORKERS", "MIN_PATTERN_FREQUENCY", "LOG_VERBOSE", "API_KEYS"),
)


@pytest.mark.parametrize(
    ("variable", "value", "name", "loaded"),
    [
        ("REDIS_ENABLED", "true", "redis_enabled", True),
        ("CLICKHOUSE_HOST", "ch", "clickhouse_url", "http://ch:8123"),
        ("CLICKHOUSE_PORT", "1234", "clickhouse_url", "http://localhost:1234"),
        ("CLICKHOUSE_SECURE", "true", "clickhouse_url", "https://localhost:8123"),
        ("CLICKHOUSE_USER", "kato", "clickhouse_user", "kato"),
        ("CLICKHOUSE_PASSWORD", "secret", "clickhouse_password", "secret"),
        ("CLICKHOUSE_DB", "other", "clickhouse_database", "other"),
        ("QDRANT_HOST", "q", "qdrant_url", "http://q:6333"),
        ("QDRANT_PORT", "1234", "qdrant_url", "http://localhost:1234"),
        ("QDRANT_HTTPS", "true", "qdrant_url", "https://localhost:6333"),
        ("QDRANT_API_KEY", "key", "qdrant_api_key", "key"),
        ("KATO_SIMILARITY_METRIC", "manhattan", "distance", "Manhattan"),
        ("KATO_QUANTIZATION_ENABLED", "true", "quantization", "scalar"),
        ("LOG_LEVEL", "ERROR", "log_level", "ERROR"),
        ("SERVICE_NAME", "other", "service_name", "other"),
        ("MAX_PATTERN_LENGTH", "7", "max_pattern_length", 7),
        ("PERSISTENCE", "9", "persistence", 9),
        ("RECALL_THRESHOLD", "0.4", "recall_threshold", 0.4),
        ("STM_MODE", "ROLLING", "stm_mode", "ROLLING"),
        ("MAX_PREDICTIONS", "3", "max_predictions", 3),
        ("SORT_SYMBOLS", "false", "sort_symbols", False),
        ("PROCESS_PREDICTIONS", "no", "process_predictions", False),
        ("USE_TOKEN_MATCHING", "0", "use_token_matching", False),
        ("RANK_SORT_ALGO", "snr", "rank_sort_algo", "snr"),
        ("SESSION_TTL", "60", "session_ttl", 60),
        ("SESSION_AUTO_EXTEND", "off", "session_auto_extend", False),
        ("KATO_USE_FAST_MATCHING", "false", "use_fast_matching", False),
        ("KATO_USE_INDEXING", "false", "use_indexing", False),
        ("METRICS_CACHE_TTL_SECONDS", "1.5", "metrics_cache_ttl", 1.5),
        ("SESSION_COUNT_CACHE_TTL_SECONDS", "0", "session_count_cache_ttl", 0.0),
        ("UVICORN_WORKERS", "3", "reported_workers", 3),
        ("UVICORN_LIMIT_CONCURRENCY", "10", "reported_limit_concurrency", 10),
        ("UVICORN_BACKLOG", "5", "reported_backlog", 5),
        ("UVICORN_LIMIT_MAX_REQUESTS", "6", "reported_max_requests", 6),
    ],
)
def test_a_variable_that_acts_changes_its_setting_alone(variable, value, name, loaded) -> None:
    before, after = settings.load(REDIS), settings.load({**REDIS, variable: value})
    changed = {
        field.name: getattr(after, field.name)
        for field in fields(settings.Settings)
        if getattr(after, field.name) != getattr(before, field.name)
    }
    assert changed == {name: loaded}


@pytest.mark.parametrize("variable", DEAD)
def test_a_dead_variable_changes_nothing(variable: str) -> None:
    assert settings.load({**REDIS, variable: "7"}) == settings.load(REDIS)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SESSION_TTL", "86401"),
        ("SESSION_TTL", "an hour"),
        ("PERSISTENCE", "0"),
        ("PERSISTENCE", "101"),
        ("RECALL_THRESHOLD", "-0.1"),
        ("MAX_PREDICTIONS", "0"),
        ("MAX_PREDICTIONS", "10001"),
        ("MAX_PATTERN_LENGTH", "-1"),
        ("STM_MODE", "rolling"),
        ("LOG_LEVEL", "info"),
        ("PROCESS_PREDICTIONS", "perhaps"),
        ("CONNECTION_POOL_SIZE", "101"),
        ("REQUEST_TIMEOUT", "301"),
        ("FUZZY_TOKEN_THRESHOLD", "2"),
        ("CORS_ORIGINS", "http://a,http://b"),
        ("CORS_ORIGINS", '{"a": 1}'),
    ],
)
def test_a_value_that_kato_does_not_start_with_is_refused(variable: str, value: str) -> None:
    with pytest.raises(settings.SettingsError, match=rf"^{variable} must be [^\n]+\.$"):
        settings.load({**REDIS, variable: value})


def test_unused_values_that_can_be_read_are_let_pass() -> None:
    unused = {"CONNECTION_POOL_SIZE": "100", "REQUEST_TIMEOUT": "300", "CORS_ORIGINS": '["http://a"]'}
    assert settings.load({**REDIS, **unused}) == settings.load(REDIS)


def test_the_environment_sets_what_every_session_and_observation_goes_by(start_api) -> None:
    api = start_api(
        MAX_PATTERN_LENGTH="2",
        STM_MODE="ROLLING",
        PERSISTENCE="2",
        USE_TOKEN_MATCHING="false",
        RANK_SORT_ALGO="frequency",
        UVICORN_LIMIT_CONCURRENCY="10",
        UVICORN_WORKERS="3",
        KATO_WORKERS="9",
        KATO_LIMIT_CONCURRENCY="7",
        SESSION_COUNT_CACHE_TTL_SECONDS="0",
    ).wait_ready()
    with api.client() as http:
        created = http.post("/sessions", json={"node_id": "by_environment"}).json()
        config = created["session_config"]
        assert (config["max_pattern_length"], config["stm_mode"]) == (2, "ROLLING")
        assert (config["persistence"], config["use_token_matching"]) == (2, False)
        assert config["rank_sort_algo"] == "frequency"
        path = f"/sessions/{created['session_id']}"
        for string in "ababab":
            observed = http.post(
                f"{path}/observe", json={"strings": [string], "emotives": {"joy": 1.0}}
            ).json()
        pattern = http.get(f"/pattern/{observed['auto_learned_pattern']}?node_id=by_environment").json()
        assert pattern["pattern"]["pattern"]["pattern_data"] == [["a"], ["b"]]
        assert pattern["pattern"]["pattern"]["frequency"] == 3
        assert len(pattern["pattern"]["pattern"]["emotives"]) == 2
        assert http.get(f"{path}/stm").json()["stm"] == [["b"]]
        http.post(f"{path}/config", json={"max_pattern_length": 0})
        http.post(f"{path}/observe", json={"strings": ["a"]})
        frequencies = [one["frequency"] for one in http.get(f"{path}/predictions").json()["predictions"]]
        assert frequencies == [3, 2]
        limits = http.get("/concurrency").json()
        assert limits["limits"]["per_worker"] == 10
        assert limits["limits"]["total_capacity"] == 30
        assert limits["configuration"]["workers"] == 3
        before = http.get("/sessions/count").json()["active_session_count"]
        http.post("/sessions", json={"node_id": "by_environment"})
        assert http.get("/sessions/count").json()["active_session_count"] == before + 1


def test_the_index_takes_the_memory_that_kato_spends_on_it() -> None:
    """KATO's workers grow by 7.2 KB with each pattern of ten tokens, by 1.8 KB without the index."""
    patterns = 2000
    rng = random.Random(5)
    words = [f"word{number}" for number in range(1000)]
    weights = [1 / (rank + 1) for rank in range(1000)]
    index = NodeIndex()
    tracemalloc.start()
    try:
        for number in range(patterns):
            index.add(f"{number:040x}", rng.choices(words, weights, k=10))
        grown = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(index) == patterns
    assert 5400 / 2 < grown / patterns < 5400 * 2


class TestFiles:
    def loaded(
        self, tmp_path, text: str, variable: str = "KATO_CONFIG_FILE", **env: str
    ) -> settings.Settings:
        path = tmp_path / "kato.yaml"
        path.write_text(text)
        return settings.load(config_files.environment({**REDIS, variable: str(path), **env}))

    @pytest.mark.parametrize(
        "text",
        [
            "learning:\n  recall_threshold: 0.4\nprocessing:\n  process_predictions: false\n",
            '{"learning": {"recall_threshold": 0.4}, "processing": {"process_predictions": false}}',
        ],
    )
    def test_a_file_of_settings_wins_over_the_environment(self, tmp_path, text) -> None:
        loaded = self.loaded(tmp_path, text, RECALL_THRESHOLD="0.9", MAX_PREDICTIONS="3")
        assert (loaded.recall_threshold, loaded.process_predictions, loaded.max_predictions) == (
            0.4,
            False,
            3,
        )

    def test_a_file_for_vectors_takes_the_place_of_all_their_variables(self, tmp_path) -> None:
        text = "qdrant: {host: q}\nsimilarity_metric: dot\nquantization: {enabled: true, type: binary}\n"
        loaded = self.loaded(tmp_path, text, "KATO_VECTOR_CONFIG_FILE", QDRANT_PORT="1", QDRANT_HOST="other")
        assert loaded.qdrant_url == "http://q:6333"
        assert (loaded.distance, loaded.quantization) == ("Dot", "binary")

    @pytest.mark.parametrize(
        ("variable", "text"),
        [
            ("KATO_CONFIG_FILE", "learning: [unclosed"),
            ("KATO_CONFIG_FILE", "just text"),
            ("KATO_CONFIG_FILE", "learning: {recall_threshold: 7}"),
            ("KATO_VECTOR_CONFIG_FILE", "qdrant: {optimizers: {default_segment_number: 2}}"),
        ],
    )
    def test_what_cannot_be_used_is_refused_in_one_sentence(self, tmp_path, variable, text) -> None:
        with pytest.raises(settings.SettingsError, match=r"^[^\n]+\.$"):
            self.loaded(tmp_path, text, variable)

    def test_a_file_that_is_not_there(self) -> None:
        with pytest.raises(
            settings.SettingsError, match="KATO_CONFIG_FILE names /nowhere, which cannot be read"
        ):
            config_files.environment({"KATO_CONFIG_FILE": "/nowhere"})
