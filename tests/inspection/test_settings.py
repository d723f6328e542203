"""Which knob has which value, and who set it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.inspection.kato_origin import expected_workers, look, words_of
from bench.inspection.seen import ClickHouse, Collection, Qdrant, ServerSetting, Setting
from bench.inspection.settings import kato, redis, stores
from bench.inspection.settings.files import RedisConf, kato_config, redis_conf, vector_config
from bench.targets.base import ContainerFacts, TargetFacts

UVICORN = (
    "python",
    "-m",
    "uvicorn",
    "app:app",
    "--workers",
    "2",
    "--limit-concurrency=40",
    "--no-access-log",
)


def of(**origin: Any) -> dict[str, Setting]:
    return kato.settings_of(kato.Origin(**origin))


def told(setting: Setting) -> tuple[object, object]:
    return setting.value, setting.set_by


class TestKato:
    @pytest.mark.parametrize(
        ("name", "value", "set_by"),
        [
            ("uvicorn.workers", 2, "command line"),
            ("uvicorn.limit_concurrency", 40, "command line"),
            ("uvicorn.access_log", False, "command line"),
            ("uvicorn.backlog", 2048, "default"),
            ("uvicorn.http", "h11", "environment"),
            ("kato.LOG_LEVEL", "WARNING", "environment"),
            ("kato.RECALL_THRESHOLD", 0.5, "environment"),
            ("kato.SESSION_TTL", 3600, "default"),
            ("kato.PROCESS_PREDICTIONS", True, "default"),
            ("kato.KATO_BATCH_SIZE", "10000", "environment"),
            ("kato.MONGO_URL", "x", "environment"),
        ],
    )
    def test_arguments_and_environment_of_a_process(self, name: str, value: object, set_by: str) -> None:
        environment = {
            "LOG_LEVEL": "WARNING", "RECALL_THRESHOLD": ".5", "UVICORN_HTTP": "h11",
            "KATO_BATCH_SIZE": "10000", "KATO_WORKERS": "9", "MONGO_URL": "x", "PATH": "/bin",
            "MONGO_-x": "no name",
        }  # fmt: skip
        found = of(arguments=UVICORN, environment=environment)
        assert told(found[name]) == (value, set_by)
        assert "kato.CONNECTION_POOL_SIZE" not in found

    def test_nothing_seen_is_unknown_with_the_reason(self) -> None:
        found = of(why="its port is held by docker-proxy")
        assert {setting.set_by for setting in found.values()} == {None}
        assert {setting.value for setting in found.values()} == {None}
        assert {setting.why for setting in found.values()} == {"its port is held by docker-proxy"}
        assert found["kato.SESSION_TTL"].default == 3600

    def test_another_server_is_not_read_as_uvicorn(self) -> None:
        found = of(arguments=("/usr/bin/gunicorn", "--workers", "4"), environment={})
        assert found["uvicorn.workers"].value is None
        assert "gunicorn" in str(found["uvicorn.workers"].why)

    def test_as_the_image_starts_it(self) -> None:
        found = of(environment={"KATO_WORKERS": "6", "LOG_LEVEL": "INFO"}, by="manifest", shipped=True)
        assert told(found["uvicorn.workers"]) == (6, "manifest")
        assert told(found["uvicorn.limit_concurrency"]) == (100, "default")
        assert told(found["kato.LOG_LEVEL"]) == ("INFO", "manifest")

    def test_a_file_wins_over_the_environment(self) -> None:
        environment = {"RECALL_THRESHOLD": "0.9", "KATO_CONFIG_FILE": "/etc/kato.yaml"}
        found = of(
            arguments=UVICORN,
            environment=environment,
            files={"KATO_CONFIG_FILE": {"RECALL_THRESHOLD": "0.2"}},
        )
        assert told(found["kato.RECALL_THRESHOLD"]) == (0.2, "file")
        assert told(found["kato.SESSION_TTL"]) == (3600, "default")

    def test_a_file_that_cannot_be_read_leaves_nothing_known(self) -> None:
        environment = {"RECALL_THRESHOLD": "0.9"}
        found = of(arguments=UVICORN, environment=environment, files={"KATO_CONFIG_FILE": None})
        assert found["kato.RECALL_THRESHOLD"].value is None
        assert "KATO_CONFIG_FILE wins" in str(found["kato.RECALL_THRESHOLD"].why)

    def test_the_file_of_vectors_takes_the_place_of_all_of_theirs(self) -> None:
        environment = {"QDRANT_HOST": "elsewhere", "KATO_SIMILARITY_METRIC": "cosine"}
        found = of(
            arguments=UVICORN,
            environment=environment,
            files={"KATO_VECTOR_CONFIG_FILE": {"QDRANT_HOST": "q"}},
        )
        assert told(found["kato.QDRANT_HOST"]) == ("q", "file")
        assert told(found["kato.KATO_SIMILARITY_METRIC"]) == ("euclidean", "default")


class TestContainers:
    @pytest.mark.parametrize(
        ("command", "environment", "workers", "by"),
        [
            ((), {}, 4, "default"),
            ((), {"KATO_WORKERS": "3"}, 3, "manifest"),
            (
                ("sh", "-c", "exec uvicorn app:app --workers ${KATO_WORKERS:-4}"),
                {"KATO_WORKERS": "7"},
                7,
                "command line",
            ),
            (("sh", "-c", "exec uvicorn app:app --workers ${KATO_WORKERS:-4}"), {}, 4, "command line"),
            (("uvicorn", "app:app", "--workers=5"), {}, 5, "command line"),
            (("uvicorn", "app:app"), {"UVICORN_WORKERS": "2"}, 1, "default"),
        ],
    )
    def test_workers_of_a_declared_container(
        self, command: tuple[str, ...], environment: dict[str, str], workers: int, by: str
    ) -> None:
        container = ContainerFacts("kato", "kato", environment=environment, command=command, replicas=2)
        started = look(TargetFacts("compose", "http://x", containers=(container,)))
        assert expected_workers(started) == (2 * workers, by)

    def test_nothing_is_known_without_process_and_container(self) -> None:
        started = look(TargetFacts("url", "http://x"))
        assert expected_workers(started) == (None, None)
        assert started.origin.why is not None
        assert expected_workers(look(TargetFacts("url", "http://x", workers=3))) == (3, "the deployment")

    def test_secrets_of_its_environment_are_hidden(self) -> None:
        environment = {
            "REDIS_URL": "redis://:pa55@r:1",
            "QDRANT_API_KEY": "pa55",
            "CLICKHOUSE_PASSWORD": "pa55",
        }
        container = ContainerFacts("kato", "kato", environment=environment)
        found = kato.settings_of(look(TargetFacts("k8s", "http://x", containers=(container,))).origin)
        assert "pa55" not in str(found)
        assert str(found["kato.REDIS_URL"].value).startswith("redis://")

    @given(st.lists(st.text()))
    def test_any_command_has_words(self, command: list[str]) -> None:
        assert isinstance(words_of(command), list)

    def test_limits(self) -> None:
        declared = (ContainerFacts("redis", "redis", memory_limit=8 << 30), ContainerFacts("proxy"))
        found = stores.of_containers(declared)
        assert told(found["container.redis.memory"]) == (8 << 30, "manifest")
        assert found["container.redis.cpus"].why == "it is not limited"
        assert len(found) == 2


class TestRedis:
    CONFIG: Mapping[str, str] = {
        "maxmemory": "8589934592", "maxmemory-policy": "noeviction", "save": "900 1 300 10",
        "appendonly": "yes", "maxclients": "992", "hz": "10", "requirepass": "(hidden)",
    }  # fmt: skip
    FILE = "# KATO\nmaxmemory 8gb\nmaxmemory-policy allkeys-lru\nsave 900 1\nsave 300 10\nappendonly no\n"

    def of(self, **origin: Any) -> dict[str, Setting]:
        return redis.settings_of(redis.Origin(self.CONFIG, **origin))

    @pytest.mark.parametrize(
        ("name", "set_by", "stored"),
        [
            ("maxmemory", "file", None),
            ("maxmemory-policy", "runtime", "allkeys-lru"),
            ("save", "file", None),
            ("appendonly", "command line", None),
            ("hz", "default", None),
            # Lowered by the system's limit of open files, not by anybody.
            ("maxclients", None, None),
        ],
    )
    def test_against_its_file_and_command_line(
        self, name: str, set_by: str | None, stored: str | None
    ) -> None:
        found = self.of(file=redis_conf(self.FILE), command={"appendonly": "yes"})[f"redis.{name}"]
        assert (found.set_by, found.stored) == (set_by, stored)

    def test_a_hidden_command_line_leaves_two_ways(self) -> None:
        found = self.of(file=redis_conf(self.FILE))
        assert found["redis.appendonly"].set_by == "runtime"
        assert "command line" in str(found["redis.appendonly"].why)

    def test_without_a_file_what_differs_was_changed(self) -> None:
        found = self.of(file=RedisConf({}), command={})
        assert (found["redis.maxmemory"].set_by, found["redis.maxmemory"].stored) == ("runtime", 0)
        assert told(found["redis.maxmemory-policy"]) == ("noeviction", "default")
        assert told(self.of(file=RedisConf({}, whole=False), command={})["redis.maxmemory"])[1] is None

    def test_a_file_that_cannot_be_read(self) -> None:
        found = self.of(file_why="/etc/redis.conf cannot be read (Permission denied)")
        assert {setting.set_by for setting in found.values()} == {None}
        assert found["redis.maxmemory"].value == 8 << 30
        assert "Permission denied" in str(found["redis.maxmemory"].why)

    def test_a_server_that_does_not_tell(self) -> None:
        found = redis.settings_of(redis.Origin(None, "it forbids CONFIG"))
        assert found["redis.maxmemory"].why == "it forbids CONFIG"
        assert found["redis.maxmemory"].value is None

    def test_wiring_is_left_out(self) -> None:
        assert "redis.requirepass" not in self.of(file=RedisConf({}))

    @pytest.mark.parametrize(
        ("arguments", "options"),
        [
            (["redis-server", "/etc/redis.conf", "--appendonly", "yes"], {"appendonly": "yes"}),
            (["redis-server", "--save", "900", "1", "--save", "300", "10"], {"save": "900 1 300 10"}),
            (["redis-server", "--save", ""], {"save": ""}),
            (["redis-server"], {}),
        ],
    )
    def test_options_of_a_command_line(self, arguments: list[str], options: dict[str, str]) -> None:
        assert redis.command_options(arguments) == options


class TestFiles:
    @pytest.mark.parametrize(
        ("text", "values", "whole"),
        [
            ("", {}, True),
            ('save ""', {"save": ""}, True),
            ("save 900 1\nsave 300 10", {"save": "900 1 300 10"}, True),
            ('save 900 1\nsave ""', {"save": ""}, True),
            ("MaxMemory 1gb\n  # hz 100\n\nhz 20", {"maxmemory": "1gb", "hz": "20"}, True),
            ("include /etc/other.conf\nhz 20", {"include": "/etc/other.conf", "hz": "20"}, False),
            ('dir "/a b"\nbroken "', {"dir": "/a b"}, True),
        ],
    )
    def test_redis_conf(self, text: str, values: dict[str, str], whole: bool) -> None:
        assert redis_conf(text) == RedisConf(values, whole)

    @given(st.text())
    def test_any_text_is_read(self, text: str) -> None:
        assert isinstance(redis_conf(text).values, dict)

    def test_kato_config(self) -> None:
        content = {
            "learning": {"recall_threshold": 0.2},
            "processing": {"process_predictions": False},
            "x": None,
        }
        assert kato_config(content) == {"RECALL_THRESHOLD": "0.2", "PROCESS_PREDICTIONS": "false"}
        assert kato_config(["no", "sections"]) is None

    def test_vector_config(self) -> None:
        content = {"qdrant": {"host": "q", "port": 1}, "quantization": {"enabled": True}, "other": 1}
        assert vector_config(content) == {
            "QDRANT_HOST": "q",
            "QDRANT_PORT": "1",
            "KATO_QUANTIZATION_ENABLED": "true",
        }


class TestStores:
    def test_collections_that_agree_and_that_do_not(self) -> None:
        configs = (
            {"hnsw_config.m": 16, "hnsw_config.ef_construct": 128},
            {"hnsw_config.m": 32, "hnsw_config.ef_construct": 128},
        )
        found = stores.of_qdrant(
            Qdrant(tuple(Collection(str(at), config=one) for at, one in enumerate(configs)))
        )
        assert found["qdrant.hnsw.m"].value is None
        assert "collections differ: 16 in 1, 32 in 1" in str(found["qdrant.hnsw.m"].why)
        assert told(found["qdrant.hnsw.ef_construct"]) == (128, "default")

    def test_one_that_was_patched(self) -> None:
        found = stores.of_qdrant(Qdrant((Collection("a", config={"hnsw_config.m": 32}),)))
        assert told(found["qdrant.hnsw.m"]) == (32, "runtime")
        assert stores.of_qdrant(Qdrant())["qdrant.hnsw.m"].why == "there is no collection yet"

    @pytest.mark.parametrize(
        ("name", "text", "changed", "value", "set_by"),
        [
            ("max_memory_usage", "10000000000", True, 10_000_000_000, "file"),
            ("max_threads", "auto(2)", False, 2, "default"),
            ("max_threads", "'auto(16)'", False, 16, "default"),
            ("max_execution_time", "0", False, 0, "default"),
            ("use_skip_indexes", "1", False, True, "default"),
        ],
    )
    def test_clickhouse(self, name: str, text: str, changed: bool, value: object, set_by: str) -> None:
        found = stores.of_clickhouse(ClickHouse(settings={name: ServerSetting(text, changed)}))
        assert told(found[f"clickhouse.{name}"]) == (value, set_by)
