"""The processes that measure: the load, the collectors, the recorder, and what runs between them."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.collectors.child import Spec
from bench.errors import PartFailedError
from bench.plan import LoadersPlan, Phases
from bench.supervision.supervisor import Child, Supervisor
from bench.targets.base import TargetFacts
from bench.team import Member, Team

#: Most seconds for the collectors and the recorder to write down what they have.
_PATIENCE = 10.0
_TICK = 0.2
#: The process that speaks for workers elsewhere.
MASTER = "master"


class RunProcesses:
    """The load processes (or the master of workers elsewhere), the collectors and the recorder of one run,
    joined by socket pairs."""

    def __init__(
        self,
        supervisor: Supervisor,
        folder: Path,
        origin: float,
        loaders: LoadersPlan,
        say: Callable[[str], None],
    ) -> None:
        """`say` takes sentences on what happens to load processes."""
        self._supervisor = supervisor
        self._folder = folder
        self._origin = origin
        self._say = say
        self._logs = folder / "logs"
        self._logs.mkdir(exist_ok=True)
        self._is_master = loaders.bind is not None
        self._loads = [f"load-{number}" for number in range(loaders.number)]
        names = [*([MASTER] if self._is_master else []), *self._loads, "collectors"]
        pairs = {name: socket.socketpair() for name in names}
        #: The ends on which processes send their frames, by name, until they are handed on.
        self._ends = {name: ours for name, (ours, _) in pairs.items()}
        progress, progress_writer = os.pipe()
        self._progress = progress
        command = ["--folder", str(folder.absolute()), "--origin", str(origin)]
        for position, name in enumerate(names):
            command += ["--source", f"{name}={{fd{position}}}"]
        command += ["--progress", f"{{fd{len(names)}}}"]
        sources = [theirs.fileno() for _, theirs in pairs.values()]
        self.recorder = self._start("recorder", "bench.record.recorder", command, [*sources, progress_writer])
        for _, theirs in pairs.values():
            theirs.close()
        os.close(progress_writer)
        self._team: Team | None = None
        self._collectors: Child | None = None

    def __enter__(self) -> RunProcesses:
        return self

    def __exit__(self, *_: object) -> None:
        """End what still runs, the recorder last: it writes down what the others have sent."""
        loads = self._team.members if self._team else []
        for child in (*(member.child for member in loads), self._collectors):
            if child is not None:
                with contextlib.suppress(PartFailedError):
                    child.stop()
        if self._team is not None:
            self._team.close()
        for end in self._ends.values():
            end.close()
        with contextlib.suppress(PartFailedError):
            self.recorder.stop(_PATIENCE)
        os.close(self._progress)

    def start_load(self, spec: dict[str, Any], phases: Phases) -> None:
        """Start every load process, or the master; `spec` is what all of them are told."""
        if self._is_master:
            members = [self._start_member(0, MASTER, spec, [MASTER, *self._loads])]
        else:
            members = [
                self._start_member(number, name, {**spec, "process": number}, [name])
                for number, name in enumerate(self._loads)
            ]
        self._team = Team(members, phases, self._say, gathers=not self._is_master)

    def _start_member(self, number: int, name: str, spec: dict[str, Any], senders: list[str]) -> Member:
        module = "bench.loadgen.distributed.master" if self._is_master else "bench.loadgen.child"
        ends = [self._ends.pop(sender) for sender in senders]
        ours, control = socket.socketpair()
        command = ["--spec", self._spec(name, spec), "--control-fd", "{fd0}"]
        for position in range(len(ends)):
            command += ["--recorder-fd", f"{{fd{position + 1}}}"]
        # One thread: numpy's would spin on the cores that the target needs.
        env = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        fds = [control.fileno(), *(end.fileno() for end in ends)]
        child = self._start(name, module, command, fds, env)
        for handed_on in (control, *ends):
            handed_on.close()
        return Member(number, child, ours)

    def start_collectors(self, facts: TargetFacts, interval: float) -> None:
        """`interval`: seconds between two samples of a source."""
        assert self._team is not None
        ours = {member.child.name: member.child.pid for member in self._team.members}
        spec = Spec(self._origin, facts, {**ours, "recorder": self.recorder.pid}, interval)
        command = ["--socket-fd", "{fd0}", "--spec", self._spec("collectors", spec.to_json())]
        end = self._ends.pop("collectors")
        self._collectors = self._start("collectors", "bench.collectors.child", command, [end.fileno()])
        end.close()

    def stop_load(self) -> None:
        """Ask the load processes to end their schedules; asking again changes nothing."""
        if self._team is not None:
            self._team.stop()

    def load_has_ended(self) -> bool:
        return self._team is not None and self._team.has_ended()

    def stop_collectors(self) -> None:
        if self._collectors is not None:
            self._collectors.stop(_PATIENCE)

    def progress(self) -> Iterator[dict[str, Any] | None]:
        """The recorder's lines as they come, and None where a while passes without one; ends with it.

        In between, the load processes are given what they wait for."""
        assert self._team is not None
        buffer = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._progress, selectors.EVENT_READ)
            for member in self._team.members:
                selector.register(member.control, selectors.EVENT_READ, member)
            while True:
                lines: list[bytes] = []
                for key, _ in selector.select(_TICK):
                    if key.data is not None:
                        if not self._team.hear(key.data):
                            selector.unregister(key.fileobj)
                        continue
                    data = os.read(self._progress, 65_536)
                    if not data:
                        return
                    *lines, buffer = (buffer + data).split(b"\n")
                self._team.look_after()
                if not lines:
                    yield None
                for line in lines:
                    yield json.loads(line)

    def _spec(self, name: str, spec: dict[str, Any]) -> str:
        path = self._logs / f"{name}.json"
        path.write_text(json.dumps(spec))
        return str(path.absolute())

    def _start(
        self, name: str, module: str, arguments: list[str], fds: list[int], env: dict[str, str] | None = None
    ) -> Child:
        argv = [sys.executable, "-m", module, *arguments]
        # In the run's folder, because the host collector watches the disk that it stands on.
        cwd = self._folder.absolute()
        return self._supervisor.start(name, argv, env=env, cwd=cwd, log=self._logs / f"{name}.log", fds=fds)
