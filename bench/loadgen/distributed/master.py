"""The master of workers: `python -m bench.loadgen.distributed.master --spec FILE --control-fd N
--recorder-fd N --recorder-fd N ...`.

It waits for the workers, has them begin together, and hands their frames on to the recorder: its own go
through the first of the recorder's sockets, those of worker k through number k + 1. It loads nothing itself.
SIGTERM ends the schedule of all workers. To the command it sends lines of JSON, `{"say": sentence}`.
"""

from __future__ import annotations

import locust  # noqa: F401 - patches the standard library, so it comes before everything that uses sockets

# isort: split
import argparse
import contextlib
import json
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gevent
from gevent import socket
from gevent.queue import Empty, Queue

from bench import __version__
from bench.loadgen.distributed import messages
from bench.loadgen.distributed.clocks import Offset, RoundTrip, offset
from bench.loadgen.distributed.messages import NonsenseError
from bench.loadgen.distributed.rendezvous import Go, Orders, Rendezvous, Step
from bench.loadgen.distributed.switchboard import CannotListenError, News, Switchboard
from bench.plan import Plan
from bench.record import frames
from bench.record.writer import boot

#: Seconds from leave to begin to the first due time: the leave has to reach every worker before.
_LEAD = 1.0
_PINGS, _PING_TIMEOUT = 15, 2.0
#: Seconds: for all of the preload; beyond what the plan says, until the load is over; for the cool-down.
_PREPARE, _LATE, _COOL_DOWN = 3600.0, 30.0, 900.0
#: Seconds that workers get for their last frames once somebody has asked the run to stop.
_STOPPING = 90.0
_TICK = 0.25


class _GaveUpError(Exception):
    """There is no load. `key` is what the master's END frame tells it under."""

    def __init__(self, key: str, sentence: str) -> None:
        super().__init__(sentence)
        self.key = key


@dataclass
class _Worker:
    """A worker that was taken. `outlet` leads to the recorder; `ended`: it has done all, or is given up."""

    client: str
    number: int
    host: str
    pid: int
    outlet: socket.socket
    clock: Offset = field(default_factory=lambda: Offset(0.0, 0.0))
    pieces: int = 0
    ended: bool = False

    @property
    def name(self) -> str:
        return f"worker {self.number + 1} ({self.host}, pid {self.pid})"


