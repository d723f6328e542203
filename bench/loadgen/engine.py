"""One load process: turns a schedule into requests, each sent by the session that the schedule names."""

from __future__ import annotations

import heapq
import math
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gevent
from gevent import getcurrent
from gevent.event import AsyncResult, Event
from gevent.hub import get_hub
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import LocalRunner

from bench.loadgen.arrivals import Arrival, ClosedSchedule, phase_of
from bench.loadgen.client import Exchange
from bench.loadgen.operations import Request
from bench.loadgen.recorder import Recorder
from bench.loadgen.session import Session, Turn
from bench.loadgen.timer import DueTimer
from bench.loadgen.traffic import Traffic
from bench.loadgen.user import KatoUser
from bench.loadgen.world import World
from bench.plan import Phases

#: Seconds between the last preparation and the first due time, so that the first arrivals are not late.
_LEAD = 0.05
#: Seconds. Turns that fall due within so short a time of each other are given together: to set a timer costs
#: as much as a request, on a virtual machine more.
_GRAIN = 0.0002
#: More turns that are due already are not given without a look at answers and signals.
_TURNS_AT_ONCE = 200
_NEVER = Arrival(math.inf, -1)
#: Longest wait for open requests, in seconds, once somebody has asked the run to stop.
HURRIED = 2.0


class _Seat:
    """A session's place in the engine: who sits there, and the turns given and not taken yet."""

    def __init__(self, place: int, session: Session) -> None:
        self.place = place
        self.session = session
        self.user: KatoUser | None = None
        self.turns: deque[Turn] = deque()
        self._waiting: Any = None

    def give(self, turn: Turn) -> None:
        """Called in the hub: whoever waits for the turn goes on at once, until it has to wait again."""
        self.turns.append(turn)
        if self._waiting is not None:
            self._waiting.switch()

    def wait(self) -> None:
        """Until a turn is given."""
        self._waiting = getcurrent()
        try:
            get_hub().switch()
        finally:
            self._waiting = None


class _Scheduled:
    """What is due next of a schedule; `due` is infinite where nothing is."""

    def __init__(self, schedule: Iterator[Arrival], seats: list[_Seat], start: float) -> None:
        self._schedule = schedule
        self._seats = seats
        self._start = start
        self._advance()

    def take(self) -> _Seat:
        """Whose turn it is."""
        seat = self._seats[self._session]
        self._advance()
        return seat

    def _advance(self) -> None:
        due, self._session = next(self._schedule, _NEVER)
        self.due = self._start + due


