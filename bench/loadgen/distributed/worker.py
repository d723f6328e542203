"""A worker: `python -m bench.loadgen.distributed.worker --control-fd N --host HOST --port N --wait SECONDS`.

It finds its master, carries its share of one run, and ends with it. To the command it sends lines of JSON:
`{"say": sentence}` on the way, and last what came of it: `{"refused": sentence}`, `{"unreachable": sentence}`
or which share it carried. SIGTERM ends its schedule.
"""

from __future__ import annotations

import locust  # noqa: F401 - patches the standard library, so it comes before everything that uses sockets

# isort: split
import argparse
import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NoReturn

import gevent
from gevent import socket
from gevent.event import Event
from gevent.queue import Queue
from locust.env import Environment
from locust.runners import WorkerRunner

from bench import __version__
from bench.addresses import FAILURES, get, json_object, parse, require_loopback
from bench.errors import BenchError, UnreachableError, UsageError
from bench.loadgen.catalogue import find
from bench.loadgen.child import LoadProcess
from bench.loadgen.distributed import messages
from bench.loadgen.distributed.machine import OwnMachine
from bench.loadgen.distributed.messages import NonsenseError
from bench.loadgen.distributed.rendezvous import Go, Step
from bench.loadgen.recorder import Recorder
from bench.loadgen.scheduling import take_short_slices
from bench.record.writer import boot
from scenarios import corpus as texts

#: Seconds without a sign of life after which the master counts as gone; it sends one every second.
_SILENCE = 10
#: Seconds for the master to say that it has everything.
_FAREWELL = 10.0
_TARGET_TIMEOUT = 5.0
_SAMPLING = 1.0


class FrameMessages:
    """Brings a process' frames to the master, for its recorder."""

    def __init__(self, runner: WorkerRunner) -> None:
        self._runner = runner
        self._pieces = 0

    def sendall(self, data: bytes, /) -> None:
        piece = messages.Frames(number=self._pieces, data=data)
        self._pieces += 1
        self._runner.send_message(messages.FRAMES, piece.model_dump())

    def close(self) -> None:
        """The master has its own word for the end."""


class Line:
    """The line to the master. `gone` is set once there is nobody at its other end; then this worker goes on
    alone to an orderly end, and what it was sent for is off."""

    def __init__(self, runner: WorkerRunner) -> None:
        self.gone = Event()
        self._runner = runner
        self._orders: Queue[tuple[str, Any]] = Queue()
        self._leaves: Queue[Go | None] = Queue()
        self._heard = True
        self._process = 0
        for kind in messages.FROM_MASTER:
            runner.register_message(kind, self._take_down)
        runner.environment.events.heartbeat_received.add_listener(self._take_pulse)  # type: ignore[no-untyped-call]
        gevent.spawn(self._listen_for_life)

    def order(self) -> tuple[str, Any]:
        """Wait for what this worker is to do: ORDER, REFUSAL, STOP or BYE, and its data."""
        order: tuple[str, Any] = self._orders.get()
        return order

    def on_stop(self, stop: Callable[[], None]) -> None:
        """From now on `stop` is called where the master wants an end, or is gone."""
        gevent.spawn(self._stop_when_told, stop)

    def number(self, process: int) -> None:
        """Say which of the run's processes this is."""
        self._process = process

    def meet(self, step: Step, taught: Collection[int] = ()) -> Go:
        """Wait for leave to go on; without a master the first process leads itself."""
        self._runner.send_message(messages.AT, messages.packed(messages.At(step=step, taught=tuple(taught))))
        while not self.gone.is_set():
            leave: Go | None = self._leaves.get()
            if leave is not None and leave.step == step:
                return leave
        return Go(step, leads=self._process == 0, taught=tuple(taught))

    def say_goodbye(self) -> None:
        """Tell the master that all is sent, and wait until it has it, at most `_FAREWELL` seconds."""
        self._runner.send_message(messages.AT, messages.packed(messages.At(step=Step.DONE)))
        self.gone.wait(_FAREWELL)

    def _take_down(self, msg: Any, **_: Any) -> None:
        if msg.type == messages.PING:
            with contextlib.suppress(NonsenseError):
                ping = messages.read(messages.Ping, msg.data)
                pong = messages.Pong(number=ping.number, clock=time.monotonic())
                self._runner.send_message(messages.PONG, messages.packed(pong))
        elif msg.type == messages.GO:
            with contextlib.suppress(NonsenseError):
                leave = messages.read(messages.Leave, msg.data)
                self._leaves.put(Go(leave.step, leave.leads, leave.start, leave.taught))
        elif msg.type == messages.BYE:
            self._hang_up()
        else:
            self._orders.put((msg.type, msg.data))

    def _hang_up(self) -> None:
        self.gone.set()
        self._leaves.put(None)
        self._orders.put((messages.BYE, None))

    def _stop_when_told(self, stop: Callable[[], None]) -> None:
        while self._orders.get()[0] not in (messages.STOP, messages.BYE):
            pass
        stop()

    def _take_pulse(self, **_: Any) -> None:
        self._heard = True

    def _listen_for_life(self) -> None:
        """Counts its own looks and not the time: where this process was busy, so was its ear."""
        silent = 0
        while silent < _SILENCE and not self.gone.is_set():
            gevent.sleep(1.0)
            silent, self._heard = 0 if self._heard else silent + 1, False
        self._hang_up()