class Master:
    """One run, from the first worker to the last one's end."""

    def __init__(
        self, spec: dict[str, Any], control: socket.socket, outlets: Sequence[socket.socket]
    ) -> None:
        """`outlets`: the recorder's sockets, the master's own first."""
        self._spec = spec
        self._plan = Plan.model_validate(spec["plan"])
        self._origin = float(spec["origin"])
        self._control = control
        self._own, *self._outlets = outlets
        self._news: Queue[News] = Queue()
        self._workers: dict[str, _Worker] = {}
        self._refused: list[str] = []
        self._meeting = Rendezvous(self._plan.loaders.number, lambda: time.monotonic() + _LEAD)
        self._orders_given = False
        self._stopping = False
        self._stop_by = float("inf")

    def stop(self) -> None:
        """End the schedule of every worker, or the wait for them."""
        self._news.put(News(messages.STOP, "", None, time.monotonic()))

    def run(self) -> None:
        try:
            self._board = self._listen()
        except _GaveUpError as error:
            self._finish(error)
            return
        gave_up = None
        try:
            self._gather()
            self._set_clocks()
            self._give_orders()
            self._see_it_through()
        except _GaveUpError as error:
            gave_up = error
            self._tell_all(messages.BYE)
        self._finish(gave_up)
        self._board.close()

    def _finish(self, gave_up: _GaveUpError | None) -> None:
        facts = {} if gave_up is None else {gave_up.key: str(gave_up)}
        end = {"master": True, "cpu_seconds": time.process_time(), **facts}
        self._own.sendall(frames.json_frame(frames.END, end))
        for outlet in (self._own, *self._outlets):
            outlet.close()

    def _listen(self) -> Switchboard:
        bind = self._plan.loaders.bind
        assert bind is not None
        try:
            board = Switchboard(bind, self._news)
        except CannotListenError as error:
            raise _GaveUpError(
                "refused", f"--master-bind {bind}: nothing can listen there (is the port taken?)."
            ) from error
        self._say(
            f"waiting for {self._count()} at {board.address}; start each with: "
            f"kato-bench worker --master {board.address}"
        )
        return board

    def _gather(self) -> None:
        """Take workers until they are enough. Raises _GaveUpError if they do not come in time."""
        wanted, deadline = self._plan.loaders.number, time.monotonic() + self._plan.loaders.wait
        while len(self._workers) < wanted:
            if self._stopping:
                raise _GaveUpError("stopped", "it was stopped before its workers had come")
            if time.monotonic() > deadline:
                raise _GaveUpError("no_workers", self._who_is_missing())
            self._hear()
            for client in [one for one in self._workers if self._is_silent(one)]:
                gone = self._workers.pop(client)
                self._say(f"{gone.host} (pid {gone.pid}) has gone again")
        for number, worker in enumerate(self._workers.values()):
            worker.number, worker.outlet = number, self._outlets[number]

    def _who_is_missing(self) -> str:
        came = ", ".join(f"{worker.host} (pid {worker.pid})" for worker in self._workers.values()) or "none"
        refused = f"; refused: {', '.join(self._refused)}" if self._refused else ""
        return (
            f"Only {len(self._workers)} of {self._count()} came within {self._plan.loaders.wait:g} s ({came}"
            f"{refused}): start kato-bench worker on each machine, and see that it reaches the master's port."
        )

    def _welcome(self, news: News) -> None:
        try:
            hello = messages.read(messages.Hello, news.data)
        except NonsenseError as error:
            self._refuse(news.client, "a stranger", f"The master does not understand this worker: {error}.")
            return
        who = f"{hello.host} (pid {hello.pid})"
        if hello.version != __version__:
            self._refuse(
                news.client,
                f"{who} has kato-bench {hello.version}",
                f"This worker has kato-bench {hello.version} and its master {__version__}: install the same "
                "version on both.",
            )
        elif len(self._workers) >= self._plan.loaders.number:
            self._refuse(news.client, who, f"The master has its {self._count()} already.")
        elif news.client not in self._workers:
            self._workers[news.client] = _Worker(news.client, -1, hello.host, hello.pid, self._own)
            self._say(f"{len(self._workers)} of {self._count()}: {who}")

    def _refuse(self, client: str, who: str, sentence: str) -> None:
        self._refused.append(who)
        self._say(f"refused {who}: {sentence}")
        self._board.tell(client, messages.REFUSAL, messages.Told(sentence=sentence))

    def _set_clocks(self) -> None:
        """Measure how far each worker's clock is from ours. Raises _GaveUpError for one that is silent."""
        for worker in self._workers.values():
            trips = list(self._round_trips(worker))
            if not trips:
                raise _GaveUpError(
                    "no_workers", f"{worker.name} does not answer; start it again, and the run."
                )
            worker.clock = offset(trips)
            self._event(
                "worker_clock",
                worker=worker.number,
                host=worker.host,
                pid=worker.pid,
                offset_seconds=worker.clock.seconds,
                uncertainty_seconds=worker.clock.uncertainty,
            )

    def _round_trips(self, worker: _Worker) -> Iterator[RoundTrip]:
        for number in range(_PINGS):
            sent = time.monotonic()
            self._board.tell(worker.client, messages.PING, messages.Ping(number=number))
            while time.monotonic() < sent + _PING_TIMEOUT:
                news = self._hear()
                if news is None or (news.kind, news.client) != (messages.PONG, worker.client):
                    continue
                with contextlib.suppress(NonsenseError):
                    pong = messages.read(messages.Pong, news.data)
                    if pong.number == number:
                        yield RoundTrip(sent, pong.clock, news.at)
                        break

    def _give_orders(self) -> None:
        if self._stopping:
            raise _GaveUpError("stopped", "it was stopped before its load began")
        self._orders_given = True
        for worker in self._workers.values():
            order = messages.Order(
                plan=self._plan,
                process=worker.number,
                origin=self._origin + worker.clock.seconds,
                boot=boot(),
                **{
                    name: self._spec[name]
                    for name in ("base_url", "stores", "run", "clean_up", "corpus", "kato_version")
                },
            )
            self._board.tell(worker.client, messages.ORDER, order)

    def _see_it_through(self) -> None:
        """Until every worker has ended or is lost. Raises _GaveUpError for one lost before the load."""
        phases = self._plan.phases
        load = phases.warmup + phases.measure
        prepared_by = time.monotonic() + _PREPARE
        while not all(worker.ended for worker in self._workers.values()):
            self._hear()
            now, start = time.monotonic(), self._meeting.start
            over_by = prepared_by if start is None else start + load + phases.drain + _LATE
            late = self._meeting.behind(Step.OVER) if now > over_by else []
            if now > min(self._stop_by, over_by + _COOL_DOWN):
                late = self._meeting.behind(Step.DONE)
            for worker in [one for one in self._workers.values() if not one.ended]:
                if worker.number in late:
                    self._lose(worker, "has not come to its end in time")
                elif self._is_silent(worker.client):
                    self._lose(worker, "gives no sign of life")

    def _is_silent(self, client: str) -> bool:
        """A worker is heard of every second, but while it prepares or clears it may be busy for longer."""
        loads = self._meeting.start is not None and bool(self._meeting.behind(Step.OVER))
        return self._board.is_silent(client, busy=self._orders_given and not loads)

    def _lose(self, worker: _Worker, why: str) -> None:
        """A worker is gone: its socket's end tells the recorder, and nobody waits for it any more."""
        worker.ended = True
        worker.outlet.close()
        self._board.tell(worker.client, messages.STOP)
        began = self._meeting.start is not None
        self._send(self._meeting.leave(worker.number))
        if not began:
            self._tell_all(messages.STOP)
            raise _GaveUpError(
                "no_workers", f"{worker.name} {why}, and the load had not begun: start it again."
            )
        self._say(f"{worker.name} {why}; what it had still to send is missing from this run")

    def _hear(self) -> News | None:
        """Take the next piece of news, if any comes soon, and act on it."""
        try:
            news: News = self._news.get(timeout=_TICK)
        except Empty:
            return None
        if news.kind == messages.STOP:
            self._stop_all()
        elif news.kind == messages.HELLO:
            self._welcome(news)
        elif (worker := self._workers.get(news.client)) is not None and not worker.ended:
            try:
                self._act(worker, news)
            except (NonsenseError, ValueError, KeyError) as error:
                self._lose(worker, f"sends what makes no sense ({error})")
        return news

    def _act(self, worker: _Worker, news: News) -> None:
        """Raises NonsenseError, ValueError or KeyError where the message cannot be meant."""
        if news.kind == messages.FRAMES:
            piece = messages.read(messages.Frames, news.data)
            if piece.number != worker.pieces:
                raise NonsenseError(f"piece {piece.number} of its records after {worker.pieces - 1}")
            worker.pieces += 1
            worker.outlet.sendall(piece.data)
        elif news.kind == messages.AT:
            self._arrived(worker, messages.read(messages.At, news.data))
        elif news.kind == messages.CANNOT and self._meeting.start is None:
            told = messages.read(messages.Told, news.data)
            raise _GaveUpError("refused", f"{worker.name} cannot take part: {told.sentence}")

    def _arrived(self, worker: _Worker, at: messages.At) -> None:
        step = at.step
        if step == Step.DONE:
            worker.ended = True
            worker.outlet.close()
            self._board.tell(worker.client, messages.BYE)
            self._send(self._meeting.leave(worker.number))
            return
        phases, start = self._plan.phases, self._meeting.start
        orders = self._meeting.arrive(worker.number, step, at.taught)
        # The clocks agree within the uncertainty only.
        end = None if start is None else start + phases.warmup + phases.measure - worker.clock.uncertainty
        early = end is not None and time.monotonic() < end
        if step == Step.OVER and (early or self._meeting.called_off):
            # It was stopped, or its scenario failed: what the others do from here on is another load.
            self._stop_all()
        self._send(orders)

    def _send(self, orders: Orders) -> None:
        by_number = {worker.number: worker for worker in self._workers.values()}
        for number, go in orders:
            self._release(by_number[number], go)

    def _release(self, worker: _Worker, go: Go) -> None:
        start = None if go.start is None else go.start + worker.clock.seconds
        leave = messages.Leave(step=go.step, leads=go.leads, start=start, taught=go.taught)
        self._board.tell(worker.client, messages.GO, leave)

    def _stop_all(self) -> None:
        if not self._stopping:
            self._stopping = True
            self._stop_by = time.monotonic() + _STOPPING
            self._tell_all(messages.STOP)

    def _tell_all(self, kind: str) -> None:
        for worker in self._workers.values():
            self._board.tell(worker.client, kind)

    def _event(self, kind: str, **facts: Any) -> None:
        event = {"t": round(time.monotonic() - self._origin, 4), "kind": kind, **facts}
        self._own.sendall(frames.json_frame(frames.EVENT, event))

    def _say(self, sentence: str) -> None:
        with contextlib.suppress(OSError):
            self._control.sendall(json.dumps({"say": sentence}).encode() + b"\n")

    def _count(self) -> str:
        number = self._plan.loaders.number
        return f"{number} worker{'s' if number > 1 else ''}"


def main() -> None:
    parser = argparse.ArgumentParser(description="the master of a run's workers")
    parser.add_argument("--spec", type=Path, required=True)
    parser.add_argument("--control-fd", type=int, required=True)
    parser.add_argument("--recorder-fd", type=int, action="append", required=True)
    arguments = parser.parse_args()
    control, *outlets = (
        socket.socket(fileno=number) for number in (arguments.control_fd, *arguments.recorder_fd)
    )
    master = Master(json.loads(arguments.spec.read_text()), control, outlets)
    gevent.signal_handler(signal.SIGTERM, master.stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    master.run()


if __name__ == "__main__":
    main()
