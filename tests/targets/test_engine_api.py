"""The client of the Docker Engine API on a real socket, and what is made of its answers."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_server import EngineServer, container_id, engine_server, inspected, silent_socket

from bench.targets.compose import live
from bench.targets.compose.engine import Engine, EngineError, NoSuchContainerError, sockets
from bench.targets.compose.live import Container
from bench.targets.compose.services import Project, Service
from bench.targets.compose.syntax import Port


@pytest.fixture
def engine() -> Iterator[EngineServer]:
    with engine_server() as server:
        yield server


def project(name: str = "kato", files: tuple[str, ...] = ("/srv/docker-compose.yml",)) -> Project:
    return Project(name, files, {"kato": Service("kato"), "redis": Service("redis")})


def survey(engine: EngineServer | str, of: Project | None = None) -> live.Survey:
    path = engine if isinstance(engine, str) else engine.path
    return live.survey(of or project(), {"DOCKER_HOST": f"unix://{path}"})


class TestSockets:
    def test_docker_host_holds_against_all_others(self) -> None:
        assert sockets({"DOCKER_HOST": "unix:///x.sock", "XDG_RUNTIME_DIR": "/y"}) == ["/x.sock"]

    @pytest.mark.parametrize("host", ["tcp://10.0.0.5:2375", "ssh://me:pw@host"])
    def test_other_places_are_not_asked(self, host: str) -> None:
        with pytest.raises(EngineError) as caught:
            sockets({"DOCKER_HOST": host})
        assert "no Unix socket" in str(caught.value)
        assert "pw" not in str(caught.value)
        note = live.survey(project(), {"DOCKER_HOST": host}).note
        assert note is not None
        assert note.startswith("nothing is known of running containers: DOCKER_HOST")

    def test_those_that_are_there(self, tmp_path: Path) -> None:
        (tmp_path / "podman").mkdir()
        (tmp_path / "podman/podman.sock").touch()
        found = sockets({"XDG_RUNTIME_DIR": str(tmp_path)})
        assert f"{tmp_path}/podman/podman.sock" in found
        assert f"{tmp_path}/docker.sock" not in found

    def test_the_next_one_is_asked_where_the_first_has_nothing(self, engine: EngineServer) -> None:
        with engine_server() as podman:
            runtime = Path(podman.path).parent
            (runtime / "podman").mkdir()
            (runtime / "podman/podman.sock").symlink_to(podman.path)
            podman.add(inspected("kato"))
            found = live.survey(project(), {"XDG_RUNTIME_DIR": str(runtime)})
        assert [one.service for one in found.containers] == ["kato"]


class TestFailures:
    @pytest.mark.parametrize(
        ("mode", "words"),
        [
            ("403", "it answers GET /containers with 403"),
            ("404", "it answers GET /containers with 404"),
            ("500", "it answers GET /containers with 500"),
            ("truncate", "its answer breaks off"),
            ("garbage", "its answer is no JSON"),
            ("endless", "its answer does not end"),
        ],
    )
    def test_an_engine_that_fails_is_a_note(self, engine: EngineServer, mode: str, words: str) -> None:
        engine.add(inspected("kato"))
        engine.mode = mode
        found = survey(engine)
        assert found.containers == ()
        assert found.note is not None
        assert words in found.note
        assert engine.path in found.note

    @pytest.mark.parametrize("mode", ["hang", "drip"])
    def test_one_that_does_not_come_to_an_end(self, engine: EngineServer, mode: str) -> None:
        engine.mode = mode
        asked = Engine(engine.path, timeout=0.3)
        began = time.monotonic()
        with pytest.raises(EngineError, match="not answer"):
            asked.containers(["x"])
        assert time.monotonic() - began < 2
        asked.close()

    def test_a_socket_that_says_nothing(self) -> None:
        with silent_socket() as path:
            asked = Engine(path, timeout=0.2)
            with pytest.raises(EngineError, match="it does not answer"):
                asked.inspect("x")
            asked.close()

    def test_no_socket_at_all(self, tmp_path: Path) -> None:
        assert "there is no such socket" in str(survey(f"{tmp_path}/none.sock").note)
        nobody = tmp_path / "n.sock"
        with socket.socket(socket.AF_UNIX) as bound:
            os.chdir(tmp_path)
            bound.bind("n.sock")
        assert "nothing listens there" in str(survey(str(nobody)).note)

    def test_a_socket_of_others(self, engine: EngineServer, monkeypatch: pytest.MonkeyPatch) -> None:
        """Root may use any socket, so that the refusal of the system is played."""

        def refused(self: socket.socket, address: str) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(socket.socket, "connect", refused)
        assert "this user may not use it; the group docker may" in str(survey(engine).note)

    def test_a_container_that_is_gone(self, engine: EngineServer) -> None:
        asked = Engine(engine.path)
        with pytest.raises(NoSuchContainerError):
            asked.inspect("0" * 64)
        engine.mode = "list"
        with pytest.raises(EngineError, match="not what the Docker Engine API says"):
            asked.inspect("0" * 64)
        asked.close()


class TestSurvey:
    def test_the_containers_of_the_project(self, engine: EngineServer) -> None:
        engine.add(inspected("redis"))
        engine.add(inspected("kato", number=2))
        engine.add(inspected("kato", number=1))
        engine.add(inspected("kato", project="other"))
        found = survey(engine)
        assert [(one.service, one.number) for one in found.containers] == [
            ("kato", 1),
            ("kato", 2),
            ("redis", 1),
        ]
        assert found.note is None
        assert engine.connections == 1

    def test_a_project_under_another_name(self, engine: EngineServer) -> None:
        """As after `docker compose -p test up`."""
        engine.add(inspected("kato", project="test", files="/srv/docker-compose.yml,/srv/more.yml"))
        engine.add(inspected("kato", project="else", files="/other/docker-compose.yml"))
        assert [one.project for one in survey(engine).containers] == ["test"]
        engine.add(inspected("kato", project="test2", files="/srv/docker-compose.yml"))
        found = survey(engine)
        assert found.containers == ()
        assert "has no container of the project kato" in str(found.note)

    def test_what_is_told_of_a_container(self) -> None:
        told = inspected(
            "kato",
            image="kato:latest",
            env=["A=1", "B=x=y", "BROKEN"],
            entrypoint=["sh", "-c"],
            cmd=["exec uvicorn"],
            ports={"8000/tcp": 8001, "53/udp": 53},
            memory=2 << 30,
            cpus=1.5,
            pid=77,
        )
        told["State"]["Health"] = {"Status": "starting"}
        assert live.container(told) == Container(
            id=container_id("kato-kato-1"),
            name="kato-kato-1",
            project="kato",
            service="kato",
            image="kato:latest",
            environment={"A": "1", "B": "x=y", "PATH": "/usr/local/bin:/usr/bin"},
            command=("sh", "-c", "exec uvicorn"),
            ports=(
                Port(8000, 8001, "0.0.0.0"),
                Port(8000, 8001, "::"),
                Port(53, 53, "0.0.0.0", "udp"),
                Port(53, 53, "::", "udp"),
            ),
            memory_limit=2 << 30,
            cpu_limit=1.5,
            running=True,
            pid=77,
            started="2026-05-01T10:00:01.123456789Z",
            health="starting",
        )

    def test_limits_as_older_engines_and_podman_tell_them(self) -> None:
        told = inspected("kato")
        told["HostConfig"] = {"CpuQuota": 50_000, "Memory": 0}
        told["Config"]["Entrypoint"] = "/entry.sh"
        found = live.container(told)
        assert (found.cpu_limit, found.memory_limit, found.command) == (0.5, None, ("/entry.sh",))
        told["HostConfig"] = {"CpuQuota": -1, "CpuPeriod": 100_000}
        assert live.container(told).cpu_limit is None

    @pytest.mark.parametrize("told", [{}, {"State": None, "Config": [], "HostConfig": {"Memory": "x"}}])
    def test_what_is_left_out(self, told: dict[str, object]) -> None:
        assert live.container(told) == Container(id="", name="", project="", service="")


class TestOver:
    FILES = Service(
        "kato",
        "kato:1",
        environment={"KATO_WORKERS": "2", "LOG_LEVEL": "INFO"},
        ports=(Port(8000),),
        memory_limit=5,
        enabled=False,
    )

    def running(self, **changes: object) -> Container:
        base: dict[str, object] = {
            "environment": {"KATO_WORKERS": "4", "LOG_LEVEL": "INFO", "PATH": "/"},
            "command": ("uvicorn", "x"),
            "image": "kato:2",
            "ports": (Port(8000, 32768),),
            "running": True,
        }
        return Container("i", "n", "p", "kato", **{**base, **changes})  # type: ignore[arg-type]

    def test_a_running_container_is_the_truth(self) -> None:
        found, note = live.over(self.FILES, [self.running(running=False, image="old"), self.running()])
        assert found.image == "kato:2"
        assert found.environment["KATO_WORKERS"] == "4"
        assert found.ports == (Port(8000, 32768),)
        assert (found.memory_limit, found.words, found.enabled) == (None, ("uvicorn", "x"), True)
        assert found.command_of_image
        assert note == "its container was made with other values than the files have now for KATO_WORKERS"

    def test_what_the_files_say_themselves_is_not_the_images(self) -> None:
        files = Service(
            "kato", command=("uvicorn", "y"), environment={}, network_mode="host", ports=(Port(1, 1),)
        )
        found, note = live.over(files, [self.running(ports=())])
        assert (found.command_of_image, found.ports, note) == (False, (Port(1, 1),), None)

    def test_what_has_happened_to_it(self) -> None:
        files = Service("kato", environment={})
        troubled = self.running(restarts=3, out_of_memory=True, health="unhealthy")
        assert live.over(files, [troubled])[1] == (
            "the engine has restarted it 3 times; it was ended for want of memory; its health check fails"
        )
        ended = self.running(running=False, restarts=1)
        assert (
            live.over(files, [ended])[1] == "its container does not run; the engine has restarted it 1 time"
        )

    def test_nothing_runs(self) -> None:
        assert live.over(self.FILES, []) == (self.FILES, "it has no container")
        stopped = self.running(running=False)
        assert live.over(self.FILES, [stopped]) == (self.FILES, "its container does not run")


def test_a_pid_of_another_machine_is_not_taken_for_one_of_this(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine in a virtual machine, as on a Mac, tells numbers that mean other processes here."""
    here = Container("a" * 64, "n", "p", "kato", running=True, pid=os.getpid())
    assert live.visible_pid(here) is None
    read = Path.read_text
    group = f"0::/system.slice/docker-{'a' * 64}.scope\n"
    monkeypatch.setattr(
        Path, "read_text", lambda path: group if path == Path(f"/proc/{os.getpid()}/cgroup") else read(path)
    )
    assert live.visible_pid(here) == os.getpid()
    assert live.visible_pid(Container("a" * 64, "n", "p", "kato", running=True, pid=2**22 + 1)) is None
    assert live.visible_pid(Container("a" * 64, "n", "p", "kato")) is None