class Worker:
    """One worker's part in one run."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._load: LoadProcess | None = None
        self._stopped = False

    def stop(self) -> None:
        """End the schedule, or the wait for orders."""
        self._stopped = True
        if self._load is not None:
            self._load.stop()
        else:
            self._finish({"stopped": True})

    def run(self, host: str, port: int, wait: float) -> None:
        """Raises UsageError and UnreachableError."""
        self._tell({"say": f"looking for the master at {host}:{port}"})
        environment = Environment()
        try:
            with gevent.Timeout(wait):
                runner = environment.create_worker_runner(host, port)
        except (gevent.Timeout, ConnectionError):
            raise UnreachableError(
                f"No master answers at {host}:{port} within {wait:g} s: start kato-bench run with "
                "--expect-workers there, and see that its port is open to this machine."
            ) from None
        line = Line(runner)
        hello = messages.Hello(version=__version__, host=socket.gethostname(), pid=os.getpid())
        runner.send_message(messages.HELLO, messages.packed(hello))
        kind, data = line.order()
        if kind == messages.REFUSAL:
            raise UsageError(messages.read(messages.Told, data).sentence)
        if kind != messages.ORDER:
            raise UnreachableError("The master has ended before the run began.")
        try:
            order = messages.read(messages.Order, data)
            self._load = self._prepare(order, runner, line)
        except (BenchError, NonsenseError) as error:
            told = messages.Told(sentence=str(error)[:2000])
            runner.send_message(messages.CANNOT, messages.packed(told))
            line.gone.wait(_FAREWELL)
            raise UsageError(str(error)) from error
        self._carry(order, line)

    def _prepare(self, order: messages.Order, runner: WorkerRunner, line: Line) -> LoadProcess:
        """Raises BenchError where the order cannot be carried out here."""
        plan = order.plan
        scenario = find(plan.scenario)
        sent = texts.load(Path(plan.corpus) if plan.corpus else None)
        if sent.sha256 != order.corpus:
            where = plan.corpus or "built in, it differs between versions of Python"
            raise UsageError(
                f"the text that this worker would send ({where}) is not the master's: use the same Python, "
                "or put the same file at the same place on both with --corpus."
            )
        _require_target(order)
        line.number(order.process)
        spec = order.model_dump(mode="json") | {"scenario_path": str(scenario.path)}
        return LoadProcess(spec, FrameMessages(runner), line)

    def _carry(self, order: messages.Order, line: Line) -> None:
        assert self._load is not None
        share = f"{order.process + 1} of {order.plan.loaders.number}"
        self._tell({"say": f"carrying share {share} of a run of {order.plan.scenario}"})
        line.on_stop(self._load.stop)
        machine = OwnMachine(order.process, order.origin, shared=order.boot == boot())
        samples = gevent.spawn(_keep_samples, machine, self._load.recorder)
        self._load.run()
        samples.kill()
        if line.gone.is_set():
            raise UnreachableError("The master is gone: the run was ended here, and its records are lost.")
        line.say_goodbye()
        self._finish(
            {
                "process": order.process,
                "processes": order.plan.loaders.number,
                "run": order.run,
                "stopped": self._stopped,
            }
        )

    def fail(self, error: BenchError) -> None:
        self._finish({"unreachable" if isinstance(error, UnreachableError) else "refused": str(error)})

    def _finish(self, words: dict[str, Any]) -> NoReturn:
        """Say the last words and end at once: Python would wait for sockets that nobody needs."""
        self._tell(words)
        os._exit(0)

    def _tell(self, line: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            self._control.sendall(json.dumps(line).encode() + b"\n")


def _keep_samples(machine: OwnMachine, recorder: Recorder) -> None:
    while True:
        recorder.sample(machine.sample())
        gevent.sleep(_SAMPLING)


def _require_target(order: messages.Order) -> None:
    """Raises BenchError where what answers here is not what answers the master."""
    address = parse("The target", order.base_url, ("http", "https"), "not a URL")
    try:
        require_loopback(address)
        _, body = get(address, "/", _TARGET_TIMEOUT)
    except FAILURES as error:
        raise UnreachableError(
            f"the target {address.base} is not reached from this worker ({error}): forward its port to this "
            "machine."
        ) from error
    if order.kato_version is not None:
        version = (json_object(body) or {}).get("version")
        if version != order.kato_version:
            raise UsageError(
                f"at {address.base} this worker finds KATO {version} and the master {order.kato_version}: "
                "forward the same target's port to both."
            )


def main() -> None:
    parser = argparse.ArgumentParser(description="a worker of a run on another machine")
    parser.add_argument("--control-fd", type=int, required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--wait", type=float, required=True)
    arguments = parser.parse_args()
    take_short_slices()
    worker = Worker(socket.socket(fileno=arguments.control_fd))
    gevent.signal_handler(signal.SIGTERM, worker.stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        worker.run(arguments.host, arguments.port, arguments.wait)
    except BenchError as error:
        worker.fail(error)


if __name__ == "__main__":
    main()
