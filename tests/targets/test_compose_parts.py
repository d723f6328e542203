"""Which service is KATO and which its stores, and what they are set to."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from compose_bundles import DEPLOYMENT, REDIS_CONF, USERS_XML, root_bundle, write
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import UsageError
from bench.targets.compose import facts, invocation, parts, settings
from bench.targets.compose.parts import Found
from bench.targets.compose.reading import read
from bench.targets.compose.services import Project, Service
from bench.targets.compose.syntax import Mount


def project(folder: Path, text: str, environment: dict[str, str] | None = None) -> Project:
    path = folder / "compose.yml"
    path.write_text(textwrap.dedent(text))
    return read([path], environment or {})


def found(folder: Path, text: str, told: str | None = None) -> dict[str, Found]:
    return parts.find(project(folder, text), told)


def services_of(found: dict[str, Found]) -> dict[str, str | None]:
    return {part: one.service.name if one.service else None for part, one in found.items()}


def contents(files: dict[str, str]) -> settings.ReadFile:
    return files.get


class TestBundles:
    def test_the_repositorys(self, tmp_path: Path) -> None:
        of = parts.find(read([root_bundle(tmp_path)], {}))
        assert services_of(of) == {name: name for name in parts.PARTS}
        assert {part: one.address for part, one in of.items()} == {
            "kato": "http://127.0.0.1:8000",
            "redis": "redis://127.0.0.1:6379",
            "qdrant": "http://127.0.0.1:6333",
            "clickhouse": "http://127.0.0.1:8123",
        }

    def test_the_deployments_has_a_dashboard_that_is_no_kato(self, tmp_path: Path) -> None:
        write(tmp_path, {"docker-compose.yml": DEPLOYMENT})
        of = parts.find(read([tmp_path / "docker-compose.yml"], {}))
        assert services_of(of) == {name: name for name in parts.PARTS}


class TestKato:
    @pytest.mark.parametrize(
        "text",
        [
            "app: {image: 'registry.local:5000/team/kato:3.10@sha256:00'}",
            "app: {build: ., command: uvicorn kato.services.kato_fastapi:app --port 8000}",
            "app: {image: x, command: [sh, -c, 'exec uvicorn kato.services.kato_fastapi:app']}",
            "app: {build: ., environment: {REDIS_URL: 'redis://r', QDRANT_HOST: q, CLICKHOUSE_HOST: c}}",
            "app: {build: ., container_name: kato-api}",
            "app: {image: python, ports: ['9000:8000']}",
        ],
    )
    def test_by_what_it_runs_reaches_is_called_or_listens_at(self, tmp_path: Path, text: str) -> None:
        other = "other: {image: nginx, ports: ['80:80']}"
        assert services_of(found(tmp_path, f"services:\n  {text}\n  {other}\n"))["kato"] == "app"

    def test_what_it_runs_says_more_than_a_name(self, tmp_path: Path) -> None:
        text = """
            services:
              kato: {image: nginx, ports: ["80:80"]}
              two: {image: "kato:latest", ports: ["8001:8000"]}
        """
        of = found(tmp_path, text)
        assert (services_of(of)["kato"], of["kato"].address) == ("two", "http://127.0.0.1:8001")

    def test_several(self, tmp_path: Path) -> None:
        text = """
            services:
              one: {image: kato, ports: ["8001:8000"]}
              two: {image: kato, ports: ["8002:8000"]}
              three: {image: redis}
        """
        with pytest.raises(UsageError, match=r"may be KATO, one and two: name one, as compose:.*yml#one"):
            found(tmp_path, text)
        assert found(tmp_path, text, "two")["kato"].address == "http://127.0.0.1:8002"
        with pytest.raises(UsageError, match="has no service four: it has one, two, three"):
            found(tmp_path, text, "four")

    def test_of_several_the_one_that_can_be_reached(self, tmp_path: Path) -> None:
        text = "services: {one: {image: kato}, two: {image: kato, ports: ['8000:8000']}}"
        assert services_of(found(tmp_path, text))["kato"] == "two"

    def test_none(self, tmp_path: Path) -> None:
        with pytest.raises(
            UsageError, match=r"None of the services .* name it, as .*#SERVICE; there are web, db"
        ):
            found(tmp_path, "services: {web: {image: nginx}, db: {image: postgres}}")

    def test_a_profile_that_is_off_is_no_kato(self, tmp_path: Path) -> None:
        text = "services: {a: {image: kato, profiles: [x]}, b: {image: kato, ports: ['1:8000']}}"
        assert services_of(found(tmp_path, text))["kato"] == "b"

    @pytest.mark.parametrize(
        ("text", "address"),
        [
            ("ports: ['8000:8000']", "http://127.0.0.1:8000"),
            ("ports: ['127.0.0.1:81:8000']", "http://127.0.0.1:81"),
            ("ports: ['[::1]:81:8000']", "http://[::1]:81"),
            ("ports: ['192.0.2.1:81:8000']", "http://192.0.2.1:81"),
            ("ports: ['192.0.2.1:81:8000', '82:8000']", "http://127.0.0.1:82"),
            ("network_mode: host", "http://127.0.0.1:8000"),
            ("ports: ['90:9000'], command: uvicorn x --port 9000", "http://127.0.0.1:90"),
            (
                "ports: ['90:9000'], command: uvicorn x, environment: {UVICORN_PORT: 9000}",
                "http://127.0.0.1:90",
            ),
            ("ports: ['90:9000']", None),
            ("ports: ['8000']", None),
            ("ports: ['80-90:8000']", None),
            ("ports: ['8000:8000/udp']", None),
            ("network_mode: 'service:side'", "http://127.0.0.1:7000"),
        ],
    )
    def test_where_it_is_reached(self, tmp_path: Path, text: str, address: str | None) -> None:
        side = "side: {image: tailscale, ports: ['7000:8000']}"
        of = found(tmp_path, f"services: {{k: {{image: kato, {text}}}, {side}}}", "k")["kato"]
        assert of.address == address
        assert (of.why is None) == (address is not None)


class TestStores:
    def test_katos_environment_decides(self, tmp_path: Path) -> None:
        text = """
            services:
              kato:
                image: kato
                environment:
                  REDIS_URL: redis://:pw@cache-a:6380/1
                  QDRANT_HOST: vectors
                  QDRANT_PORT: 7333
                  QDRANT_HTTPS: "true"
                  CLICKHOUSE_HOST: click.internal
                ports: ["8000:8000"]
              cache-a: {image: "redis:7", ports: ["16380:6380", "16379:6379"]}
              cache-b: {image: "redis:7", ports: ["6379:6379"]}
              vec: {image: custom, hostname: vectors, ports: ["7333:7333"]}
              ch: {image: custom, networks: {n: {aliases: [click.internal]}}, ports: ["18123:8123"]}
        """
        of = found(tmp_path, text)
        assert services_of(of) == {"kato": "kato", "redis": "cache-a", "qdrant": "vec", "clickhouse": "ch"}
        assert [of[store].address for store in parts.STORES] == [
            "redis://127.0.0.1:16380",
            "https://127.0.0.1:7333",
            "http://127.0.0.1:18123",
        ]

    @pytest.mark.parametrize("name", ["redis", "kato-redis", "redis-kb", "redis_db_1"])
    def test_by_name_and_image_where_kato_says_nothing(self, tmp_path: Path, name: str) -> None:
        for text in (f"{name}: {{build: .}}", "x: {image: 'valkey/valkey:8'}", "x: {image: bitnami/redis}"):
            others = (
                "redis-exporter: {image: oliver006/redis_exporter}, m: {image: qdrant, container_name: redis}"
            )
            of = found(tmp_path, f"services: {{kato: {{image: kato}}, {text}, {others}}}")
            assert of["redis"].service is not None, text
            assert of["redis"].service.name in (name, "x")

    @pytest.mark.parametrize(
        ("environment", "others", "why"),
        [
            (
                "{REDIS_URL: 'redis://10.0.0.5:6379'}",
                "",
                "find it at 10.0.0.5, which is no service of the files",
            ),
            ("{}", "", "no service of the Compose files is known to be it"),
            ("{}", ", a: {image: redis}, b: {image: redis}", "a and b may both be it"),
            ("{REDIS_HOST: a}", ", a: {image: redis}", "its service a publishes no port 6379"),
            ("{REDIS_HOST: a}", ", a: {image: redis, ports: ['6379']}", "the engine chooses where port 6379"),
            ("{REDIS_URL: 'redis://a:b:c'}", "", "no service of the Compose files"),
        ],
    )
    def test_what_is_missing_is_said(self, tmp_path: Path, environment: str, others: str, why: str) -> None:
        of = found(
            tmp_path,
            f"services: {{kato: {{image: kato, ports: ['8000:8000'], environment: {environment}}}{others}}}",
        )
        assert of["redis"].address is None
        assert why in str(of["redis"].why)

    def test_on_the_machines_own_network(self, tmp_path: Path) -> None:
        text = """
            services:
              kato:
                image: kato
                network_mode: host
                environment: {REDIS_URL: "redis://localhost:6390", QDRANT_HOST: "::1", CLICKHOUSE_HOST: ch}
              ch: {image: clickhouse, network_mode: host}
        """
        of = found(tmp_path, text)
        assert [one.address for one in of.values()] == [
            "http://127.0.0.1:8000",
            "redis://127.0.0.1:6390",
            "http://127.0.0.1:6333",
            "http://127.0.0.1:8123",
        ]


class TestCommands:
    @pytest.mark.parametrize(
        ("words", "found"),
        [
            (("redis-server", "/x.conf", "--save", ""), ("/x.conf", "--save", "")),
            (("docker-entrypoint.sh", "/usr/bin/redis-server", "a"), ("a",)),
            (
                ("sh", "-c", "exec redis-server /x.conf --maxmemory ${M:-1gb}"),
                ("/x.conf", "--maxmemory", "2gb"),
            ),
            (("/bin/bash", "-ec", "cd /data && redis-server $F | tee log"), ("/x.conf",)),
            (("sh", "-c", "redis-server --save ''\nwait"), ("--save", "")),
            (("sh", "-c", "echo start; exec redis-server a"), ("a",)),
            (("sh", "-c", "if [ -n $M ]; then redis-server a; else redis-server b; fi"), None),
            (("sh", "-c", "redis-server --io-threads $(nproc)"), None),
            (("sh", "-c", "redis-server '"), None),
            (("redis-cli",), None),
            ((), None),
        ],
    )
    def test_the_program_and_its_arguments(
        self, words: tuple[str, ...], found: tuple[str, ...] | None
    ) -> None:
        assert invocation.arguments(words, ("redis-server",), {"M": "2gb", "F": "/x.conf"}) == found

    @given(st.lists(st.text(max_size=8), max_size=6), st.text("sh -c'\"$;&|(){}\nab", max_size=30))
    def test_any_command_is_read_or_left_alone(self, words: list[str], script: str) -> None:
        invocation.arguments((*words, "sh", "-c", script), ("a",), {})


class TestKatosSettings:
    def test_what_the_image_runs(self) -> None:
        of = settings.kato(Service("kato", environment={"KATO_WORKERS": "6", "KATO_LIMIT_CONCURRENCY": ""}))
        assert of["uvicorn.workers"] == (6, "environment")
        assert of["uvicorn.limit_concurrency"] == (100, "default")
        assert of["uvicorn.timeout_keep_alive"] == (5, "default")
        assert of["uvicorn.access_log"] == (True, "default")

    def test_a_command_line_of_ones_own(self) -> None:
        words = (
            "uvicorn",
            "kato.services.kato_fastapi:app",
            "--workers=3",
            "--no-access-log",
            "--http",
            "h11",
        )
        environment = {"KATO_WORKERS": "6", "UVICORN_LIMIT_CONCURRENCY": "50", "UVICORN_BACKLOG": "64"}
        of = settings.kato(Service("kato", command=words, environment=environment))
        assert of["uvicorn.workers"] == (3, "command line")
        assert of["uvicorn.access_log"] == (False, "command line")
        assert of["uvicorn.http"] == ("h11", "command line")
        # What the command line leaves out, uvicorn takes from its own variables.
        assert of["uvicorn.limit_concurrency"] == (50, "environment")
        assert "uvicorn.timeout_keep_alive" not in of
        assert of["kato.UVICORN_LIMIT_CONCURRENCY"] == ("50", "environment")

    def test_a_script(self) -> None:
        script = "exec python -m uvicorn app --workers $N --limit-concurrency ${L:-40} --backlog 64"
        of = settings.kato(Service("kato", command=("sh", "-c", script), environment={"N": "2"}))
        assert of["uvicorn.workers"] == (2, "environment")
        assert of["uvicorn.limit_concurrency"] == (40, "command line")
        assert of["uvicorn.backlog"] == (64, "command line")

    def test_workers_that_only_web_concurrency_tells(self) -> None:
        of = settings.kato(Service("kato", command=("uvicorn", "app"), environment={"WEB_CONCURRENCY": "5"}))
        assert of["uvicorn.workers"] == (5, "environment")

    def test_a_command_that_nobody_understands(self) -> None:
        of = settings.kato(Service("kato", command=("/start.sh",), environment={"LOG_LEVEL": "INFO"}))
        assert of == {"kato.LOG_LEVEL": ("INFO", "environment")}

    def test_variables(self) -> None:
        environment = {
            "SESSION_TTL": "7200",
            "PROCESS_PREDICTIONS": "off",
            "SESSION_AUTO_EXTEND": "maybe",
            "KATO_BATCH_SIZE": "10000",
            "CLICKHOUSE_PASSWORD": "planted-1",
            "QDRANT_API_KEY": "planted-2",
            "REDIS_URL": "redis://:planted-3@redis:6379",
            "JWT_SECRET": "planted-4",
            "API_KEYS": "planted-5",
            "SOMETHING_ELSE": "x",
        }
        of = settings.kato(Service("kato", command=("x",), environment=environment))
        assert of["kato.SESSION_TTL"] == (7200, "environment")
        assert of["kato.PROCESS_PREDICTIONS"] == (False, "environment")
        assert of["kato.SESSION_AUTO_EXTEND"] == ("maybe", "environment")
        assert of["kato.KATO_BATCH_SIZE"] == ("10000", "environment")
        assert of["kato.REDIS_URL"] == ("redis://(hidden)@redis:6379", "environment")
        assert "planted" not in str(of)
        assert "SOMETHING_ELSE" not in str(of)


class TestStoresSettings:
    def test_redis_of_the_repository(self, tmp_path: Path) -> None:
        bundle = root_bundle(tmp_path, "REDIS_PASSWORD=planted-pw\nREDIS_PERSISTENCE=yes\n")
        service = read([bundle], {}).services["redis"]
        of = settings.redis(service, contents({f"{tmp_path}/config/redis.conf": REDIS_CONF}))
        assert of["redis.maxmemory"] == (8 << 30, "file")
        assert of["redis.maxmemory-policy"] == ("allkeys-lru", "file")
        assert of["redis.bind"] == ("0.0.0.0 ::", "file")
        assert of["redis.save"] == ("900 1 300 10 60 10000", "command line")
        assert of["redis.appendonly"] == ("yes", "command line")
        assert of["redis.requirepass"] == ("(hidden)", "command line")

    def test_a_file_that_is_not_mounted_says_nothing(self) -> None:
        service = Service(
            "r", command=("redis-server", "/etc/redis.conf", "--maxmemory", "1gb", "--hz", "lots")
        )
        assert settings.redis(service, contents({})) == {
            "redis.maxmemory": (1 << 30, "command line"),
            "redis.hz": ("lots", "command line"),
        }

    def test_a_folder_that_is_mounted(self) -> None:
        service = Service(
            "r", command=("redis-server", "/conf/sub/r.conf"), mounts=(Mount("/here/conf", "/conf"),)
        )
        text = (
            "user default on >planted ~* +@all\nmaxmemory 5mb\nmaxmemory 6mb\nsave 1 1\nsave 2 2\nsave ''\n'"
        )
        of = settings.redis(service, contents({"/here/conf/sub/r.conf": text}))
        assert of["redis.maxmemory"] == (6 << 20, "file")
        assert of["redis.save"] == ("", "file")
        assert "planted" not in str(of)

    def test_no_command(self) -> None:
        assert settings.redis(Service("r", image="redis:7"), contents({})) == {}

    def test_clickhouse(self) -> None:
        mounts = (
            Mount("/c/users.xml", "/etc/clickhouse-server/users.xml"),
            Mount("/c/more.xml", "/etc/clickhouse-server/users.d/more.xml"),
            Mount("/c/server.xml", "/etc/clickhouse-server/config.d/server.xml"),
        )
        more = "<yandex><profiles><default><max_threads>4</max_threads></default></profiles></yandex>"
        server = "<clickhouse><mark_cache_size>5</mark_cache_size><x>1</x></clickhouse>"
        files = {"/c/users.xml": USERS_XML, "/c/more.xml": more, "/c/server.xml": server}
        of = settings.clickhouse(Service("c", mounts=mounts), contents(files))
        assert of == {
            "clickhouse.max_memory_usage": (10_000_000_000, "file"),
            "clickhouse.log_queries_min_query_duration_ms": (1000, "file"),
            "clickhouse.max_threads": (4, "file"),
            "clickhouse.use_uncompressed_cache": (False, "file"),
            "clickhouse.server.mark_cache_size": (5, "file"),
        }
        assert settings.clickhouse(Service("c", mounts=mounts), contents({"/c/users.xml": "<a"})) == {}

    def test_limits_of_containers(self) -> None:
        assert settings.limits("redis", Service("r", memory_limit=5, cpu_limit=0.5)) == {
            "container.redis.memory": (5, "manifest"),
            "container.redis.cpus": (0.5, "manifest"),
        }
        assert settings.limits("redis", Service("r")) == {}

    def test_qdrants_server(self) -> None:
        environment = {
            "QDRANT__STORAGE__HNSW_INDEX__M": "8",
            "QDRANT__SERVICE__API_KEY": "planted",
            "QDRANT__NO_SUCH": "1",
            "LOG": "x",
        }
        of = settings.qdrant(Service("q", environment=environment))
        assert of["qdrant.server.storage.hnsw_index.m"] == (8, "environment")
        assert "planted" not in str(of)
        assert "NO_SUCH" not in str(of)


class TestFacts:
    def test_nothing_secret_is_kept(self, tmp_path: Path) -> None:
        dot_env = "REDIS_PASSWORD=planted-pw\nCLICKHOUSE_PASSWORD=planted-ch\nREDIS_PERSISTENCE=1\n"
        of = read([root_bundle(tmp_path, dot_env)], {"QDRANT_API_KEY": "planted-key"})
        located = parts.find(of)
        kept = facts.containers(of, of, located, (), {})
        assert [(one.name, one.part) for one in kept] == [(name, name) for name in of.services]
        kato = kept[-1]
        assert kato.environment["CLICKHOUSE_PASSWORD"] == "(hidden)"
        assert kato.environment["KATO_WORKERS"] == "4"
        assert kato.ports == {"8000/tcp": 8000}
        assert kept[2].memory_limit == 8 << 30
        assert "--requirepass" in " ".join(kept[1].command)
        read_file = contents({f"{tmp_path}/config/clickhouse/users.xml": USERS_XML})
        assert "planted" not in repr(kept)
        told = facts.knobs(of, located, read_file)
        assert "planted" not in repr(told)
        assert told["kato.REDIS_PERSISTENCE"] == ("1", "environment")
        assert told["kato.REDIS_PASSWORD"] == ("(hidden)", "environment")
