"""A load process: `python -m bench.loadgen.child --spec FILE --recorder-fd N --control-fd N`.

It alone imports Locust, which patches sockets and threads of the whole process. SIGTERM ends the schedule,
waits shortly for open requests, cleans up, and sends what was recorded.
"""

from __future__ import annotations

import locust  # noqa: F401 - patches the standard library, so it comes before everything that uses sockets

# isort: split
import argparse
import gc
import importlib.util
import json
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gevent
from gevent import socket
from locust import events
from locust.env import Environment

from bench.errors import UsageError
from bench.loadgen.arrivals import ClosedSchedule
from bench.loadgen.client import HttpClient
from bench.loadgen.descriptors import make_room
from bench.loadgen.distributed.meeting import CalledOffError, Meeting, SocketMeeting
from bench.loadgen.distributed.rendezvous import Step
from bench.loadgen.distributed.share import Share
from bench.loadgen.engine import HURRIED, Engine
from bench.loadgen.preload import Clerk, PreloadError
from bench.loadgen.qdrant import StoreError
from bench.loadgen.recorder import Outlet, Recorder
from bench.loadgen.roster import Roster
from bench.loadgen.schedule import schedule_of
from bench.loadgen.scheduling import take_short_slices
from bench.loadgen.session import Session
from bench.loadgen.sockets import Sockets
from bench.loadgen.traffic import Traffic
from bench.loadgen.user import KatoUser
from bench.loadgen.verify import Witness, replay
from bench.loadgen.world import World
from bench.plan import Plan
from bench.record.vocabulary import PART

#: Seconds for one request of the clean-up.
_CLEAN_UP_REQUEST = 10.0
#: Who may have a connection open besides the sessions: teachers, subscribers.
_BESIDES_SESSIONS = 50


def load_user_class(path: Path) -> type[KatoUser]:
    """The scenario's user class: the one class of the file that is a KatoUser and not abstract. Of those that
    the file imports, to build on them, none counts if it defines one."""
    spec = importlib.util.spec_from_file_location(f"scenario_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up there.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    classes = [
        item
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, KatoUser) and not item.abstract
    ]
    classes = [item for item in classes if item.__module__ == spec.name] or classes
    if len(classes) != 1:
        raise SystemExit(f"{path} must define one scenario class, it defines {len(classes)}")
    return classes[0]


