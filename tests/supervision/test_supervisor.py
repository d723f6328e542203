from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from bench.errors import PartFailedError
from bench.supervision.supervisor import Supervisor, tail

CHILDREN = str(Path(__file__).with_name("children.py"))


@pytest.fixture
def marker() -> Iterator[str]:
    name = f"marker-{uuid.uuid4().hex}"
    yield name
    for process in left(name):
        process.kill()


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    with Supervisor() as made:
        yield made


def left(marker: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and marker in process.cmdline():
                found.append(process)
    return found


def alive(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE  # not every init reaps at once
    return False


def eventually(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_ready(log: Path) -> bool:
    return log.exists() and "ready" in log.read_text()


def child(kind: str, marker: str) -> list[str]:
    return [sys.executable, CHILDREN, kind, marker]


class TestTheCommandIsKilled:
    @pytest.mark.parametrize(
        ("kinds", "seconds"),
        [
            (["busy", "busy"], 2.0),
            (["stopped"], 2.0),
            (["deaf", "busy"], 4.5),
            (["orphans", "stopped", "busy"], 4.5),
        ],
    )
    def test_nothing_is_left(self, tmp_path: Path, marker: str, kinds: list[str], seconds: float) -> None:
        command = subprocess.Popen(
            [*child("command", marker), str(tmp_path), *kinds], stdout=subprocess.PIPE, text=True
        )
        with command:
            assert command.stdout is not None
            guardian = int(command.stdout.readline())
            assert all(eventually(lambda k=kind: is_ready(tmp_path / f"{k}.log"), 10) for kind in kinds)
            assert len(left(marker)) > len(kinds)
            command.kill()
        assert eventually(lambda: not left(marker), seconds)
        assert eventually(lambda: not alive(guardian), 1.0)

    def test_a_terminal_interrupt_reaches_the_command_alone(self, tmp_path: Path, marker: str) -> None:
        command = subprocess.Popen(
            [*child("command", marker), str(tmp_path), "deaf"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        with command:
            assert command.stdout is not None
            command.stdout.readline()
            groups = {os.getpgid(process.pid) for process in left(marker)}
            sessions = {os.getsid(process.pid) for process in left(marker)}
            assert len(groups) == len(sessions) == 2
            os.killpg(command.pid, signal.SIGINT)
        assert eventually(lambda: not left(marker), 4.5)


class TestTheGuardianIsKilled:
    def test_its_children_and_theirs_die_and_calls_say_so(self, tmp_path: Path, marker: str) -> None:
        with Supervisor() as supervisor:
            started = supervisor.start("part", child("orphans", marker), log=tmp_path / "log")
            assert eventually(lambda: is_ready(tmp_path / "log"), 10)
            os.kill(supervisor.guardian_pid, signal.SIGKILL)
            with pytest.raises(PartFailedError, match="guardian"):
                started.wait(5)
            with pytest.raises(PartFailedError, match="guardian"):
                supervisor.start("late", child("busy", marker), log=tmp_path / "log")
            in_own_session = 1
            assert eventually(lambda: len(left(marker)) <= in_own_session, 2)

    def test_term_ends_everything_in_order(self, tmp_path: Path, marker: str) -> None:
        with Supervisor() as supervisor:
            supervisor.start("part", child("orphans", marker), log=tmp_path / "log")
            assert eventually(lambda: is_ready(tmp_path / "log"), 10)
            os.kill(supervisor.guardian_pid, signal.SIGTERM)
            assert eventually(lambda: not left(marker), 4.5)


class TestOneChild:
    def test_exit_codes(self, supervisor: Supervisor, tmp_path: Path) -> None:
        seven = supervisor.start("seven", ["sh", "-c", "exit 7"], log=tmp_path / "log")
        killed = supervisor.start("killed", ["sh", "-c", "kill -9 $$"], log=tmp_path / "log")
        assert seven.wait(5) == 7
        assert killed.wait(5) == -signal.SIGKILL
        assert seven.poll() == 7
        assert seven.stop() == 7

    def test_waits_no_longer_than_told(self, supervisor: Supervisor, tmp_path: Path) -> None:
        sleeper = supervisor.start("sleeper", ["sleep", "60"], log=tmp_path / "log")
        assert sleeper.poll() is None
        assert sleeper.wait(0.05) is None
        assert sleeper.stop() == -signal.SIGTERM

    def test_that_ignores_term_is_killed(self, supervisor: Supervisor, tmp_path: Path, marker: str) -> None:
        stubborn = supervisor.start("deaf", child("deaf", marker), log=tmp_path / "log")
        assert eventually(lambda: is_ready(tmp_path / "log"), 10)
        assert stubborn.stop(grace=0.2) == -signal.SIGKILL

    def test_that_dies_takes_its_group_along(
        self, supervisor: Supervisor, tmp_path: Path, marker: str
    ) -> None:
        started = supervisor.start("orphans", child("orphans", marker), log=tmp_path / "log")
        assert eventually(lambda: is_ready(tmp_path / "log"), 10)
        os.kill(started.pid, signal.SIGKILL)
        assert started.wait(5) == -signal.SIGKILL
        assert eventually(lambda: len(left(marker)) == 1, 2)
        supervisor.close()
        assert left(marker) == []

    def test_a_missing_program_is_one_sentence(self, supervisor: Supervisor, tmp_path: Path) -> None:
        with pytest.raises(PartFailedError) as caught:
            supervisor.start("The vector store", ["/no/such/program"], log=tmp_path / "log")
        assert str(caught.value) == (
            "The vector store cannot be started: /no/such/program: No such file or directory"
        )
        assert supervisor.start("next", ["true"], log=tmp_path / "log").wait(5) == 0

    def test_gets_its_environment_folder_and_log(self, supervisor: Supervisor, tmp_path: Path) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        script = 'echo "$COLOUR"; pwd; echo problem >&2; cat'
        done = supervisor.start(
            "env",
            ["sh", "-c", script],
            env={"COLOUR": "blau", "PATH": os.environ["PATH"]},
            cwd=folder,
            log=tmp_path / "log",
        )
        assert done.wait(5) == 0
        assert (tmp_path / "log").read_text().split() == ["blau", str(folder), "problem"]

    def test_signals_are_as_a_shell_would_leave_them(self, supervisor: Supervisor, tmp_path: Path) -> None:
        script = "import signal; print(*[int(signal.getsignal(n) is signal.SIG_IGN) for n in (1, 15, 17)])"
        shown = supervisor.start("signals", [sys.executable, "-c", script], log=tmp_path / "log")
        assert shown.wait(5) == 0
        assert (tmp_path / "log").read_text().split() == ["0", "0", "0"]


class TestDescriptors:
    def test_travel_to_the_child_and_nowhere_else(self, supervisor: Supervisor, tmp_path: Path) -> None:
        read, write = os.pipe()
        bystander = supervisor.start("bystander", ["sleep", "60"], log=tmp_path / "log")
        first = supervisor.start(
            "first",
            ["sh", "-c", "echo one >&{fd0}; echo two >&{fd1}"],
            log=tmp_path / "log",
            fds=[write, write],
        )
        assert first.wait(5) == 0
        os.close(write)
        with os.fdopen(read) as pipe:
            assert pipe.read() == "one\ntwo\n"  # ends only when nobody else holds the writing end
        assert bystander.poll() is None

    def test_connect_two_children(self, supervisor: Supervisor, tmp_path: Path) -> None:
        read, write = os.pipe()
        reader = supervisor.start("reader", ["sh", "-c", "cat <&{fd0}"], log=tmp_path / "out", fds=[read])
        writer = supervisor.start(
            "writer", ["sh", "-c", "echo rows >&{fd0}"], log=tmp_path / "log", fds=[write]
        )
        os.close(read)
        os.close(write)
        assert writer.wait(5) == 0
        assert reader.wait(5) == 0
        assert (tmp_path / "out").read_text() == "rows\n"

    def test_a_large_request_arrives_whole(self, supervisor: Supervisor, tmp_path: Path) -> None:
        read, write = os.pipe()
        big = {f"NAME_{number}": "x" * 30_000 for number in range(20)} | {"PATH": os.environ["PATH"]}
        writer = supervisor.start(
            "writer", ["sh", "-c", "echo ${#NAME_19} >&{fd0}"], env=big, log=tmp_path / "log", fds=[write]
        )
        os.close(write)
        with os.fdopen(read) as pipe:
            assert pipe.read() == "30000\n"
        assert writer.wait(5) == 0


class TestClose:
    def test_ends_all_and_may_come_twice(self, tmp_path: Path, marker: str) -> None:
        supervisor = Supervisor()
        started = supervisor.start("busy", child("busy", marker), log=tmp_path / "log")
        supervisor.close()
        supervisor.close()
        assert left(marker) == []
        assert started.poll() == -signal.SIGTERM
        assert not alive(supervisor.guardian_pid)
        with pytest.raises(PartFailedError, match="closed"):
            supervisor.start("late", ["true"], log=tmp_path / "log")


class TestTemporaryFolders:
    def test_stay_when_the_command_ends_in_order(self, tmp_path: Path) -> None:
        folder = tmp_path / "kept"
        folder.mkdir()
        with Supervisor() as supervisor:
            supervisor.remove_if_killed([folder])
        assert folder.exists()

    def test_go_when_it_cannot_remove_them_itself(self, tmp_path: Path) -> None:
        folder = tmp_path / "temporary" / "deep"
        folder.mkdir(parents=True)
        with Supervisor() as supervisor:
            supervisor.remove_if_killed([folder.parent, tmp_path / "never made"])
            supervisor.start("any", ["sleep", "60"], log=tmp_path / "log")  # the guardian is up by then
            os.kill(supervisor.guardian_pid, signal.SIGTERM)
            assert eventually(lambda: not folder.parent.exists(), 2)


@pytest.mark.parametrize(
    ("text", "lines", "expected"),
    [
        ("", 3, ""),
        ("one\n\ntwo\n\n", 3, "one\ntwo"),
        ("a\nb\nc\nd", 2, "c\nd"),
        ("x" * 1000, 1, "x" * 300),
        ("first\n" + "y" * 100_000 + "\nlast", 1, "last"),
    ],
)
def test_tail(tmp_path: Path, text: str, lines: int, expected: str) -> None:
    log = tmp_path / "log"
    log.write_text(text)
    assert tail(log, lines) == expected


def test_tail_of_no_log(tmp_path: Path) -> None:
    assert tail(tmp_path / "none", 3) == ""
