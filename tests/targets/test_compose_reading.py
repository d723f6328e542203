"""From Compose files to services, as Compose itself reads them."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest
from compose_bundles import DEPLOYMENT, root_bundle, write
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import UsageError
from bench.targets.compose import merging, tree
from bench.targets.compose.reading import named_files, project_name, read
from bench.targets.compose.services import Project, Service
from bench.targets.compose.syntax import Mount, Port


def project(folder: Path, *texts: str, environment: dict[str, str] | None = None, **files: str) -> Project:
    """The project of these files; `files`: others beside them, a dot written as two underscores."""
    write(folder, {name.replace("__", "."): textwrap.dedent(text) for name, text in files.items()})
    paths = []
    for number, text in enumerate(texts):
        paths.append(folder / f"{number}.yml")
        paths[-1].write_text(textwrap.dedent(text))
    return read(paths, environment or {})


def service(folder: Path, text: str, *overrides: str, **more: Any) -> Service:
    """The service `a`, whose keys `text` holds."""
    indented = [
        "services:\n  a:\n" + textwrap.indent(textwrap.dedent(one), "    ") for one in (text, *overrides)
    ]
    return project(folder, *indented, **more).services["a"]


class TestScalars:
    @pytest.mark.parametrize(
        ("written", "text"),
        [
            ("true", "true"),
            ("TRUE", "true"),
            ("yes", "yes"),
            ("on", "on"),
            ("5", "5"),
            ("010", "8"),
            ("08", "8"),
            ("0x10", "16"),
            ("1_000", "1000"),
            ("1.0", "1"),
            ("1.50", "1.5"),
            ("1e3", "1000"),
            ("12345678.5", "1.23456785e+07"),
            ("0.00001", "1e-05"),
            ("22:22", "22:22"),
            ("2026-01-02", "2026-01-02"),
            ("'08'", "08"),
            ('"true"', "true"),
            ("''", ""),
        ],
    )
    def test_what_a_variable_holds(self, tmp_path: Path, written: str, text: str) -> None:
        assert service(tmp_path, f"environment: {{X: {written}}}").environment == {"X": text}


class TestEnvironment:
    def test_a_list_and_a_mapping_are_one_thing(self, tmp_path: Path) -> None:
        found = service(
            tmp_path,
            """
            environment:
              - A=1
              - B=x=y
              - TAKEN
              - UNSET
            """,
            "environment: {B: '2', C: null, D: 3}",
            environment={"TAKEN": "shell", "C": "shell"},
        )
        assert found.environment == {"A": "1", "B": "2", "TAKEN": "shell", "C": "shell", "D": "3"}

    def test_the_process_wins_over_dot_env_and_both_are_put_in(self, tmp_path: Path) -> None:
        found = service(
            tmp_path,
            "environment: [A=$A, 'B=${B}', 'C=$$A', FROM_FILE]",
            __env="A=file\nB=file\nFROM_FILE=${A}!\n",
            environment={"A": "shell"},
        )
        assert found.environment == {"A": "shell", "B": "file", "C": "$A", "FROM_FILE": "shell!"}

    def test_files_of_variables_come_before_the_environment(self, tmp_path: Path) -> None:
        found = service(
            tmp_path,
            """
            env_file:
              - a.env
              - path: b.env
              - path: none.env
                required: false
              - {path: raw.env, format: raw}
            environment: {B: own}
            """,
            a__env="A=a\nB=a\nC=a\n",
            b__env="C=${X}\n",
            raw__env="R='${X}'\n",
            environment={"X": "x"},
        )
        assert found.environment == {"A": "a", "B": "own", "C": "x", "R": "'${X}'"}

    def test_a_file_of_variables_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"0\.yml, line 3: there is no env_file .*/none\.env"):
            service(tmp_path, "env_file: none.env")

    def test_what_nobody_set_is_told(self, tmp_path: Path) -> None:
        text = "services: {a: {image: '$ONE', environment: [X=$TWO, 'Y=${THREE:-}'], labels: {l: $FOUR}}}"
        assert project(tmp_path, text).unset == ("ONE", "TWO", "THREE")

    def test_dot_env_can_be_left_out(self, tmp_path: Path) -> None:
        text = "environment: [A=$A]"
        off = {"COMPOSE_DISABLE_ENV_FILE": "1"}
        assert service(tmp_path, text, __env="A=1", environment=off).environment == {"A": ""}
        named = {"COMPOSE_ENV_FILES": f"{tmp_path}/x.env"}
        assert service(tmp_path, text, x__env="A=2", environment=named).environment == {"A": "2"}


class TestMerging:
    def test_later_files_change_earlier_ones(self, tmp_path: Path) -> None:
        found = service(
            tmp_path,
            """
            image: one
            command: [a, b]
            ports: ["8000:8000", "6379:6379"]
            volumes: [./a:/data, ./b:/conf]
            deploy: {resources: {limits: {memory: 1g, cpus: 2}}}
            profiles: [p]
            """,
            """
            image: two
            command: c d
            ports: ["8000:8000", "9000:9000/udp"]
            volumes: [./c:/data]
            deploy: {resources: {limits: {memory: 2G}}}
            profiles: [p, q]
            """,
        )
        assert (found.image, found.command) == ("two", ("c", "d"))
        assert found.ports == (Port(8000, 8000), Port(6379, 6379), Port(9000, 9000, None, "udp"))
        assert found.mounts == (Mount(f"{tmp_path}/c", "/data"), Mount(f"{tmp_path}/b", "/conf"))
        assert (found.memory_limit, found.cpu_limit) == (2 << 30, 2.0)
        assert not found.enabled

    def test_reset_and_override(self, tmp_path: Path) -> None:
        found = service(
            tmp_path,
            """
            image: one
            ports: ["8000:8000"]
            environment: {A: 1, B: 2}
            mem_limit: 1g
            volumes: [./a:/data]
            """,
            """
            ports: !override ["9000:8000"]
            environment: {A: !reset null}
            mem_limit: !reset
            volumes: !reset []
            """,
        )
        assert found.ports == (Port(8000, 9000),)
        assert (found.environment, found.memory_limit, found.mounts) == ({"B": "2"}, None, ())

    def test_a_whole_service_is_overridden(self, tmp_path: Path) -> None:
        found = service(tmp_path, "image: one\nmem_limit: 1g")
        assert found.memory_limit == 1 << 30
        texts = ["services: {a: {image: one, mem_limit: 1g}}", "services: {a: !override {image: two}}"]
        assert project(tmp_path, *texts).services["a"] == Service("a", "two", aliases=frozenset({"a"}))

    def test_documents_of_one_file_are_files(self, tmp_path: Path) -> None:
        found = project(tmp_path, "services: {a: {image: x}}\n---\n---\nservices: {a: {image: y}}\n")
        assert found.services["a"].image == "y"

    def test_forms_that_do_not_fit(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"1\.yml, line 3: services\.a\.deploy cannot be joined"):
            service(tmp_path, "deploy: {replicas: 1}", "deploy: [a]")

    @given(
        st.recursive(
            st.integers() | st.text(max_size=3),
            lambda inner: st.dictionaries(st.text("abc", max_size=2), inner, max_size=3),
            max_leaves=8,
        )
    )
    def test_a_file_over_itself_changes_nothing_but_lists(self, value: Any) -> None:
        node = {"x": nodes(value)}
        assert merging.merged(node, node) == node
        assert merging.merged(node, {}) == node
        assert merging.merged({}, node) == node


def nodes(value: Any) -> tree.Node:
    if isinstance(value, dict):
        return {key: nodes(inner) for key, inner in value.items()}
    return tree.Scalar(value, tree.Place("x", 1))


class TestYaml:
    def test_anchors_and_merge_keys(self, tmp_path: Path) -> None:
        found = project(
            tmp_path,
            """
            x-env: &env {A: "1", B: "2"}
            x-limits: &limits
              mem_limit: 512m
            services:
              a:
                <<: *limits
                environment: {<<: *env, B: "3"}
              b:
                <<: [{mem_limit: 1g}, *limits]
            """,
        )
        assert found.services["a"].environment == {"A": "1", "B": "3"}
        assert [one.memory_limit for one in found.services.values()] == [512 << 20, 1 << 30]

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("services: [", "this is not YAML"),
            ("a: 1\n\tb: 2", "line 2: this is not YAML"),
            ("- a", "0.yml, line 1: a Compose file is a mapping"),
            ("services:\n  - a", "line 2: services is a mapping"),
            ("services:\n  a: 5", "line 2: the service a is a mapping"),
            ("services:\n  a: {}\n  a: {}", "line 3: a stands there for the second time"),
            ("services: {}", "has no services"),
            ("", "has no services"),
            ("services:\n  a: &a\n    x: *a", "an alias stands inside"),
            ("services:\n  a:\n    environment: {X: [1]}", "line 3: X is a single value"),
            ("services:\n  a:\n    environment: hello", "line 3: environment is a list"),
            ("services:\n  a:\n    image: ${X:?which}", "line 3: X is required but not set: which."),
            ("services:\n  a:\n    command: [x]\n    image: a$", "line 4: a dollar begins no variable"),
            ("services:\n  a:\n    ports: ['a:b']", "line 3: 'b' is no port"),
            ("services:\n  a:\n    ports: ['1-2:1-3']", "line 3: 3 ports cannot be published at 2"),
            ("services:\n  a:\n    ports: ['70000']", "'70000' is no port"),
            ("services:\n  a:\n    mem_limit: lots", "line 3: 'lots' is no size such as 512m"),
            ("services:\n  a:\n    cpus: many", "line 3: a number of CPUs is a number"),
            ('services:\n  a:\n    command: "\'"', "the command cannot be split"),
            ("services:\n  a: {extends: b}", "the service a extends b, and the file has none such"),
            ("services:\n  a: {extends: b}\n  b: {extends: a}", "extends itself"),
            ("services:\n  a: {extends: {service: b, file: none.yml}}", "none.yml cannot be read"),
            ("include: [0.yml]\nservices: {a: {}}", "includes or extends itself"),
            ("services: {a: {}}\ninclude: x", "include is a list"),
        ],
    )
    def test_a_broken_file(self, tmp_path: Path, text: str, words: str) -> None:
        (tmp_path / "0.yml").write_text(text)
        with pytest.raises(UsageError) as caught:
            read([tmp_path / "0.yml"], {})
        assert words in str(caught.value)
        assert str(caught.value).count("\n") == 0

    def test_aliases_that_grow_without_end(self, tmp_path: Path) -> None:
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
        with pytest.raises(UsageError, match="holds too much"):
            project(tmp_path, "\n".join(lines))

    def test_what_is_no_text_at_all(self, tmp_path: Path) -> None:
        path = tmp_path / "x.yml"
        path.write_bytes(b"\xff\xfe\x00")
        with pytest.raises(UsageError, match=r"x\.yml is not UTF-8"):
            read([path], {})
        path.write_bytes(b"#" * (1 << 20) + b"\n")
        with pytest.raises(UsageError, match=r"x\.yml is too large"):
            read([path], {})
        with pytest.raises(UsageError, match="cannot be read: Is a directory"):
            read([tmp_path], {})


class TestServices:
    @pytest.mark.parametrize(
        ("written", "ports"),
        [
            ("'8000'", [Port(8000)]),
            ("8000", [Port(8000)]),
            ("'80:8000'", [Port(8000, 80)]),
            ("'127.0.0.1:80:8000/tcp'", [Port(8000, 80, "127.0.0.1")]),
            ("'127.0.0.1::8000'", [Port(8000, None, "127.0.0.1")]),
            ("'[::1]:80:8000'", [Port(8000, 80, "::1")]),
            ("'80-81:8000-8001'", [Port(8000, 80), Port(8001, 81)]),
            ("'80-90:8000'", [Port(8000)]),
            ("'8000-8001'", [Port(8000), Port(8001)]),
            ("'6060:6060/udp'", [Port(6060, 6060, None, "udp")]),
            ("'${P:-80}:8000'", [Port(8000, 80)]),
            ("{target: 8000, published: '80', host_ip: 127.0.0.1}", [Port(8000, 80, "127.0.0.1")]),
            ("{target: 8000, published: 80, protocol: udp, mode: host}", [Port(8000, 80, None, "udp")]),
            ("{target: 8000}", [Port(8000)]),
        ],
    )
    def test_ports(self, tmp_path: Path, written: str, ports: list[Port]) -> None:
        assert list(service(tmp_path, f"ports: [{written}]").ports) == ports

    @pytest.mark.parametrize(
        ("written", "limit"),
        [
            ("8G", 8 << 30), ("512m", 512 << 20), ("512MiB", 512 << 20), ("1.5gb", 3 << 29), ("64b", 64),
            ("1024", 1024), ("2k", 2048), ("0", None), ("null", None),
        ],
    )  # fmt: skip
    def test_sizes(self, tmp_path: Path, written: str, limit: int | None) -> None:
        assert service(tmp_path, f"mem_limit: {written}").memory_limit == limit

    def test_mounts(self, tmp_path: Path) -> None:
        found = service(
            tmp_path,
            """
            volumes:
              - ./conf/../redis.conf:/etc/redis.conf:ro
              - /abs/x:/x
              - ~/y:/y
              - named:/data
              - /anonymous
              - {type: bind, source: ./z, target: /z}
              - {type: volume, source: named, target: /other}
              - {type: tmpfs, target: /tmp}
            """,
        )
        home = Path("~/y").expanduser()
        assert [(one.source, one.target) for one in found.mounts] == [
            (f"{tmp_path}/redis.conf", "/etc/redis.conf"),
            ("/abs/x", "/x"),
            (str(home), "/y"),
            (f"{tmp_path}/z", "/z"),
        ]

    def test_configs_are_mounts(self, tmp_path: Path) -> None:
        found = project(
            tmp_path,
            """
            services:
              a:
                configs: [plain, {source: redis, target: /etc/redis.conf}, elsewhere]
            configs:
              plain: {file: ./p.conf}
              redis: {file: r.conf}
              elsewhere: {external: true}
            """,
        )
        assert found.services["a"].mounts == (
            Mount(f"{tmp_path}/p.conf", "/plain"),
            Mount(f"{tmp_path}/r.conf", "/etc/redis.conf"),
        )

    def test_names_replicas_and_networks(self, tmp_path: Path) -> None:
        found = service(
            tmp_path,
            """
            container_name: c
            hostname: h
            networks: {inner: {aliases: [n]}, outer: null}
            network_mode: host
            deploy: {replicas: 3}
            entrypoint: ["sh", "-c"]
            command: ['a b']
            """,
        )
        assert found.aliases == {"a", "c", "h", "n"}
        assert (found.replicas, found.network_mode, found.words) == (3, "host", ("sh", "-c", "a b"))
        assert service(tmp_path, "scale: 2\ndeploy: {replicas: 2}").replicas == 2

    def test_profiles(self, tmp_path: Path) -> None:
        text = "services: {a: {profiles: [debug]}, b: {}}"
        for active, enabled in [("", False), ("debug", True), ("x, debug", True), ("*", True), ("x", False)]:
            found = project(tmp_path, text, environment={"COMPOSE_PROFILES": active})
            assert [one.enabled for one in found.services.values()] == [enabled, True], active

    def test_healthchecks_are_not_looked_at(self, tmp_path: Path) -> None:
        assert service(tmp_path, "image: x\nhealthcheck: {test: '$'}\nlabels: [1, {}]").image == "x"


class TestOtherFiles:
    def test_extends(self, tmp_path: Path) -> None:
        (tmp_path / "base").mkdir()
        (tmp_path / "base/common.yml").write_text(
            "services:\n"
            "  root: {image: root, environment: {A: 1, B: 1}}\n"
            "  app: {extends: root, volumes: ['./x:/x'], ports: ['1:1'], environment: {B: 2}}\n"
        )
        found = service(
            tmp_path,
            """
            extends: {file: base/common.yml, service: app}
            environment: {C: 3}
            ports: ["2:2"]
            """,
        )
        assert (found.image, found.environment) == ("root", {"A": "1", "B": "2", "C": "3"})
        assert found.ports == (Port(1, 1), Port(2, 2))
        assert found.mounts == (Mount(f"{tmp_path}/base/x", "/x"),)

    def test_extends_within_the_file_by_its_name(self, tmp_path: Path) -> None:
        text = "services:\n  a: {extends: {service: b, file: 0.yml}}\n  b: {image: x}\n"
        assert project(tmp_path, text).services["a"].image == "x"

    def test_include(self, tmp_path: Path) -> None:
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub/stores.yml").write_text("services: {redis: {image: redis, volumes: ['./c:/c']}}")
        (tmp_path / "more.yml").write_text("services: {b: {image: b}}")
        found = project(
            tmp_path,
            """
            include:
              - sub/stores.yml
              - path: [more.yml]
            services:
              a: {image: a}
            """,
        )
        assert list(found.services) == ["redis", "b", "a"]
        assert found.services["redis"].mounts == (Mount(f"{tmp_path}/sub/c", "/c"),)


class TestNames:
    @pytest.mark.parametrize(
        ("text", "name"),
        [("My Kato!", "mykato"), ("kato", "kato"), ("_x-1_", "x-1_"), ("KATO.3", "kato3"), ("--a", "a")],
    )
    def test_what_compose_makes_of_one(self, text: str, name: str) -> None:
        assert project_name(text) == name

    def test_where_it_comes_from(self, tmp_path: Path) -> None:
        folder = tmp_path / "My.Folder"
        folder.mkdir()
        plain, named, other = "services: {a: {}}", "name: one\nservices: {a: {}}", "name: ${N:-two}"
        assert project(folder, plain).name == "myfolder"
        assert project(folder, named).name == "one"
        assert project(folder, named, other).name == "two"
        assert project(folder, named, other, environment={"N": "three"}).name == "three"
        assert project(folder, named, environment={"COMPOSE_PROJECT_NAME": "env"}).name == "env"
        assert project(folder, named, __env="COMPOSE_PROJECT_NAME=file").name == "file"
        used = "services: {a: {image: 'x-$COMPOSE_PROJECT_NAME'}}"
        assert project(tmp_path, used, environment={"COMPOSE_PROJECT_NAME": "p"}).services["a"].image == "x-p"

    def test_a_folder_stands_for_its_files(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="has no Compose file: name it"):
            named_files([tmp_path])
        write(tmp_path, {"docker-compose.yml": "", "docker-compose.override.yml": "", "other.yml": ""})
        assert [path.name for path in named_files([tmp_path])] == [
            "docker-compose.yml",
            "docker-compose.override.yml",
        ]
        write(tmp_path, {"compose.yaml": ""})
        assert named_files([tmp_path])[0].name == "compose.yaml"
        assert named_files([tmp_path / "other.yml"]) == (tmp_path / "other.yml",)
        with pytest.raises(UsageError, match=r"There is no Compose file .*/none\.yml"):
            named_files([tmp_path / "other.yml", tmp_path / "none.yml"])


class TestBundles:
    def test_the_repositorys(self, tmp_path: Path) -> None:
        dot_env = "REDIS_PASSWORD=hunter22\nREDIS_PERSISTENCE=true\nKATO_WORKERS=6\nLOG_LEVEL=DEBUG\n"
        found = read([root_bundle(tmp_path, dot_env)], {"KATO_LIMIT_CONCURRENCY": "50"})
        assert (found.name, list(found.services)) == ("kato", ["qdrant", "redis", "clickhouse", "kato"])
        assert found.services["clickhouse"].memory_limit == 8 << 30
        kato = found.services["kato"]
        assert (kato.built, kato.command) == (True, None)
        assert kato.environment["REDIS_URL"] == "redis://:hunter22@redis:6379"
        assert [kato.environment[name] for name in ("KATO_WORKERS", "KATO_LIMIT_CONCURRENCY")] == ["6", "50"]
        # A literal of the file, whatever .env says.
        assert kato.environment["LOG_LEVEL"] == "INFO"
        script = found.services["redis"].words[-1]
        assert '--requirepass "hunter22"' in script
        assert "--appendonly yes" in script
        assert "hunter22" in found.secrets

    def test_the_deployments(self, tmp_path: Path) -> None:
        write(tmp_path, {"deployment/docker-compose.yml": DEPLOYMENT})
        found = read([tmp_path / "deployment/docker-compose.yml"], {})
        assert found.name == "deployment"
        assert [one.memory_limit for one in found.services.values()] == [8 << 30, None, 8 << 30, None, None]
        assert found.services["redis"].mounts == (
            Mount(f"{tmp_path}/config/redis.conf", "/etc/redis/redis.conf"),
        )
        assert found.services["kato"].environment["REDIS_ENABLED"] == "true"