class LoadProcess:
    """One share of one run of a scenario, from the preload to the clean-up."""

    def __init__(self, spec: dict[str, Any], recorder_socket: Outlet, meeting: Meeting) -> None:
        self._plan = Plan.model_validate(spec["plan"])
        self._share = Share(int(spec["process"]), self._plan.loaders.number)
        self._meeting = meeting
        self._clean_up = bool(spec["clean_up"])
        self._stores: dict[str, str] = spec["stores"]
        self._origin = float(spec["origin"])
        self.recorder = Recorder(recorder_socket, self._origin, self._share.index)
        assert self._plan.connections is not None
        self._connections = self._share.part(self._plan.connections)
        self._client = HttpClient(spec["base_url"], self._connections, self._plan.timeout)
        self._witness = _witness(self._plan, self._plan.sessions) if self._plan.verify else None
        self._user_class = load_user_class(Path(spec["scenario_path"]))
        self._roster = Roster()
        self._traffic = Traffic(
            self._client,
            events,
            self.recorder,
            self._plan.timeout,
            self._witness,
            sockets=Sockets(spec["base_url"], self._client, self._plan.timeout),
            roster=self._roster,
            validates=bool(self._user_class.scenario.get("validates")),
        )
        self._clerk = Clerk(self._traffic, self.recorder.begin)
        self._reaches_stores = bool(self._user_class.scenario.get("stores"))
        self._world = World(
            options=self._plan.data,
            seed=self._plan.seed,
            run=str(spec["run"]),
            sessions=self._plan.sessions,
            corpus=self._plan.corpus,
            session_config=dict(self._plan.session),
            roster=self._roster,
        )
        self._engine: Engine | None = None
        self._aside: gevent.Greenlet | None = None
        self._stopping = False

    def stop(self) -> None:
        """End the schedule, the preload, or the work at the stores; what is open, and the clean-up, get
        `HURRIED` seconds each."""
        if self._stopping:
            return
        self._stopping = True
        self._client.hurry(HURRIED)
        if self._engine is not None:
            self._engine.stop()
        else:
            gevent.spawn_later(HURRIED, self._clerk.stop_teaching)
        if self._aside is not None:
            self._aside.kill(block=False)

    def run(self) -> None:
        facts: dict[str, Any] = {}
        nodes = range(int(self._plan.data["nodes"]))
        sessions = [
            Session(i, i % len(nodes), self._world.node_name(i % len(nodes)))
            for i in self._share.sessions(self._world.sessions)
        ]
        self._meeting.meet(Step.HERE)
        began = time.monotonic()
        try:
            make_room(min(self._connections, len(sessions) + _BESIDES_SESSIONS))
            self._user_class.prepare(self._world)
            lessons = self._share.lessons(self._user_class.lessons(self._world))
            facts["learned"] = self._clerk.teach(lessons, self._world, nodes, lambda: self._stopping)
            self._furnish()
            self._open(sessions)
            self._phase("preload", began, time.monotonic())
            if not self._stopping:
                facts |= self._load(sessions)
        except (PreloadError, StoreError) as error:
            facts["failure"] = str(error)
        except UsageError as error:
            facts["refused"] = str(error)
        facts.setdefault("stopped_early", self._stopping)
        self._cool_down(nodes, facts)
        self._client.close()
        self.recorder.finish(process=self._share.index, **facts)

    def _open(self, sessions: list[Session]) -> None:
        """Create what is to be open before the load begins."""
        wanted = [one for own in sessions for one in self._user_class.opened(self._world, own)]
        if wanted:
            self._clerk.open_all(wanted, self._world)
        else:
            self._clerk.try_config(self._world)

    def _cool_down(self, nodes: Sequence[int], facts: dict[str, Any]) -> None:
        """Once no process loads any more, ask the sampled predictions of a whole run again and examine what
        it left in the stores; then clean up. Adds to `facts` how that went."""
        began = time.monotonic()
        self.recorder.phase = "cooldown"
        over = self._meeting.meet(Step.OVER, self._witness.taught if self._witness is not None else ())
        whole = not (facts["stopped_early"] or "failure" in facts or "refused" in facts)
        verifies = self._witness is not None and over.leads and whole
        if self._witness is not None and verifies:
            self._witness.forget(over.taught)
            replay(
                self._witness,
                self._traffic,
                begin=self.recorder.begin,
                note=self.recorder.event,
                stopped=lambda: self._stopping,
            )
            facts["stopped_early"] = self._stopping
        examines = self._reaches_stores and over.leads and whole and not self._stopping
        if examines:
            self._at_the_stores(self._user_class.examine, self.recorder.event)
            facts["stopped_early"] = self._stopping
        if self._clean_up:
            self._client.hurry(_CLEAN_UP_REQUEST)
            facts["not_cleaned"] = self._clerk.clean(
                self._roster.remaining(), self._world, nodes if over.leads else ()
            )
            if self._reaches_stores and self._meeting.meet(Step.CLEARED).leads:
                facts["not_cleaned"] += self._user_class.clear_away(self._world, self._stores)
        if verifies or examines or self._clean_up:
            self._phase("cooldown", began, time.monotonic())

    def _furnish(self) -> None:
        """Have the stores furnished once all processes have taught their lessons."""
        leads = self._meeting.meet(Step.TAUGHT).leads
        if self._reaches_stores:
            if leads:
                self._at_the_stores(self._user_class.furnish)
            self._meeting.meet(Step.FURNISHED)

    def _at_the_stores(self, work: Callable[..., None], *arguments: Any) -> None:
        """Do the scenario's own work at the stores in a greenlet of its own, so that `stop` can end it."""
        if self._reaches_stores and not self._stopping:
            self._aside = gevent.spawn(work, self._world, self._stores, *arguments)
            self._aside.get()
            self._aside = None

    def _load(self, sessions: list[Session]) -> dict[str, Any]:
        plan = self._plan
        closed = ClosedSchedule(plan.arrivals, plan.phases) if plan.closed else None
        schedule = iter(()) if closed else self._share.arrivals(schedule_of(plan))
        self._engine = engine = Engine(
            self._world,
            sessions,
            self._traffic,
            self.recorder,
            plan.phases,
            schedule,
            closed,
        )
        environment = Environment(user_classes=[self._user_class], events=events, catch_exceptions=True)
        environment.kato_driver = engine  # type: ignore[attr-defined]
        # What lives now lives to the end of the run: no collection must walk it while we measure.
        gc.collect()
        gc.freeze()
        self._user_class.begin(self._world, self._traffic, self.recorder.event)
        try:
            facts = engine.run(environment, self._begin)
        except CalledOffError:
            return {"stopped_early": True}
        finally:
            self._user_class.end(self._world, self.recorder.event)
        start, end = facts.pop("start"), facts.pop("end")
        measured_from = min(end, start + plan.phases.warmup)
        if plan.phases.warmup:
            self._phase("warmup", start, measured_from)
        self._phase("measure", measured_from, end)
        self._note_parts(start, end)
        facts["drained"] -= self._origin
        return facts

    def _note_parts(self, start: float, end: float) -> None:
        """Keep where one stretch of the load ended and the next began, as far as this process came."""
        for number, part in enumerate(self._plan.phases.parts):
            if start < end:
                until = min(end, start + part.seconds)
                self.recorder.event(
                    PART,
                    number=number,
                    name=part.title,
                    phase=part.phase,
                    start=start - self._origin,
                    end=until - self._origin,
                    load=part.arrivals.words,
                )
            start += part.seconds

    def _begin(self) -> float:
        """When the load begins, the same moment for all processes. Raises CalledOffError."""
        start = self._meeting.meet(Step.READY).start
        if start is None:
            raise CalledOffError
        return start

    def _phase(self, name: str, start: float, end: float) -> None:
        self.recorder.event("phase", name=name, start=start - self._origin, end=end - self._origin)


def _witness(plan: Plan, sessions: int) -> Witness:
    longest = plan.session.get("max_pattern_length")
    return Witness(plan.seed, sessions, observing_learns=isinstance(longest, int) and longest > 0)


def main() -> None:
    parser = argparse.ArgumentParser(description="one load process of a run")
    parser.add_argument("--spec", type=Path, required=True)
    parser.add_argument("--recorder-fd", type=int, required=True)
    parser.add_argument("--control-fd", type=int, required=True)
    arguments = parser.parse_args()
    take_short_slices()
    spec = json.loads(arguments.spec.read_text())
    meeting = SocketMeeting(socket.socket(fileno=arguments.control_fd))
    process = LoadProcess(spec, socket.socket(fileno=arguments.recorder_fd), meeting)
    gevent.signal_handler(signal.SIGTERM, process.stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    process.run()


if __name__ == "__main__":
    main()
