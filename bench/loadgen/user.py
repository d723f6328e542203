"""The base of every scenario: one Locust user is one KATO session, or one after the other.

Under `kato-bench` a driver hands each user its turns by the schedule. Under plain `locust -f` the same class
runs as Locust users do, one request after the other with a wait between them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, TypeAlias

import gevent
from locust import User, events, task

from bench.loadgen.client import Exchange
from bench.loadgen.operations import Request
from bench.loadgen.world import Lesson, World

if TYPE_CHECKING:
    from bench.loadgen.session import Session, Turn
    from bench.loadgen.traffic import Traffic

#: The addresses of the target's stores that are known, by name: redis, qdrant, clickhouse.
Stores: TypeAlias = Mapping[str, str]

#: Keeps an event in the record: `note(kind, **fields)`.
Note: TypeAlias = Callable[..., None]

#: What a user sends, in order; each answer comes back as the value of the `yield`.
Script: TypeAlias = Generator[Request, Exchange, None]


class Driver(Protocol):
    """Decides when a user may send, and sends for it. `paces_by_turns`: who has an answer may ask for the
    next turn at once."""

    world: World
    paces_by_turns: bool

    def enter(self, user: KatoUser) -> Session: ...

    def turn(self, user: KatoUser) -> Turn:
        """Wait for the user's next turn. Raises StopUser when there are no more."""

    def send(self, user: KatoUser, request: Request, turn: Turn) -> Exchange: ...

    def pause(self) -> float:
        """Seconds between two requests of a user, beyond what its turns demand."""


class KatoUser(User):
    """Subclasses say what a session sends (`script`) and what its node must have learned (`lessons`). Those
    that reach for KATO's stores themselves (`furnish`, `examine`, `clear_away`) name them in
    `SCENARIO["stores"]`; without that these three are not called."""

    abstract = True
    scenario: ClassVar[dict[str, Any]]
    session: Session
    world: World

    @classmethod
    def prepare(cls, world: World) -> None:
        """Make `world.shared`, once per load process, before the first user exists."""

    @classmethod
    def lessons(cls, world: World) -> Iterator[Lesson]:
        """The patterns to learn before the load begins."""
        return iter(())

    @classmethod
    def furnish(cls, world: World, stores: Stores) -> None:
        """Bring into the stores, past KATO, what would take too long through it. Comes after the lessons and
        before the sessions open.

        Raises StoreError and PreloadError where that fails, UsageError for wrong options. May be ended at any
        moment where it waits (GreenletExit)."""

    @classmethod
    def examine(cls, world: World, stores: Stores, note: Note) -> None:
        """Look at the stores when the load is over, and keep what is found as events: `note(kind, **fields)`.

        A store that fails is such an event, and no failure of the run. Ends as `furnish` does."""

    @classmethod
    def clear_away(cls, world: World, stores: Stores) -> int:
        """Take away what KATO leaves in its stores when the nodes are cleared; how much could not be."""
        return 0

    @classmethod
    def opened(cls, world: World, own: Session) -> Sequence[Session]:
        """The sessions that are opened before the load begins, for the user whose session is `own`. None
        where the script creates its session itself, and deletes it, and creates another one."""
        return [own]

    @classmethod
    def begin(cls, world: World, traffic: Traffic, note: Note) -> None:
        """Open what stands beside the sessions while the load goes on; `note` may be called until it ends.

        Raises PreloadError where the target does not let it."""

    @classmethod
    def end(cls, world: World, note: Note) -> None:
        """Close what `begin` has opened, and keep what is to be told of it as events."""

    @classmethod
    def seated(cls, world: World, session: Session) -> Self:
        """A user that Locust does not run, for the sake of its script."""
        user = cls.__new__(cls)
        user.world, user.session = world, session
        return user

    def script(self) -> Script:
        """The requests of one user, without end, whatever their answers are. Not two of one session are ever
        open at once, so a script that needs several sessions may have them: `request.on(session)`, each with
        an index of its own."""
        raise NotImplementedError

    @property
    def node(self) -> int:
        """Which of its world's nodes the session is on, from 0."""
        return self.session.node - self.world.first_node

    @property
    def _driver(self) -> Driver:
        driver: Driver = self.environment.kato_driver
        return driver

    def on_start(self) -> None:
        self.world = self._driver.world
        self.session = self._driver.enter(self)
        self._script = self.script()
        self._request: Request | None = next(self._script)

    @task
    def send_next(self) -> None:
        """Send the next request; where turns are all there is to wait for, those after it, too: a round of
        Locust's own loop takes as long as a request."""
        driver = self._driver
        while True:
            turn = driver.turn(self)
            request, self._request = self._request, None
            assert request is not None
            self._request = self._script.send(driver.send(self, request, turn))
            if not driver.paces_by_turns:
                return

    def skip(self, drop: Callable[[Request], Exchange]) -> None:
        """Go past the next request of the script without sending it; `drop` says what became of it."""
        if self._request is None:
            # This user was ended while a request was under way, which is recorded already.
            self._request = self._script.send(Exchange(error="unanswered"))
        self._request = self._script.send(drop(self._request))

    def wait_time(self) -> float:
        return self._driver.pause()


@events.init.add_listener  # type: ignore[untyped-decorator]
def _drive_alone(environment: Any, **_: Any) -> None:
    """Locust itself started this locustfile: nobody has set a driver."""
    if not hasattr(environment, "kato_driver"):
        from bench.loadgen.standalone import StandaloneDriver

        environment.kato_driver = StandaloneDriver(environment)
        # Imports took seconds in which the loop's clock stood still: Locust's --run-time would lack them.
        gevent.get_hub().loop.update_now()