class _Answered:
    """Users of a closed model by when they are due; as `_Scheduled`."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, _Seat]] = []
        self.due = math.inf

    def push(self, due: float, seat: _Seat) -> None:
        heapq.heappush(self._heap, (due, seat.place, seat))
        self.due = self._heap[0][0]

    def take(self) -> _Seat:
        _, _, seat = heapq.heappop(self._heap)
        self.due = self._heap[0][0] if self._heap else math.inf
        return seat


class Engine:
    """Drives the users of one Environment by due times (`run`), and is their Driver.

    Open model: `schedule` yields arrivals, due in seconds after the start of load, and nothing that the
    target does changes it. Closed model: `closed` says when each session is due after its own last answer."""

    paces_by_turns = True

    def __init__(
        self,
        world: World,
        sessions: list[Session],
        traffic: Traffic,
        recorder: Recorder,
        phases: Phases,
        schedule: Iterator[Arrival],
        closed: ClosedSchedule | None = None,
    ) -> None:
        self.world = world
        self._seats = [_Seat(place, session) for place, session in enumerate(sessions)]
        self._entering = iter(self._seats)
        self._seat_of: dict[int, _Seat] = {}
        self._all_seated = Event()
        self._traffic = traffic
        self._recorder = recorder
        self._phases = phases
        self._schedule = schedule
        self._closed = closed
        self._answered = _Answered()
        self._upcoming: _Scheduled | _Answered = self._answered
        self._timer = DueTimer(self._hand_out_in_loop)
        self._dispatched: AsyncResult[None] = AsyncResult()
        self._start = self._ends = 0.0
        self._over = False
        self._stopped_early = False
        self._hurried_by = math.inf
        self._broken: str | None = None

    def enter(self, user: KatoUser) -> Session:
        seat = next(self._entering)
        seat.user = user
        self._seat_of[id(user)] = seat
        if len(self._seat_of) == len(self._seats):
            self._all_seated.set()
        return seat.session

    def pause(self) -> float:
        return 0.0

    def turn(self, user: KatoUser) -> Turn:
        seat = self._seat_of[id(user)]
        while not seat.turns:
            if self._over:
                raise StopUser
            seat.wait()
        return seat.turns.popleft()

    def send(self, user: KatoUser, request: Request, turn: Turn) -> Exchange:
        seat = self._seat_of[id(user)]
        exchange = self._traffic.send(seat.session, request, turn)
        if exchange.sent is None:
            # Nothing was waited for, and a user may have many turns that are over: others come first.
            gevent.sleep(0)
        if self._closed is not None:
            self._push_user(seat, self._closed.after(seat.session.index, time.monotonic() - self._start))
        return exchange

    def run(self, environment: Environment, begin: Callable[[], float] | None = None) -> dict[str, Any]:
        """Run warm-up and measurement, then wait for open requests; returns what the manifest needs.

        `begin` is asked once every session has its user: when the load starts (`time.monotonic()`; None = at
        once). What it raises ends the run there.

        On return every request that was due is recorded: answered, unanswered, or dropped."""
        environment.events.user_error.add_listener(self._scenario_failed)  # type: ignore[no-untyped-call]
        runner = _runner_without_statistics(environment)
        environment.events.init.fire(  # type: ignore[no-untyped-call]
            environment=environment, runner=runner, web_ui=None
        )
        runner.start(len(self._seats), spawn_rate=len(self._seats), wait=True)
        self._all_seated.wait()
        self._start = time.monotonic() + _LEAD if begin is None else begin()
        self._ends = self._start + self._phases.warmup + self._phases.measure
        self._dispatch()
        dispatched = time.monotonic()
        self._over = True
        open_at_end = self._recorder.in_flight.now
        self._drain(dispatched + self._phases.drain)
        runner.quit()
        self._drop_untaken()
        self._timer.close()
        return {
            "start": self._start,
            "end": dispatched if self._stopped_early else self._ends,
            "drained": time.monotonic(),
            "open_at_end": open_at_end,
            "stopped_early": self._stopped_early,
            "scenario_error": self._broken,
        }

    def stop(self) -> None:
        """End the schedule now; what is open is still waited for, `HURRIED` seconds at most."""
        self._stopped_early = True
        self._hurried_by = min(self._hurried_by, time.monotonic() + HURRIED)
        self._timer.arm(time.monotonic())

    def _push_user(self, seat: _Seat, due: float | None) -> None:
        """Who is due already takes its turn at once: there is nothing to wait for."""
        if due is None:
            return
        at, now = self._start + due, time.monotonic()
        if at <= now < self._ends and not self._stopped_early:
            seat.turns.append(self._taken_up(at, now))
        elif at < self._ends:
            self._answered.push(at, seat)
            if self._answered.due == at:
                self._timer.arm(at)

    def _taken_up(self, due: float, now: float) -> Turn:
        turn = Turn(due, now, phase_of(due - self._start, self._phases))
        self._recorder.begin(turn)
        return turn

    def _dispatch(self) -> None:
        """Hand out turns at their due times until the measurement is over."""
        if self._closed is None:
            self._upcoming = _Scheduled(self._schedule, self._seats, self._start)
        else:
            for seat in self._seats:
                self._push_user(seat, self._closed.first(seat.session.index))
        self._timer.arm(min(self._upcoming.due, self._ends))
        self._dispatched.get()

    def _hand_out_in_loop(self) -> float | None:
        try:
            again = self._hand_out()
        except Exception as error:
            self._dispatched.set_exception(error)
            return None
        if again is None:
            self._dispatched.set(None)
        return again

    def _hand_out(self) -> float | None:
        """Give the turns that are due; when there will be others, None once there are no more."""
        now = time.monotonic()
        upcoming = self._upcoming
        given = 0
        while upcoming.due <= now and upcoming.due < self._ends and not self._stopped_early:
            if given == _TURNS_AT_ONCE:
                return now
            given += 1
            due = upcoming.due
            upcoming.take().give(self._taken_up(due, now))
            now = time.monotonic()
        if now >= self._ends or self._stopped_early:
            return None
        return min(self._ends, max(now + _GRAIN, upcoming.due))

    def _drain(self, deadline: float) -> None:
        """Wait until nothing is in flight, until the deadline, or shortly once somebody wants an end."""
        while self._recorder.in_flight.now and time.monotonic() < min(deadline, self._hurried_by):
            gevent.sleep(0.02)

    def _drop_untaken(self) -> None:
        for seat in self._seats:
            while seat.turns:
                turn = seat.turns.popleft()
                assert seat.user is not None
                seat.user.skip(partial(self._traffic.drop, seat.session, turn))

    def _scenario_failed(self, exception: BaseException, tb: Any, **_: Any) -> None:
        """A scenario that raises has lost its place in its script: the run cannot go on."""
        where = traceback.extract_tb(tb)[-1]
        self._broken = (
            "its script came to an end, and must go on for ever (while True)"
            if isinstance(exception, StopIteration)
            else f"{type(exception).__name__}: {exception} ({Path(where.filename).name}:{where.lineno})"
        )
        self.stop()


def _runner_without_statistics(environment: Environment) -> LocalRunner:
    """Locust's own runner, but for what it makes of each request: nobody looks at that here, and it takes as
    long as recording the request does."""
    heard_by = environment.events.request
    before = list(heard_by._handlers)
    runner = environment.create_local_runner()
    for listener in [one for one in heard_by._handlers if one not in before]:
        heard_by.remove_listener(listener)  # type: ignore[no-untyped-call]
    return runner
