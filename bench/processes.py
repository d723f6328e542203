"""The processes that measure: the load, the collectors, the recorder, and what runs between them."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.collectors.child import Spec
from bench.errors import PartFailedError
from bench.supervision.supervisor import Child, Supervisor
from bench.targets.base import TargetFacts

#: Most seconds for the collectors and the recorder to write down what they have.
_PATIENCE = 10.0
_TICK = 0.2


class RunProcesses:
    """The load process, the collectors and the recorder of one run, joined by socket pairs."""

    def __init__(self, supervisor: Supervisor, folder: Path, origin: float) -> None:
        self._supervisor = supervisor
        self._folder = folder
        self._origin = origin
        self._logs = folder / "logs"
        self._logs.mkdir(exist_ok=True)
        self._load_end, load_source = socket.socketpair()
        self._collectors_end, collectors_source = socket.socketpair()
        progress, progress_writer = os.pipe()
        self._progress = progress
        sources = [load_source.fileno(), collectors_source.fileno(), progress_writer]
        command = ["--folder", str(folder.absolute()), "--origin", str(origin)]
        command += ["--source", "{fd0}", "--source", "{fd1}", "--progress", "{fd2}"]
        self.recorder = self._start("recorder", "bench.record.recorder", command, sources)
        load_source.close()
        collectors_source.close()
        os.close(progress_writer)
        self._load: Child | None = None
        self._collectors: Child | None = None

    def __enter__(self) -> RunProcesses:
        return self

    def __exit__(self, *_: object) -> None:
        """End what still runs, the recorder last: it writes down what the others have sent."""
        for child in (self._load, self._collectors):
            if child is not None:
                with contextlib.suppress(PartFailedError):
                    child.stop()
        for end in (self._load_end, self._collectors_end):
            end.close()
        with contextlib.suppress(PartFailedError):
            self.recorder.stop(_PATIENCE)
        os.close(self._progress)

    def start_load(self, spec: dict[str, Any]) -> None:
        command = ["--spec", self._spec("load-0", spec), "--recorder-fd", "{fd0}"]
        # One thread: numpy's would spin on the cores that the target needs.
        env = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._load = self._start("load-0", "bench.loadgen.child", command, [self._load_end.fileno()], env)
        self._load_end.close()

    def start_collectors(self, facts: TargetFacts, interval: float) -> None:
        """`interval`: seconds between two samples of a source."""
        assert self._load is not None
        processes = {"load-0": self._load.pid, "recorder": self.recorder.pid}
        spec = Spec(self._origin, facts, processes, interval)
        command = ["--socket-fd", "{fd0}", "--spec", self._spec("collectors", spec.to_json())]
        fds = [self._collectors_end.fileno()]
        self._collectors = self._start("collectors", "bench.collectors.child", command, fds)
        self._collectors_end.close()

    def stop_load(self) -> None:
        """Ask the load process to end its schedule; asking again changes nothing."""
        if self._load is not None and self._load.poll() is None:
            os.kill(self._load.pid, signal.SIGTERM)

    def load_has_ended(self) -> bool:
        return self._load is not None and self._load.poll() is not None

    def stop_collectors(self) -> None:
        if self._collectors is not None:
            self._collectors.stop(_PATIENCE)

    def progress(self) -> Iterator[dict[str, Any] | None]:
        """The recorder's lines as they come, and None where a while passes without one; ends with it."""
        buffer = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._progress, selectors.EVENT_READ)
            while True:
                if not selector.select(_TICK):
                    yield None
                    continue
                data = os.read(self._progress, 65_536)
                if not data:
                    return
                *lines, buffer = (buffer + data).split(b"\n")
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
